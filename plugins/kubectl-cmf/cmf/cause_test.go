package cmf

import "testing"

func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                              "plain",
		`{"type":"a.b.C","message":"outer"}`: "C: outer",
		`{"type":"a.b.C","message":"outer","throwableList":[{"type":"d.E","message":"inner"},{"type":"f.G","message":""}]}`: "E: inner",
		`{"type":"a.b.C","message":"Back-off","additionalMetadata":{"reason":"ImagePullBackOff"}}`:                          "ImagePullBackOff: Back-off",
		`{"type":"a.b.C"}`: "a.b.C",
		`{"x":1}`:          `{"x":1}`,
		`{"type":"a.b.C",`: `{"type":"a.b.C",`,
	} {
		if got := readable(in); got != want {
			t.Errorf("readable(%s) = %q, want %q", in, got, want)
		}
	}
}
