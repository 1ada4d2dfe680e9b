package progress

import (
	"fmt"
	"strings"
)

const barWidth = 20

// Share shows how much of something is done, on a terminal; elsewhere it prints
// nothing. unit writes an amount.
func (l *Line) Share(text string, done, all int64, unit func(int64) string) {
	if l == nil || !l.live {
		return
	}
	l.Set("%s %s", text, bar(done, all, unit))
}

// bar is drawn with characters that any terminal has.
func bar(done, all int64, unit func(int64) string) string {
	done = max(0, min(done, all))
	share := 1.0
	if all > 0 {
		share = float64(done) / float64(all)
	}
	full := int(share * barWidth)
	return fmt.Sprintf("[%s%s] %3d%% %s of %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), int(share*100), unit(done), unit(all))
}
