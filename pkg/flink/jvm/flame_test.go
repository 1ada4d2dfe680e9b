package jvm

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// sampled is the flame graph of the threads of a dump.
func sampled(t *testing.T, mode Mode) *Node {
	t.Helper()
	var s Sampler
	for _, thread := range dumped(t, "deadlock.json") {
		if mode.Counts(thread) {
			s.Add(thread)
		}
	}
	return s.Graph("all")
}

// graph writes "a 3(b 2 c 1)".
func (n *Node) text() string {
	out := fmt.Sprint(n.Name, " ", n.Value)
	if len(n.Children) > 0 {
		var parts []string
		for _, child := range n.Children {
			parts = append(parts, child.text())
		}
		out += "(" + strings.Join(parts, " ") + ")"
	}
	return out
}

func TestSamplesMakeAFlameGraph(t *testing.T) {
	at := func(calls ...string) Thread {
		thread := Thread{State: Runnable}
		for _, call := range calls {
			thread.Frames = append(thread.Frames, Frame{Call: call})
		}
		return thread
	}
	var s Sampler
	s.Add(at("c", "b", "a"))
	s.Add(at("b", "a"))
	s.Add(at("c", "b", "a"))
	s.Add(at("d"), "outer")
	s.Add(at())
	if got := s.Graph("root").text(); got != "root 5(a 3(b 3(c 2)) outer 1(d 1))" {
		t.Error(got)
	}
	if got := sampled(t, OnCPU).text(); got != "all 1(java.lang.Thread.run:840 1(D$$Lambda.run 1(D.spin:18 1)))" {
		t.Error(got)
	}
	full, on, off := sampled(t, Full), sampled(t, OnCPU), sampled(t, OffCPU)
	if full.Value != 15 || on.Value+off.Value != full.Value {
		t.Errorf("%d, %d, %d", full.Value, on.Value, off.Value)
	}
	if got := (&Sampler{}).Graph("none").text(); got != "none 0" {
		t.Error(got)
	}
}

