package podexec

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestEnterAsALineFeed(t *testing.T) {
	for _, in := range []io.Reader{strings.NewReader("QUIT;\r"), iotest.OneByteReader(strings.NewReader("QUIT;\r")), iotest.DataErrReader(strings.NewReader("QUIT;\r"))} {
		if got, err := io.ReadAll(lineFeeds{in}); err != nil || string(got) != "QUIT;\n" {
			t.Errorf("%q, %v", got, err)
		}
	}
}
