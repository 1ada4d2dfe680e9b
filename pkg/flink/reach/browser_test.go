package reach

import (
	"errors"
	"strings"
	"testing"
)

func TestBrowserCommand(t *testing.T) {
	for _, tc := range []struct {
		goos string
		env  map[string]string
		want string
	}{
		{"linux", map[string]string{"DISPLAY": ":0"}, "xdg-open http://x"},
		{"linux", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, "xdg-open http://x"},
		{"linux", nil, ""},
		{"linux", map[string]string{"BROWSER": "firefox --new-tab"}, "firefox --new-tab http://x"},
		{"darwin", nil, "open http://x"},
		{"windows", nil, "rundll32 url.dll,FileProtocolHandler http://x"},
		{"darwin", map[string]string{"SSH_CONNECTION": "a 1 b 22"}, ""},
		{"windows", map[string]string{"SSH_CONNECTION": "a 1 b 22", "BROWSER": "firefox"}, ""},
	} {
		command, err := browserCommand(tc.goos, "http://x", func(name string) string { return tc.env[name] })
		if got := strings.Join(command, " "); got != tc.want || (tc.want == "") != errors.Is(err, ErrNoBrowser) {
			t.Errorf("%s %v: %q, %v", tc.goos, tc.env, got, err)
		}
	}
}
