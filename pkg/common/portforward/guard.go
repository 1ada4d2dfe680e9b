package portforward

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A web page can make a browser send requests to a local port: directly, from
// another port of this computer, or under its own name by letting that name
// resolve to 127.0.0.1 (DNS rebinding). The guard refuses these, request by
// request: browsers use a connection again for whatever page comes next. A name
// that only local configuration can point here, and an address, can't be
// rebound.

// guard says which hosts may be asked for.
type guard struct {
	// hosts are names and addresses besides this computer's own.
	hosts []string
	// anyAddress is set where all of the computer's addresses are listened on.
	anyAddress bool
}

// guardOf allows what options name, and the addresses that are listened on.
func guardOf(options ListenOptions) guard {
	g := guard{hosts: slices.Clone(options.Hosts)}
	for _, address := range options.Addresses {
		if ip, err := netip.ParseAddr(address); err == nil && ip.IsUnspecified() {
			g.anyAddress = true
			continue
		}
		g.hosts = append(g.hosts, address)
	}
	return g
}

// changing are the last parts of paths that do something on a mere GET, which a
// link must not lead to: a JobManager cancels and stops jobs so.
var changing = []string{"yarn-cancel", "yarn-stop", "cancel", "stop"}

// refusal says why a request isn't served; "" if it is.
func (g guard) refusal(r *http.Request) string {
	if r.Method == http.MethodConnect {
		return "this is no proxy to other servers"
	}
	if !g.allows(r.Host) {
		return fmt.Sprintf("the request names the host %q, which is not this computer's: open it as localhost or 127.0.0.1", r.Host)
	}
	for _, origin := range r.Header["Origin"] {
		if !sameHost(origin, r.Host) {
			return fmt.Sprintf("the request comes from another site (%s)", origin)
		}
	}
	sites := r.Header["Sec-Fetch-Site"]
	foreign := slices.ContainsFunc(sites, func(site string) bool { return site != "same-origin" && site != "none" })
	if foreign && !isLink(r) {
		return "the request comes from another site"
	}
	changing := changes(r)
	if foreign && changing {
		return linkChanges
	}
	// Browsers say where a request comes from only to addresses that they trust,
	// as localhost, and old ones not even there.
	if len(sites) == 0 && len(r.Header["Origin"]) == 0 && (changing || !reads(r)) && fromPage(r) {
		return linkChanges
	}
	return ""
}

const linkChanges = "it changes something, and a page of another site may have sent it"

// reads reports whether a request's method changes nothing by itself.
func reads(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// fromPage reports whether a page that may be another site's sent a request
// that doesn't say so: its Referer is another, or the browser gives none.
func fromPage(r *http.Request) bool {
	referer := r.Header.Get("Referer")
	if referer == "" {
		return strings.HasPrefix(r.Header.Get("User-Agent"), "Mozilla/")
	}
	return !sameHost(referer, r.Host)
}

// isLink reports whether the browser follows a link to a page.
func isLink(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func changes(r *http.Request) bool {
	return slices.ContainsFunc(strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' || c == ';' || c == '\\' }),
		func(segment string) bool {
			return slices.Contains(changing, strings.ToLower(strings.TrimSpace(segment)))
		})
}

// sameHost reports whether address is one of host.
func sameHost(address, host string) bool {
	from, err := url.Parse(address)
	return err == nil && from.Host != "" && strings.EqualFold(from.Host, host)
}

func (g guard) allows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		ip = ip.Unmap()
		return ip.IsLoopback() || g.anyAddress && !ip.IsUnspecified() || slices.ContainsFunc(g.hosts, func(allowed string) bool {
			other, err := netip.ParseAddr(allowed)
			return err == nil && other.Unmap() == ip
		})
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	return slices.ContainsFunc(g.hosts, func(allowed string) bool { return strings.EqualFold(name, allowed) })
}

// handler refuses requests to next that another site made a browser send.
func (g guard) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := g.refusal(r); why != "" {
			// What else it sends isn't read.
			w.Header().Set("Connection", "close")
			http.Error(w, "refused: "+why, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// keepToItself takes out of an answer what lets other sites read it.
func keepToItself(response *http.Response) error {
	for name := range response.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Timing-Allow-Origin" {
			delete(response.Header, name)
		}
	}
	return nil
}
