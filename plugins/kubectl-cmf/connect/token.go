package connect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tokens give the bearer token of each request.
type tokens interface {
	token(ctx context.Context) (string, error)
}

// tokenFile is --cmf-token-file: read again when it changes, because tokens
// are renewed in place.
type tokenFile struct {
	path string

	mu      sync.Mutex
	changed time.Time
	value   string
}

func (f *tokenFile) token(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", fmt.Errorf("--cmf-token-file: %w", err)
	}
	if f.value != "" && info.ModTime().Equal(f.changed) {
		return f.value, nil
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return "", fmt.Errorf("--cmf-token-file: %w", err)
	}
	value := strings.TrimSpace(string(data))
	if value == "" || strings.ContainsAny(value, " \t\r\n") {
		return "", fmt.Errorf("--cmf-token-file: %s must hold one token and nothing else", f.path)
	}
	f.value, f.changed = value, info.ModTime()
	return value, nil
}

// mdsLogin fetches a token from a Metadata Service with a name and a password,
// as `confluent login --url` does; the variables are that command's.
type mdsLogin struct {
	url            string
	user, password string
	client         *http.Client

	mu      sync.Mutex
	value   string
	expires time.Time
}

func (l *mdsLogin) token(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value != "" && time.Now().Before(l.expires) {
		return l.value, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(l.url, "/")+"/security/1.0/authenticate", nil)
	if err != nil {
		return "", errors.New("the address of the Metadata Service (CONFLUENT_PLATFORM_MDS_URL) can't be read")
	}
	request.SetBasicAuth(l.user, l.password)
	response, err := l.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("log in to the Metadata Service: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("log in to the Metadata Service at %s: %s; check CONFLUENT_PLATFORM_USERNAME and CONFLUENT_PLATFORM_PASSWORD", request.URL.Host, response.Status)
	}
	var answer struct {
		Token   string  `json:"auth_token"`
		Expires float64 `json:"expires_in"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("log in to the Metadata Service at %s: its answer has no token", request.URL.Host)
	}
	l.value, l.expires = answer.Token, time.Now().Add(time.Duration(answer.Expires*0.8)*time.Second)
	return l.value, nil
}

// fixedToken is one that doesn't change.
type fixedToken string

func (t fixedToken) token(context.Context) (string, error) { return string(t), nil }

// cliToken is the token of the Confluent CLI's current login, "" where there
// is none that can be used: an encrypted or expired one can't.
func cliToken(home string, now time.Time) string {
	data, err := os.ReadFile(filepath.Join(home, ".confluent", "config.json"))
	if err != nil {
		return ""
	}
	var config struct {
		Current string `json:"current_context"`
		States  map[string]struct {
			Token string `json:"auth_token"`
		} `json:"context_states"`
	}
	if json.Unmarshal(data, &config) != nil {
		return ""
	}
	token := config.States[config.Current].Token
	// A cloud login is not for CMF.
	if strings.Contains(config.Current, "confluent.cloud") || !valid(token, now) {
		return ""
	}
	return token
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
	host   string
}

func (a *authorize) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host != a.host {
		return a.next.RoundTrip(request)
	}
	token, err := a.tokens.token(request.Context())
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(request)
}

// tokens chooses where tokens come from; nil for none.
func (f *Finder) tokens(address *url.URL, transport http.RoundTripper) tokens {
	if f.Flags.TokenFile != "" {
		return &tokenFile{path: f.Flags.TokenFile}
	}
	// A password goes only where the user says that it belongs.
	user, password := f.env("CONFLUENT_PLATFORM_USERNAME"), f.env("CONFLUENT_PLATFORM_PASSWORD")
	if mds, err := url.Parse(f.env("CONFLUENT_PLATFORM_MDS_URL")); err == nil && mds.Host != "" && user != "" && password != "" {
		login := &mdsLogin{url: mds.String(), user: user, password: password, client: &http.Client{Timeout: 30 * time.Second}}
		if mds.Host == address.Host {
			login.client.Transport = transport // CMF's embedded Metadata Service
		}
		return login
	}
	if home := f.env("HOME"); home != "" {
		if token := cliToken(home, time.Now()); token != "" {
			return fixedToken(token)
		}
	}
	return nil
}
