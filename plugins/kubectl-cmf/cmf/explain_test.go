package cmf

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
)

// What a server says of a client's certificate can get lost on its way.
func TestConnectionsThatAreClosedEarly(t *testing.T) {
	for _, c := range []struct {
		address string
		err     error
		want    string
	}{
		{"https://cmf/x", errors.New("http2: client conn could not be established"), "if it wants a client certificate, give --cmf-cert FILE"},
		{"https://cmf/x", io.EOF, "if it wants a client certificate, give --cmf-cert FILE"},
		{"http://cmf/x", io.EOF, "it closed the connection without an answer"},
		{"https://cmf/x", errors.New("remote error: tls: certificate required"), "it wants a client certificate, or another one"},
	} {
		got := explain(&url.Error{Op: "Get", URL: c.address, Err: c.err}).Error()
		if !strings.HasPrefix(got, "CMF at cmf can't be reached: ") || !strings.Contains(got, c.want) || strings.Contains(got, "--cmf-cert") != strings.HasPrefix(c.address, "https") {
			t.Errorf("%s, %v: %s", c.address, c.err, got)
		}
	}
}
