package cmf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// Version is a CMF version. The zero value is one that nobody could find out,
// and counts as newer than all others: a server may then say itself what it
// can't do.
type Version struct{ Major, Minor, Patch int }

// The versions in which something appeared.
var (
	V20 = Version{2, 0, 0}
	V21 = Version{2, 1, 0}
	V22 = Version{2, 2, 0}
	V23 = Version{2, 3, 0}
	V24 = Version{2, 4, 0}
)

func since(v Version) *Version { return &v }

// Known reports whether the version was found out.
func (v Version) Known() bool { return v != Version{} }

// Before reports whether v is known and older than other.
func (v Version) Before(other Version) bool {
	if !v.Known() {
		return false
	}
	if v.Major != other.Major {
		return v.Major < other.Major
	}
	if v.Minor != other.Minor {
		return v.Minor < other.Minor
	}
	return v.Patch < other.Patch
}

// String is the version as people write it.
func (v Version) String() string {
	switch {
	case !v.Known():
		return "unknown"
	case v.Patch == 0:
		return fmt.Sprintf("%d.%d", v.Major, v.Minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

var versionPattern = regexp.MustCompile(`^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?`)

// ParseVersion reads 2.3, v2.3.1 or 2.4.0-SNAPSHOT.
func ParseVersion(text string) (Version, error) {
	m := versionPattern.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a CMF version such as 2.3.1", text)
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	return Version{n[0], n[1], n[2]}, nil
}

// Server is what a CMF says about itself.
type Server struct {
	Version  Version
	Revision string
	// Guessed says that the version follows from what the server serves:
	// CMF before 2.2 doesn't say it.
	Guessed bool
}

// Server asks for the version, once per client.
func (c *Client) Server(ctx context.Context) (Server, error) {
	c.serverMu.Lock()
	defer c.serverMu.Unlock()
	if c.server != nil {
		return *c.server, nil
	}
	server, err := c.askVersion(ctx)
	if err == nil {
		c.server = &server
	}
	return server, err
}

func (c *Client) askVersion(ctx context.Context) (Server, error) {
	answer, err := c.get(ctx, []string{"v1", "system-information"}, nil)
	switch {
	case err == nil:
		v, parseErr := ParseVersion(answer.Text("status.version"))
		if parseErr != nil {
			v = Version{} // a development build; treated as the newest
		}
		return Server{Version: v, Revision: answer.Text("status.revision")}, nil
	case StatusOf(err) == http.StatusForbidden:
		return Server{}, nil
	case StatusOf(err) != http.StatusNotFound:
		return Server{}, err
	}
	// system-information came with 2.2, detached savepoints with 2.1, both
	// after environments. Without environments this isn't CMF at all.
	one := map[string][]string{"page": {"0"}, "size": {"1"}}
	if _, err := c.get(ctx, []string{"v1", "environments"}, one); err != nil {
		if StatusOf(err) == http.StatusNotFound {
			return Server{}, fmt.Errorf("%s does not answer like CMF: neither system-information nor environments are there; check the address%s", c.base, belowPath(c.base.Path))
		}
		return Server{}, err
	}
	_, err = c.get(ctx, []string{"v1", "detached-savepoints"}, one)
	switch {
	case err == nil:
		return Server{Version: V21, Guessed: true}, nil
	case StatusOf(err) == http.StatusNotFound:
		return Server{Version: V20, Guessed: true}, nil
	}
	return Server{}, err
}

// Needs is the error for what this server's version can't do, nil where it
// can. what is the command or the feature, in words of the user.
func (c *Client) Needs(ctx context.Context, v Version, what string) error {
	if v == V20 || v == (Version{}) {
		return nil
	}
	server, err := c.Server(ctx)
	if err != nil {
		return err
	}
	if server.Version.Before(v) {
		return &UnsupportedError{What: what, Since: v, Server: server.Version}
	}
	return nil
}

// UnsupportedError says that the server's version lacks something.
type UnsupportedError struct {
	What          string
	Since, Server Version
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s needs CMF %s or newer; this server is CMF %s", e.What, e.Since, e.Server)
}

// IsUnsupported reports whether err is an UnsupportedError.
func IsUnsupported(err error) bool {
	var unsupported *UnsupportedError
	return errors.As(err, &unsupported)
}

// Feature is something that not every version can do.
type Feature struct {
	What  string
	Since Version
}

// Features are what `version` looks for, in the order of their versions.
var Features = []Feature{
	{"databases (kubectl cmf database)", V21},
	{"savepoints (kubectl cmf savepoint, detached-savepoint)", V21},
	{"updating catalogs", V21},
	{"telling its version", V22},
	{"updating compute pools", V23},
	{"SHARED compute pools", V23},
	{"filters on the server (-l, --filter)", V23},
	{"labels on environments", V23},
	{"delete --metadata-only", V23},
	{"Kubernetes clusters (kubectl cmf kubernetes-cluster)", V23},
	{"artifacts (kubectl cmf artifact)", V24},
	{"pinning savepoints", V24},
}

// Lacks are the features that a CMF of version v doesn't have.
func (v Version) Lacks() []Feature {
	var out []Feature
	for _, f := range Features {
		if v.Before(f.Since) {
			out = append(out, f)
		}
	}
	return out
}
