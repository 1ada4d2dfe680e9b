package podexec

import (
	"io"
	"strings"
	"testing"
)

func TestBoundedKeepsTheBeginning(t *testing.T) {
	b := &Bounded{Most: 5}
	for _, part := range []string{"abc", "", "defg", "h"} {
		if n, err := b.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%q: %d, %v", part, n, err)
		}
	}
	if _, err := io.Copy(b, strings.NewReader("more")); err != nil || string(b.Bytes()) != "abcde" {
		t.Errorf("%q, %v", b.Bytes(), err)
	}
}
