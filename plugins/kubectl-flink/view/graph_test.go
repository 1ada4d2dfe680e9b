package view

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

var update = flag.Bool("update", false, "write the golden files again")

// sketch is a graph to draw; an edge is two vertices and a strategy.
func sketch(names []string, edges ...[3]int) JobGraph {
	g := JobGraph{
		APIVersion: "kubectl-flink/v1", Kind: "JobGraph", JobName: "orders", State: "RUNNING",
		Metadata: StatusMetadata{Type: "flinkdeployment", Name: "orders", Namespace: "default"},
	}
	strategies := []string{"FORWARD", "HASH", "REBALANCE", "BROADCAST"}
	for i, name := range names {
		g.Vertices = append(g.Vertices, GraphVertex{TopVertex: TopVertex{
			ID: fmt.Sprint(i), Name: name, Status: "RUNNING", Parallelism: i%4 + 1,
			BusyMax: f(float64(i * 17 % 101)), BackpressuredMax: f(float64(i * 5 % 30)), In: f(float64(i * 1234)), Out: f(float64(i * 321)),
		}})
	}
	for _, e := range edges {
		g.Edges = append(g.Edges, GraphEdge{From: fmt.Sprint(e[0]), To: fmt.Sprint(e[1]), ShipStrategy: strategies[e[2]], Exchange: "pipelined_bounded"})
	}
	return g
}

// joins has several sources, joins, a branch and an edge past two layers.
func joins() JobGraph {
	return sketch([]string{
		"Source: orders[1] -> Calc(select=[a, b, c], where=[(a > 3)])", "Source: customers[2]", "Source: rates -> Timestamps/Watermarks",
		"Join(joinType=[InnerJoin], where=[(a = b)], select=[a, b, c]) -> Calc(select=[a])", "Enrich", "Sink: out[3]: Writer", "Sink: out[3]: Committer", "Sink: audit",
	}, [3]int{0, 3, 1}, [3]int{1, 3, 1}, [3]int{3, 4, 0}, [3]int{2, 4, 3}, [3]int{4, 5, 2}, [3]int{5, 6, 0}, [3]int{0, 7, 2}, [3]int{4, 7, 0})
}

// apart is a union of six sources, a self-join, and a vertex alone.
func apart() JobGraph {
	var names []string
	var edges [][3]int
	for i := range 6 {
		names = append(names, fmt.Sprintf("Source: topic-%d", i))
		edges = append(edges, [3]int{i, 6, 2})
	}
	g := sketch(append(names, "Union -> Map", "Source: numbers", "SelfJoin", "Source: alone -> Sink: alone"), append(edges, [3]int{7, 8, 1}, [3]int{7, 8, 1}, [3]int{7, 8, 3})...)
	g.Vertices[9].Status, g.Vertices[9].BusyMax, g.Vertices[9].BackpressuredMax, g.Vertices[9].In, g.Vertices[9].Out = "FAILED", nil, nil, nil, nil
	g.Vertices[8].Lag = f(5.2e9)
	return g
}

// evil is what a user's code can make of names.
func evil() JobGraph {
	return sketch([]string{
		"\x1b[2J\x1b]0;owned\x07Source: <script>alert(\"1\")</script> & `x` \\N {a|b}",
		"\"];\nv1 -> v2; <br/>#quot; %s 1. \x00\x01\u202Etxt", strings.Repeat("x", 300), "", "東京東京東京東京東京東京東京東京東京東京東京東京東京 -> 大阪大阪大阪大阪大阪大阪大阪大阪大阪大阪", "- list",
	}, [3]int{0, 1, 1}, [3]int{1, 2, 0}, [3]int{0, 3, 0}, [3]int{3, 4, 2}, [3]int{4, 5, 2})
}

func forms(t *testing.T, p GraphPage, g JobGraph) map[string]string {
	t.Helper()
	out := map[string]string{}
	result := p.Result(g)
	var text strings.Builder
	if err := result.Text(&text); err != nil {
		t.Fatal(err)
	}
	out["boxes"] = text.String()
	for name, form := range result.Forms {
		var text strings.Builder
		if err := form(&text); err != nil {
			t.Fatal(err)
		}
		out[name] = text.String()
	}
	return out
}

