package view

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/timeline"
)

func story() timeline.Timeline {
	at := time.Date(2026, 11, 25, 23, 59, 50, 0, time.UTC)
	until := at.Add(20 * time.Second)
	return timeline.Timeline{Job: "FlinkDeployment/prod/<b>&orders", From: at.Add(-time.Hour), To: until, Items: []timeline.Entry{
		{At: at.Add(-time.Hour), Until: &at, Kind: timeline.Gap, Text: "events are gone", Count: 1},
		{At: at, Until: &until, Kind: timeline.Pod, Severity: diagnosis.Warning, Text: "pod/x: BackOff: </text><script>alert(1)</script>\x1b[2J", Source: "event BackOff of pod/x", Count: 4},
		{At: until, Kind: timeline.Spec, Text: "the spec was written", Details: []string{"image: a → b"}, Count: 1},
		{At: until, Kind: timeline.Exception, Severity: diagnosis.Error, Text: strings.Repeat("long ", 80), Count: 1},
	}}
}

func TestTimelineLines(t *testing.T) {
	var out strings.Builder
	page := TimelinePage{Zone: time.UTC, Width: 60}
	if err := page.Result(story()).Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2026-11-25 UTC\n22:59:50  gap         until 23:59:50: events are gone\n",
		"23:59:50  pod         pod/x: BackOff:",
		"times until 2026-11-26 00:00:10)",
		"2026-11-26 UTC\n00:00:10  spec        the spec was written\n" + strings.Repeat(" ", 22) + "  image: a → b\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > 70 || strings.ContainsRune(line, 0x1b) {
			t.Errorf("a line is too long or unsafe: %q", line)
		}
	}
	out.Reset()
	if err := (&TimelinePage{}).Result(timeline.Timeline{}).Text(&out); err != nil || out.String() == "" {
		t.Errorf("nothing is said of an empty story: %q, %v", out.String(), err)
	}
}

// The picture is well-formed whatever texts have in them, has a lane for each kind
// that there is, and nothing in it is a script.
func TestTimelineSVG(t *testing.T) {
	svg := TimelineSVG(story(), time.UTC)
	decoder := xml.NewDecoder(strings.NewReader(svg))
	elements := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	if elements["script"] > 0 || elements["circle"] != 3 || !strings.Contains(svg, ">exception</text>") || strings.Contains(svg, ">checkpoint</text>") || strings.ContainsRune(svg, 0x1b) {
		t.Errorf("%v\n%s", elements, svg)
	}
	if empty := TimelineSVG(timeline.Timeline{}, time.UTC); !strings.HasSuffix(empty, "</svg>\n") {
		t.Errorf("of nothing: %s", empty)
	}
}
