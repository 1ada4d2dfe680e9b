package view

import (
	"strings"
	"testing"
	"time"
)

// Paths are there to be copied, and scripts read what goes into a pipe.
func TestAStatusCutsNoPath(t *testing.T) {
	const path = "s3://a-bucket-with-a-long-name/savepoints/of/the/orders/job/savepoint-d65a1a-c083ff12ab34"
	const event = "the first words of an event that is much longer than a terminal of eighty columns is wide, to its end"
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for width, wholeEvent := range map[int]bool{0: true, 80: false} {
		p := page{StatusPage: StatusPage{Width: width, Now: at}}
		p.item("Savepoint", "%s, 5m ago, of the run before this one, taken by hand", path)
		p.events([]Happened{{Time: &at, Type: "Normal", Reason: "SpecChanged", Message: event}}, "")
		out := p.out.String()
		if !strings.Contains(out, path) {
			t.Errorf("width %d: the path isn't whole:\n%s", width, out)
		}
		if got := strings.Contains(out, event); got != wholeEvent {
			t.Errorf("width %d: the event is whole: %t, want %t:\n%s", width, got, wholeEvent, out)
		}
		for line := range strings.Lines(out) {
			if width > 0 && !strings.Contains(line, path) && len(strings.TrimSuffix(line, "\n")) > width+2 {
				t.Errorf("width %d: a line of %d bytes:\n%s", width, len(line), line)
			}
		}
	}
}