func TestGraphsInEveryForm(t *testing.T) {
	for name, g := range map[string]JobGraph{
		"shuffle": sketch([]string{"Source: Events Generator Source", "Flat Map -> Sink: Print to Std. Out"}, [3]int{0, 1, 1}),
		"joins":   joins(), "apart": apart(), "evil": evil(),
		"one": sketch([]string{"Source: x -> Sink: y"}), "none": sketch(nil),
	} {
		t.Run(name, func(t *testing.T) {
			var all strings.Builder
			for _, width := range []int{80, 140} {
				got := forms(t, GraphPage{Width: width}, g)
				fmt.Fprintf(&all, "# %d columns\n%s\n# %d columns, tree\n%s\n", width, got["boxes"], width, got["tree"])
				if width == 80 {
					fmt.Fprintf(&all, "# dot\n%s\n# mermaid\n%s\n", got["dot"], got["mermaid"])
					golden(t, name+".svg", got["svg"])
				}
			}
			golden(t, name+".txt", all.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", "graph", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (renew with -update):\n%s\nwant:\n%s", file, got, want)
	}
}

func TestGraphsFitTheTerminal(t *testing.T) {
	graphs := []JobGraph{joins(), apart(), evil()}
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 3))
		n := 2 + random.IntN(30)
		if seed == 0 {
			n = 200
		}
		var names []string
		var edges [][3]int
		for v := range n {
			names = append(names, strings.Repeat("Operator -> ", random.IntN(9))+fmt.Sprint("Sink ", v))
			for range random.IntN(3) {
				if v > 0 {
					edges = append(edges, [3]int{max(0, v-1-random.IntN(5)), v, random.IntN(4)})
				}
			}
		}
		graphs = append(graphs, sketch(names, edges...))
	}
	for i, g := range graphs {
		for _, width := range []int{20, 80, 140} {
			begin := time.Now()
			for form, text := range forms(t, GraphPage{Width: width}, g) {
				if form != "boxes" && form != "tree" {
					continue
				}
				for line := range strings.Lines(text) {
					line = strings.TrimSuffix(line, "\n")
					if term.DisplayWidth(line) > width {
						t.Errorf("graph %d, %s, %d columns: %q", i, form, width, line)
					}
				}
				// Names may be shortened, but each vertex has its parallelism.
				if n := strings.Count(text, "×"); width > 20 && n < len(g.Vertices) {
					t.Errorf("graph %d, %s, %d columns: %d of %d vertices", i, form, width, n, len(g.Vertices))
				}
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("graph %d of %d vertices took %s", i, len(g.Vertices), took)
			}
		}
	}
	if _, fits := (GraphPage{Width: 80}).Boxes(joins()); !fits {
		t.Error("a graph of eight vertices doesn't fit into 80 columns")
	}
	if _, fits := (GraphPage{Width: 20}).Boxes(joins()); fits {
		t.Error("20 columns are enough")
	}
}

// What a browser shows of a name is the name, and nothing of it is markup.
func TestSVGIsWellFormed(t *testing.T) {
	for _, g := range []JobGraph{joins(), apart(), evil(), sketch(nil)} {
		text := forms(t, GraphPage{Width: 80}, g)["svg"]
		decoder := xml.NewDecoder(strings.NewReader(text))
		elements := map[string]int{}
		var said bytes.Buffer
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			switch token := token.(type) {
			case xml.StartElement:
				elements[token.Name.Local]++
				for _, a := range token.Attr {
					if strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || strings.Contains(a.Value, "script") {
						t.Errorf("%s has %v", token.Name.Local, a)
					}
				}
			case xml.CharData:
				said.Write(token)
			}
		}
		for name := range elements {
			if !slices.Contains([]string{"svg", "title", "style", "rect", "text", "tspan", "path", "g"}, name) {
				t.Errorf("an element %q", name)
			}
		}
		if elements["g"] != len(g.Vertices) {
			t.Errorf("%d of %d vertices", elements["g"], len(g.Vertices))
		}
		if g.Vertices != nil && strings.HasPrefix(g.Vertices[0].Name, "\x1b") && !strings.Contains(said.String(), "<script>alert") {
			t.Error("the name got lost")
		}
	}
}

func TestNothingEvilIsPrinted(t *testing.T) {
	for form, text := range forms(t, GraphPage{Width: 80}, evil()) {
		for _, bad := range []string{"\x1b", "\x07", "\x00", "\u202e"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q", form, bad)
			}
		}
	}
}