func TestGraphsOfOthersAreTidied(t *testing.T) {
	leaf := func(name string, value int64, children ...*Node) *Node {
		return &Node{Name: name, Value: value, Children: children}
	}
	for name, tc := range map[string]struct {
		n    *Node
		want string
	}{
		"order":            {leaf("root", 3, leaf("b", 1), leaf("a", 1), leaf("c", 1)), "root 3(a 1 b 1 c 1)"},
		"less than parts":  {leaf("root", 1, leaf("a", 2), leaf("b", 2)), "root 4(a 2 b 2)"},
		"negative":         {leaf("root", -1, leaf("a", -2, leaf("x", 5)), leaf("b", 2)), "root 2(b 2)"},
		"nil":              {leaf("root", 1, nil, leaf("a", 1, nil)), "root 1(a 1)"},
		"lambdas are one":  {leaf("root", 2, leaf("a.B$$Lambda$1/0x0f.c:-1", 1, leaf("x.y:1", 1)), leaf("a.B$$Lambda$2/0x0a.c:-1", 1, leaf("x.y:1", 1))), "root 2(a.B$$Lambda.c 2(x.y:1 2))"},
		"native methods":   {leaf("root", 1, leaf("sun.nio.ch.EPoll.wait:-2", 1)), "root 1(sun.nio.ch.EPoll.wait 1)"},
		"beyond any count": {leaf("root", 1<<62, leaf("a", 1<<62), leaf("b", 1<<62)), fmt.Sprintf("root %d(a %d b %d)", int64(2*maxValue), int64(maxValue), int64(maxValue))},
	} {
		if got := Tidy(tc.n).text(); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	deep := leaf("x", 1)
	for range 9000 {
		deep = leaf("x", 1, deep)
	}
	wide := leaf("root", 1)
	for i := range maxNodes + 1000 {
		wide.Children = append(wide.Children, leaf(fmt.Sprint(i), 1))
	}
	for what, n := range map[string]*Node{"deep": deep, "wide": wide} {
		nodes, deepest := 0, 0
		Tidy(n).Walk(func(_ *Node, depth int, _ int64) { nodes++; deepest = max(deepest, depth) })
		if nodes > maxNodes+1 || deepest > maxDepth || nodes < 1000 {
			t.Errorf("%s: %d calls, %d deep", what, nodes, deepest)
		}
	}
}

func TestFoldedAndSpeedscope(t *testing.T) {
	n := Tidy(&Node{Name: "root", Value: 6, Children: []*Node{
		{Name: "Flat Map; x\ny", Value: 5, Children: []*Node{{Name: "a.B.c:1", Value: 2, Children: []*Node{{Name: "d", Value: 2}}}, {Name: "e", Value: 2}}},
		{Name: "", Value: 1},
	}})
	var out bytes.Buffer
	if err := n.Folded(&out); err != nil || out.String() != "Flat Map: x y 1\nFlat Map: x y;a.B.c:1;d 2\nFlat Map: x y;e 2\n? 1\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
	out.Reset()
	if err := n.Speedscope(&out, "<t>"); err != nil {
		t.Fatal(err)
	}
	var file struct {
		Schema string `json:"$schema"`
		Name   string
		Shared struct{ Frames []struct{ Name string } }
		All    []struct {
			Type, Unit           string
			StartValue, EndValue int64
			Samples              [][]int
			Weights              []int64
		} `json:"profiles"`
	}
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	p := file.All[0]
	if file.Name != "<t>" || len(file.Shared.Frames) != 5 || p.EndValue != 6 || fmt.Sprint(p.Samples, p.Weights) != "[[0] [0 1 2] [0 3] [4]] [1 2 2 1]" || p.Type != "sampled" {
		t.Errorf("%+v", file)
	}
}

func TestHottestCallsCountRecursionOnce(t *testing.T) {
	n := Tidy(&Node{Name: "root", Value: 10, Children: []*Node{
		{Name: "f", Value: 8, Children: []*Node{{Name: "f", Value: 6, Children: []*Node{{Name: "g", Value: 5}}}}},
		{Name: "g", Value: 2},
	}})
	if got := fmt.Sprint(n.Hottest(2), len(n.Hottest(9)), n.Hottest(0)); got != "[{g 7 7} {f 3 8}] 2 []" {
		t.Error(got)
	}
}

// bad are names that would do something if they were read as anything but text.
var bad = []string{
	`</title></g><script>alert(1)</script>`, `"><script>alert(1)</script>`, `' onload='alert(1)`, `]]><script>alert(1)</script>`,
	"a\x1b]0;x\x07b\u202ec\x00d\ufffe\xff", "javascript:alert(1)", "a.B.c\n<svg onload=alert(1)>", "&lt;&#x3c;", strings.Repeat("<", 3000), "$1$&", "SIDE", "",
}

func hostile() *Node {
	n := &Node{Name: bad[0], Value: int64(len(bad))}
	for _, name := range bad {
		n.Children = append(n.Children, &Node{Name: name, Value: 1, Children: []*Node{{Name: name, Value: 1}}})
	}
	return n
}

// The picture is well-formed XML in which names are texts, and only our own script
// is code.
func TestPicturesAreHarmless(t *testing.T) {
	for what, n := range map[string]*Node{"tidied": Tidy(hostile()), "as it came": hostile(), "empty": {Name: "root"}, "threads": sampled(t, Full)} {
		var out bytes.Buffer
		if err := n.SVG(&out, bad[1], strings.Join(bad, " ")); err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(bytes.NewReader(out.Bytes()))
		inside, scripts, boxes := "", 0, 0
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%.3000s", what, err, out.String())
			}
			switch token := token.(type) {
			case xml.StartElement:
				inside = token.Name.Local
				switch inside {
				case "script":
					scripts++
				case "svg", "title", "style", "rect", "text":
				case "g":
					boxes++
				default:
					t.Errorf("%s: an element %s", what, inside)
				}
				for _, attr := range token.Attr {
					if strings.HasPrefix(attr.Name.Local, "on") || strings.Contains(attr.Name.Local, "href") || strings.Contains(attr.Value, "alert") {
						t.Errorf("%s: attribute %s=%q", what, attr.Name.Local, attr.Value)
					}
				}
			case xml.CharData:
				if inside == "script" && strings.Contains(string(token), "alert") {
					t.Errorf("%s: the script has a name in it", what)
				}
				if strings.ContainsAny(string(token), "\x1b\x07\u202e\x00") {
					t.Errorf("%s: %q", what, token)
				}
			case xml.EndElement:
				inside = ""
			}
		}
		if scripts != 1 || boxes == 0 && what != "empty" {
			t.Errorf("%s: %d scripts, %d calls", what, scripts, boxes)
		}
		// Nothing is fetched: the only addresses are names of XML.
		if text := strings.ReplaceAll(out.String(), `xmlns="http://www.w3.org/2000/svg"`, ""); strings.Contains(text, "http") || strings.Contains(text, "url(") || strings.Contains(text, "innerHTML") {
			t.Errorf("%s: the picture leads elsewhere", what)
		}
	}
}

