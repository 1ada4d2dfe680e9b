package connect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// tokens give the bearer token of each request.
type tokens interface {
	token(ctx context.Context) (string, error)
	// refused says that the server takes a token no more.
	refused(token string)
}

// tokenFile is --cmf-token-file: read again when it changes, because tokens
// are renewed in place.
type tokenFile struct {
	path string

	mu      sync.Mutex
	changed time.Time
	value   string
}

func (f *tokenFile) token(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", fmt.Errorf("--cmf-token-file: %w", err)
	}
	if f.value != "" && info.ModTime().Equal(f.changed) {
		return f.value, nil
	}
	file, err := source.Open(ctx, f.path)
	if err != nil {
		return "", fmt.Errorf("--cmf-token-file: %w", err)
	}
	defer file.Close()
	data, err := untrusted.ReadAll(file, maxToken)
	var large *untrusted.TooLargeError
	if err != nil && !errors.As(err, &large) {
		return "", fmt.Errorf("--cmf-token-file: %w", err)
	}
	value := strings.TrimSpace(string(data))
	if value == "" && f.value != "" {
		return f.value, nil // whoever renews it has emptied it, and is about to write
	}
	if !isToken(value) {
		return "", fmt.Errorf("--cmf-token-file: %s must hold one token and nothing else", f.path)
	}
	f.value, f.changed = value, info.ModTime()
	return value, nil
}

// refused has the file read again, whatever its time says.
func (f *tokenFile) refused(token string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.value == token {
		f.changed = time.Time{}
	}
}

// mdsLogin fetches a token from a Metadata Service with a name and a password,
// as `confluent login --url` does; the variables are that command's.
type mdsLogin struct {
	url            string
	user, password string
	client         *http.Client

	mu    sync.Mutex
	value string
	// renew is when another token is fetched, expires when this one is of no use.
	renew, expires time.Time
}

// refused has another token fetched.
func (l *mdsLogin) refused(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value == token {
		l.value = ""
	}
}

func (l *mdsLogin) token(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value != "" && time.Now().Before(l.renew) {
		return l.value, nil
	}
	token, lifetime, err := l.fetch(ctx)
	if err != nil {
		if l.value != "" && time.Now().Before(l.expires) {
			return l.value, nil // there is time for another attempt
		}
		return "", err
	}
	// Without the monotonic clock, which stands still while a computer sleeps.
	now := time.Now().Round(0)
	l.value, l.renew, l.expires = token, now.Add(lifetime*4/5), now.Add(lifetime)
	return l.value, nil
}

// fetch logs in; lifetime is how long the token is used at most.
func (l *mdsLogin) fetch(ctx context.Context) (token string, lifetime time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/security/1.0/authenticate", nil)
	if err != nil {
		return "", 0, errors.New("the address of the Metadata Service (CONFLUENT_PLATFORM_MDS_URL) can't be read")
	}
	request.SetBasicAuth(l.user, l.password)
	response, err := l.client.Do(request)
	if err != nil {
		var link *url.Error
		if errors.As(err, &link) {
			err = link.Err // its address may be that of a redirect
		}
		return "", 0, fmt.Errorf("log in to the Metadata Service at %s: %w", request.URL.Host, err)
	}
	defer response.Body.Close()
	if status := response.StatusCode; status != http.StatusOK {
		hint := ""
		if status == http.StatusUnauthorized || status == http.StatusForbidden {
			hint = "; check CONFLUENT_PLATFORM_USERNAME and CONFLUENT_PLATFORM_PASSWORD"
		}
		return "", 0, fmt.Errorf("log in to the Metadata Service at %s: HTTP %d %s%s", request.URL.Host, status, http.StatusText(status), hint)
	}
	var answer struct {
		Token   string  `json:"auth_token"`
		Expires float64 `json:"expires_in"`
	}
	data, err := untrusted.ReadAll(response.Body, maxToken)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	var large *untrusted.TooLargeError
	switch {
	case errors.As(err, &large):
		// As text: whoever asks CMF for a list would take it for a list that is too
		// large.
		return "", 0, fmt.Errorf("log in to the Metadata Service at %s: %s", request.URL.Host, large.Error())
	case err != nil || !isToken(answer.Token):
		return "", 0, fmt.Errorf("log in to the Metadata Service at %s: its answer has no token", request.URL.Host)
	}
	seconds := min(max(answer.Expires, 0), maxLifetime.Seconds())
	return answer.Token, time.Duration(seconds * float64(time.Second)), nil
}