func TestBusyVerticesAreColored(t *testing.T) {
	red, plain := forms(t, GraphPage{Width: 80, Palette: term.Palette{On: true}}, joins()), forms(t, GraphPage{Width: 80}, joins())
	for _, form := range []string{"boxes", "tree"} {
		if !strings.Contains(red[form], "\x1b[31mbusy 85%\x1b[0m") || !strings.Contains(red[form], "\x1b[33mbusy 51%") {
			t.Errorf("no colors in\n%q", red[form])
		}
		if strings.Contains(plain[form], "\x1b") {
			t.Error("colors without a palette")
		}
	}
	for _, form := range []string{"dot", "mermaid", "svg"} {
		if red[form] != plain[form] {
			t.Errorf("%s depends on the terminal", form)
		}
	}
}

func TestGraphOfAnAnswer(t *testing.T) {
	nan := rest.Measure(math.NaN())
	one := func(n float64) rest.Aggregate {
		return rest.Aggregate{Avg: rest.Measure(n), Max: rest.Measure(n), Sum: rest.Measure(n), Skew: nan}
	}
	load := rest.Load{
		Job: rest.Job{Name: "job", State: "RUNNING", PendingOperators: 2, Plan: rest.Plan{Nodes: []rest.PlanNode{
			{ID: "b", Description: "Flat Map&lt;x&gt;<br/>+- Sink: Print to Std. Out<br/>", Inputs: []rest.PlanInput{{ID: "a", ShipStrategy: "HASH", Exchange: "blocking"}, {ID: "gone", ShipStrategy: "HASH"}}},
			{ID: "a", Description: "[1]:Source<br/>"},
			{ID: "unplanned", Inputs: []rest.PlanInput{{ID: "b"}}},
		}}},
		Vertices: []rest.VertexLoad{
			{Vertex: rest.Vertex{ID: "a", Name: "Source", Parallelism: 1, Status: "RUNNING"}, Busy: one(990), Backpressured: one(0), In: one(0), Out: one(12), Lag: nan, Watermark: nan, Written: nan},
			{Vertex: rest.Vertex{ID: "b", Name: "Flat Map -> Sink", Parallelism: 2, Status: "CREATED", Metrics: rest.VertexMetrics{Read: 7, ReadComplete: true, WriteComplete: true}}, Busy: rest.UnknownAggregate, Backpressured: rest.UnknownAggregate, In: rest.UnknownAggregate, Out: rest.UnknownAggregate, Lag: nan, Watermark: nan, Written: nan},
		},
	}
	g := NewJobGraph(api.Ref{Kind: api.Deployment, Namespace: "default", Name: "basic-example"}, "1", load)
	if len(g.Edges) != 1 || g.Edges[0] != (GraphEdge{"a", "b", "HASH", "blocking"}) {
		t.Errorf("edges %+v", g.Edges)
	}
	if got := g.Vertices[1].Operators; !slices.Equal(got, []string{"Flat Map<x>", "Sink: Print to Std. Out"}) {
		t.Errorf("operators %q", got)
	}
	lines, _ := GraphPage{Width: 80}.Boxes(g)
	text := strings.Join(lines, "\n")
	for _, want := range []string{"busy 99%", "out 12/s", "CREATED", "in 7 records", "│ HASH"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if title := (GraphPage{}).Title(g); title != "flinkdeployment/basic-example  RUNNING  (2 operators not planned yet)  job" {
		t.Error(title)
	}
}

func TestCirclesAreTold(t *testing.T) {
	g := sketch([]string{"Head", "Tail"}, [3]int{0, 1, 0}, [3]int{1, 0, 1})
	lines, fits := GraphPage{Width: 80}.Boxes(g)
	if text := strings.Join(lines, "\n"); !fits || !strings.Contains(text, "↺ HASH to Head") {
		t.Errorf("%v\n%s", fits, text)
	}
	if text := strings.Join(GraphPage{Width: 80}.Tree(g), "\n"); !strings.Contains(text, "HASH → [1] above") {
		t.Error(text)
	}
}

func TestNamesAreBrokenWhereTheyCanBe(t *testing.T) {
	for _, tc := range []struct {
		name string
		want []string
	}{
		{"Source: orders", []string{"Source: orders"}},
		{"GroupAggregate[11] -> out", []string{"GroupAggregate", "[11] -> out"}},
		{"org.example.jobs.Enrichment", []string{"org.example.", "jobs.Enrichment"}},
		{"abcdefghijklmnopqrstuvwxyz", []string{"abcdefghijklmnop", "qrstuvwxyz"}},
	} {
		if got := wrapName(tc.name, 16, 3); !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q", tc.name, got)
		}
	}
}
