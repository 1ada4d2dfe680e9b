package bundle

import "testing"

// The kubelet's words in place of a log are no log.
func TestNoLogs(t *testing.T) {
	for text, missing := range map[string]bool{
		"unable to retrieve container logs for containerd://c0ffee":                                     true,
		"unable to retrieve container logs for containerd://c0ffee\n":                                   true,
		"2026-11-29T10:00:00Z unable to retrieve container logs for containerd://c0ffee":                false,
		"unable to retrieve container logs for containerd://c0ffee\n2026-11-29T10:00:00Z INFO it works": false,
		"": false,
	} {
		if _, ok := noLogs([]byte(text)); ok != missing {
			t.Errorf("%q: %t", text, ok)
		}
	}
}
