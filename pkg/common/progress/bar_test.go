package progress

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestShare(t *testing.T) {
	unit := func(n int64) string { return fmt.Sprintf("%d B", n) }
	for _, c := range []struct {
		done, all int64
		want      string
	}{
		{0, 200, "[....................]   0% 0 B of 200 B"},
		{100, 200, "[##########..........]  50% 100 B of 200 B"},
		{300, 200, "[####################] 100% 200 B of 200 B"},
		{0, 0, "[####################] 100% 0 B of 0 B"},
	} {
		if got := bar(c.done, c.all, unit); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.all, got, c.want)
		}
	}
	for _, live := range []bool{true, false} {
		var out bytes.Buffer
		l := start(&out, false, live, time.Now)
		l.Share("uploading", 1, 2, unit)
		l.Done()
		if got := strings.Contains(out.String(), "uploading [##########"); got != live {
			t.Errorf("on a terminal %v: %q", live, out.String())
		}
	}
	(*Line)(nil).Share("x", 1, 2, unit)
}
