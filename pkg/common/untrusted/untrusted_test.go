package untrusted

import (
	"errors"
	"net/http"
	"path"
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	for name, refused := range map[string]bool{
		"/jobs/overview":                      false,
		"":                                    false,
		"/":                                   false,
		"/a//b":                               false,
		"/jars/0a_my%20job.jar/run":           false,
		"/v1/10%25":                           false,
		"/a..b/...":                           false,
		"/..":                                 true,
		"/a/./b":                              true,
		"/../../api/v1/namespaces":            true,
		"/%2e%2e/x":                           true,
		"/.%2E/x":                             true,
		"/%252e%252e/x":                       true,
		"/%25252525252525252e":                true,
		"/a%2fb":                              true,
		"/a%252Fb":                            true,
		`/a\..\b`:                             true,
		"/a%5c..%5cb":                         true,
		"/..;x=1/y":                           true,
		"/a%00b":                              true,
		"/a%0d%0aHost:%20x":                   true,
		"/..%3f/x":                            true,
		"/..%23/x":                            true,
		"/..%20/x":                            true,
		"/%20../x":                            true,
		"/.%3bx=%20/y":                        true,
		"/%252e%252e%252f%25zz":               true,
		"/%252e%252e%25":                      false,
		"/a%25zz":                             false,
		"/100%25/a%20..":                      false,
		"/..%c0%af..%c0%afx":                  true,
		"/%c0%ae%c0%ae/x":                     true,
		"/caf%c3%a9":                          false,
		"/services/pay:rest/proxy/../../etc/": true,
	} {
		if got := CheckPath(name) != nil; got != refused {
			t.Errorf("%q: refused %v, want %v", name, got, refused)
		}
	}
}

func TestPathRefusesWhatLeadsElsewhere(t *testing.T) {
	if got, err := Path("sessions", "a b?c#d", "ü"); err != nil || got != "/sessions/a%20b%3Fc%23d/%C3%BC" {
		t.Errorf("%q %v", got, err)
	}
	for _, bad := range []string{"", ".", "..", "../x", "a/b", `a\b`, "%2e%2e", "a\nb", "..;", "..?x", "..#", ".. ", "%2e%2e%2f%zz", "\xc0\xae"} {
		if got, err := Path("sessions", bad); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	for s, want := range map[string]bool{
		"00000000000000000000000000000001": true, "ABCDEF0123456789abcdef0123456789": true,
		"": false, "0000000000000000000000000000000g": false, "../../../../../configmaps/victim": false, "000000000000000000000000000000001": false,
	} {
		if got := IsHexID(s); got != want {
			t.Errorf("IsHexID(%q) = %v", s, got)
		}
	}
	for s, want := range map[string]bool{
		"123e4567-e89b-12d3-a456-426614174000": true, "123E4567-E89B-12D3-A456-426614174000": true,
		"": false, "123e4567e89b12d3a456426614174000": false, "123e4567-e89b-12d3-a456-42661417400/": false, "123e4567-e89b-12d3-a456--26614174000": false,
	} {
		if got := IsUUID(s); got != want {
			t.Errorf("IsUUID(%q) = %v", s, got)
		}
	}
}

func TestReadAllHasABound(t *testing.T) {
	if data, err := ReadAll(strings.NewReader("12345678"), 8); err != nil || string(data) != "12345678" {
		t.Errorf("%q %v", data, err)
	}
	var large *TooLargeError
	if _, err := ReadAll(strings.NewReader("123456789"), 8); !errors.As(err, &large) || large.Limit != 8 {
		t.Errorf("%v", err)
	}
}

func TestSameServer(t *testing.T) {
	for _, c := range []struct {
		method, from, to string
		followed         bool
	}{
		{"GET", "https://a:1/x", "https://a:1/y", true},
		{"GET", "https://a:1/x", "https://A:1/y", true},
		{"GET", "https://a:1/x", "http://a:1/y", false},
		{"GET", "https://a/x", "https://a:8443/y", false},
		{"GET", "https://a/x", "https://b/y", false},
		{"POST", "https://a/x", "https://a/y", false},
	} {
		from, _ := http.NewRequest(c.method, c.from, nil)
		to, _ := http.NewRequest(http.MethodGet, c.to, nil)
		if err := SameServer(to, []*http.Request{from}); (err == nil) != c.followed {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// For no input does a path that passed lead out of the prefix that it is
// appended to, however a server reads it.
func FuzzCheckPath(f *testing.F) {
	for _, seed := range []string{"/jobs", "/../x", "/%2e%2e/x", `/..\x`, "/..;/x", "/%252e%252e%252fx", "/..%3f/x", "/%20..%23", "/%252e%252e%252f%25zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		if !strings.HasPrefix(escaped, "/") || CheckPath(escaped) != nil {
			return
		}
		read := "/prefix" + escaped
		for range 6 {
			for _, plain := range []string{strings.ReplaceAll(read, `\`, "/"), trimmed(read)} {
				if got := path.Clean(plain); got != "/prefix" && !strings.HasPrefix(got, "/prefix/") {
					t.Fatalf("%q is read as %q", escaped, got)
				}
			}
			read = unescape(read)
		}
	})
}

// trimmed is a path as servers read it that cut each segment at a parameter, a
// query or a fragment, and drop spaces.
func trimmed(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		for _, sign := range []string{";", "?", "#"} {
			segment, _, _ = strings.Cut(segment, sign)
		}
		segments[i] = strings.Trim(segment, " ")
	}
	return strings.Join(segments, "/")
}