func TestNarrowCallsAreLeftOutOfPictures(t *testing.T) {
	n := &Node{Name: "root", Value: 1}
	for i := range 3 * maxBoxes {
		n.Children = append(n.Children, &Node{Name: fmt.Sprint("c", i), Value: 1 + int64(i%3)})
	}
	n = Tidy(n)
	boxes, left := n.boxes()
	if len(boxes) != maxBoxes || len(boxes)+left != 3*maxBoxes+1 || boxes[0].n != n {
		t.Errorf("%d drawn, %d left out", len(boxes), left)
	}
	var out bytes.Buffer
	if err := n.SVG(&out, "x", "about"); err != nil || !strings.Contains(out.String(), "calls are too narrow to be drawn") || out.Len() > 16<<20 {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
}

func TestIcicle(t *testing.T) {
	n := Tidy(&Node{Name: "job", Value: 8, Children: []*Node{
		{Name: "Flat Map", Value: 6, Children: []*Node{{Name: "a.b.C.run:1", Value: 6, Children: []*Node{{Name: "a.b.C.x:2", Value: 6, Children: []*Node{{Name: "a.b.C.y:3", Value: 6, Children: []*Node{
			{Name: "com.acme.Hash.slow:7", Value: 4}, {Name: "java.util.HashMap.get:9", Value: 2},
		}}}}}}}},
		{Name: "Source: Events", Value: 2},
	}})
	want := []string{
		"│job",
		"│Flat Map                     │Source: …",
		"│⋮ 2 calls",
		"│a.b.C.y:3",
		"│Hash.slow:7        │get:9",
	}
	got := n.Icicle(40, 50, term.Palette{})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := n.Icicle(40, 2, term.Palette{}); len(got) != 3 || got[2] != "… 3 more rows below" {
		t.Errorf("%q", got)
	}
	for _, width := range []int{-1, 0, 1, 7, 80, 500} {
		for _, n := range []*Node{Tidy(hostile()), sampled(t, Full), {Name: "none"}} {
			for _, line := range n.Icicle(width, 80, term.Palette{}) {
				if term.DisplayWidth(line) > max(width, 10)+8 || strings.ContainsAny(line, "\x1b\x07\n\u202e") {
					t.Errorf("%d: %q", width, line)
				}
			}
		}
	}
}

func TestWhoseCodeACallIs(t *testing.T) {
	for name, want := range map[string]Kind{
		"java.lang.Thread.run:840": OfJVM, "org.apache.flink.x.Y.z": OfFlink, "com.acme.Job.map:3": Own,
		"org.apache.flink.streaming.examples.statemachine.X.y": Own, "Flat Map -> Sink": NoCall, "root": NoCall,
	} {
		if got := KindOf(name); got != want {
			t.Errorf("%s: %d", name, got)
		}
	}
}