// maxToken bounds a token and the answer that has it, in bytes; maxLifetime is
// how long one is used at most.
const (
	maxToken    = 1 << 20
	maxLifetime = 24 * time.Hour
)

// isToken reports whether text can be a bearer token: RFC 6750's characters.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("-._~+/=", c) < 0 {
			return false
		}
	}
	return text != ""
}

// fixedToken is one that doesn't change.
type fixedToken string

func (t fixedToken) token(context.Context) (string, error) { return string(t), nil }

func (t fixedToken) refused(string) {}

// cliToken is the token of the Confluent CLI's current login with the server
// that the login is for; "" where there is none that can be used: an encrypted
// or expired one can't.
func cliToken(home string, now time.Time) (token string, server *url.URL) {
	data, err := os.ReadFile(filepath.Join(home, ".confluent", "config.json"))
	if err != nil {
		return "", nil
	}
	var config struct {
		Current  string `json:"current_context"`
		Contexts map[string]struct {
			Platform string `json:"platform"`
		} `json:"contexts"`
		Platforms map[string]struct {
			Server string `json:"server"`
		} `json:"platforms"`
		States map[string]struct {
			Token string `json:"auth_token"`
		} `json:"context_states"`
	}
	if json.Unmarshal(data, &config) != nil {
		return "", nil
	}
	token = config.States[config.Current].Token
	if !isToken(token) || !valid(token, now) {
		return "", nil
	}
	address := config.Platforms[config.Contexts[config.Current].Platform].Server
	if address == "" {
		// The CLI calls a login login-USER-ADDRESS.
		if at := strings.LastIndex(config.Current, "-http"); at >= 0 {
			address = config.Current[at+1:]
		}
	}
	server, err = cmf.ParseAddress(address)
	// A cloud login is not for CMF.
	if err != nil || strings.HasSuffix(server.Hostname(), "confluent.cloud") {
		return "", nil
	}
	return token, server
}

// valid reports whether token is a JWT that hasn't expired.
func valid(token string, now time.Time) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return false
	}
	var claims struct {
		Expires float64 `json:"exp"`
	}
	return json.Unmarshal(payload, &claims) == nil && (claims.Expires == 0 || now.Unix() < int64(claims.Expires))
}

// authorize adds the token to each request for one server.
type authorize struct {
	next   http.RoundTripper
	tokens tokens
	server *url.URL
}

func (a *authorize) RoundTrip(request *http.Request) (*http.Response, error) {
	if !sameServer(request.URL, a.server) {
		return a.next.RoundTrip(request)
	}
	token, err := a.tokens.token(request.Context())
	if err != nil {
		return nil, &cmf.LoginError{Err: err}
	}
	response, err := a.send(request, token)
	if err != nil || response.StatusCode != http.StatusUnauthorized || request.Body != nil && request.GetBody == nil {
		return response, err
	}
	// It may have expired earlier than it said, or been renewed meanwhile.
	a.tokens.refused(token)
	again, err := a.tokens.token(request.Context())
	if err != nil || again == token {
		return response, nil //nolint:nilerr // the server's answer says more
	}
	request = request.Clone(request.Context())
	if request.GetBody != nil {
		if request.Body, err = request.GetBody(); err != nil {
			return response, nil //nolint:nilerr // as above
		}
	}
	_ = response.Body.Close()
	return a.send(request, again)
}

func (a *authorize) send(request *http.Request, token string) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(request)
}

// sameServer reports whether two addresses have scheme, host and port in
// common.
func sameServer(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch text := u.Port(); {
	case text != "":
		return text
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// login is where tokens for CMF come from.
type login struct {
	// tokens is nil for none.
	tokens tokens
	// what is the credential in words, "" for none.
	what string
	// unused says in words why a login that there is isn't used; "" for none.
	unused string
}

// login chooses where tokens for the server at address come from. A tunnel
// protects what is sent through it.
func (f *Finder) login(address *url.URL, transport *http.Transport, tunnel bool) (login, error) {
	open := !tunnel && f.readable(address)
	if f.Flags.TokenFile != "" {
		if open {
			return login{}, exit.Usagef("the token of --cmf-token-file would be sent to %s unencrypted: use https, or --insecure-http to send it all the same", endpoint(address))
		}
		return login{tokens: &tokenFile{path: f.Flags.TokenFile}, what: "the token of --cmf-token-file"}, nil
	}
	mds, err := f.mds(address, transport, tunnel)
	if err != nil {
		return login{}, err
	}
	if mds != nil {
		if open {
			return login{}, exit.Usagef("the token of the Metadata Service (CONFLUENT_PLATFORM_MDS_URL) would be sent to %s unencrypted: use https, or --insecure-http to send it all the same", endpoint(address))
		}
		return login{tokens: mds, what: "the token of the login of CONFLUENT_PLATFORM_USERNAME"}, nil
	}
	home := f.env("HOME")
	if home == "" {
		return login{}, nil
	}
	token, server := cliToken(home, time.Now())
	switch {
	case token == "":
		return login{}, nil
	case !sameServer(server, address):
		// It was given to another server, and is worth as much as a password.
		return login{unused: fmt.Sprintf("the login of Confluent's CLI is for %s and is not sent elsewhere", endpoint(server))}, nil
	case open:
		return login{unused: "the login of Confluent's CLI is not sent unencrypted"}, nil
	}
	return login{tokens: fixedToken(token), what: "the login of Confluent's CLI"}, nil
}

// mds is the login with a name and a password, nil for none. A password goes
// only where the user says that it belongs.
func (f *Finder) mds(address *url.URL, transport *http.Transport, tunnel bool) (*mdsLogin, error) {
	const variable = "CONFLUENT_PLATFORM_MDS_URL"
	text, user, password := f.env(variable), f.env("CONFLUENT_PLATFORM_USERNAME"), f.env("CONFLUENT_PLATFORM_PASSWORD")
	if text == "" || user == "" || password == "" {
		return nil, nil
	}
	server, err := url.Parse(text)
	if err != nil || server.Scheme != "http" && server.Scheme != "https" || server.Host == "" {
		return nil, exit.Usagef("%s is not an address such as https://mds.example.com:8090", variable)
	}
	if server.User != nil || server.RawQuery != "" {
		return nil, exit.Usagef("%s must have neither a user nor parameters; the user is CONFLUENT_PLATFORM_USERNAME", variable)
	}
	if err := untrusted.CheckPath(server.EscapedPath()); err != nil {
		return nil, exit.Usagef("%s: %w", variable, err)
	}
	own := sameServer(server, address) // CMF's embedded Metadata Service
	if f.readable(server) && !(own && tunnel) {
		return nil, exit.Usagef("the password of CONFLUENT_PLATFORM_USERNAME would be sent to %s unencrypted: use https in %s, or --insecure-http to send it all the same", endpoint(server), variable)
	}
	if !own {
		transport = newTransport()
	}
	if server.Scheme == "http" && !f.Flags.InsecureHTTP && !(own && tunnel) {
		stayLocal(transport)
	}
	return &mdsLogin{
		url: strings.TrimRight(server.String(), "/"), user: user, password: password,
		client: &http.Client{Timeout: 30 * time.Second, Transport: transport, CheckRedirect: untrusted.SameServer},
	}, nil
}

// readable reports whether what is sent to an address can be read on the way,
// and the user didn't agree to that.
func (f *Finder) readable(address *url.URL) bool {
	return address.Scheme != "https" && !loopback(address.Hostname()) && !f.Flags.InsecureHTTP
}

// loopback reports whether host is this computer by its very name: an address
// of 127.0.0.0/8, ::1, or localhost. What a name is resolved to is checked when
// it is dialed.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// stayLocal makes transport fail where it would leave this computer, as when
// localhost is resolved to something else or a proxy is in between.
func stayLocal(transport *http.Transport) {
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if remote, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !remote.IP.IsLoopback() {
			_ = conn.Close()
			return nil, fmt.Errorf("%s leads to %s, which is not this computer: nothing is sent there unencrypted without --insecure-http", address, conn.RemoteAddr())
		}
		return conn, nil
	}
}
