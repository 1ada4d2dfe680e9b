// Package hostile has servers that attack who asks them: an API server, the
// JobManager and the SQL gateway behind it, CMF and Confluent's MDS. Each is an
// honest server whose answers an Attack spoils.
package hostile

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
)

// Attack is one way to spoil answers. Its fields are combined.
type Attack struct {
	Name string
	// Spoil changes a text that a server says, found under key in an object.
	Spoil func(key, text string) string
	// Flood, where set, answers requests to Where in place of the honest server,
	// for as long as the client reads. It returns how many bytes the client took,
	// unpacked.
	Flood func(w http.ResponseWriter, r *http.Request) int64
	// Where selects the requests that are flooded.
	Where func(r *http.Request) bool
	// Endless has each list of the API server go on for ever.
	Endless bool
}

// Marks that no guarded output has. None of them is what a command writes of
// its own accord.
var escapes = []string{
	"\x1b]0;PWNED\x07", "\x1b[7;41m", "\u009b7;41m", "\u202e", "\u2060", "\u061c", "\U000e0041", "\x07",
}

// Planted is in every planted secret.
const Planted = "PLANTED"

// planted are secrets as they stand in arguments, URLs and messages.
var planted = []string{
	"-Ddb.password=" + Planted + "1", "jdbc:postgresql://user:" + Planted + "2@db/x", "AccountKey=" + Planted + "3==;",
	"https://x/y?sig=" + Planted + "4", "Authorization: Bearer " + Planted + "5", "--db-password " + Planted + "6",
}

// Away is in every path that leads away from where a command was sent.
const Away = "victim"

// away is a name that leads away, if it goes into a URL as it is.
const away = "../../../../../../../api/v1/namespaces/kube-system/configmaps/" + Away

// Escapes puts what terminals obey into every text.
func Escapes() Attack {
	return Attack{Name: "escapes", Spoil: func(key, text string) string {
		if structural(key) || identifies(key) {
			return text
		}
		return text + strings.Join(escapes, "x")
	}}
}

// Secrets plants secrets in every text that people read.
func Secrets() Attack {
	return Attack{Name: "secrets", Spoil: func(key, text string) string {
		switch {
		case said[key]:
			return text + " " + strings.Join(planted, " ")
		case strings.Contains(key, "password") || strings.Contains(key, "secret-key"):
			return Planted + "7"
		}
		return text
	}}
}

var said = map[string]bool{
	"message": true, "error": true, "errors": true, "args": true, "stacktrace": true, "root-exception": true,
	"failure-message": true, "failure_message": true, "stack-trace": true, "jarURI": true, "detail": true, "exception": true,
}

// Paths has servers name things that lead elsewhere.
func Paths() Attack { return named("paths", away) }

// Segments has servers name things that are one part of a path for some servers
// and lead elsewhere for others.
func Segments() Attack { return named("segments", "..;x=1") }

// named has servers name things so.
func named(attack, name string) Attack {
	return Attack{Name: attack, Spoil: func(key, text string) string {
		if identifies(key) && !structural(key) {
			return name
		}
		return text
	}}
}

// structural are keys without which no answer is understood, or none is given.
func structural(key string) bool {
	switch key {
	case "kind", "apiVersion", "groupVersion", "continue", "type", "status", "reason", "version", "versions", "resultType",
		"rowFormat", "creationTimestamp", "lastTimestamp", "firstTimestamp", "eventTime", "namespace",
		"lifecycleState", "jobManagerDeploymentStatus", "phase", "verbs", "singularName":
		return true
	}
	return strings.HasSuffix(key, "Time") || strings.HasSuffix(key, "Timestamp")
}

// identifies are keys whose texts name something that is asked for next.
func identifies(key string) bool {
	switch key {
	case "jobId", "jid", "id", "request-id", "nextResultUri", "filename", "sessionHandle", "operationHandle", "jobID", "uid", "name", "app", "taskmanager_id":
		return true
	}
	return false
}

// Endless are answers without an end.
func Endless(name string, where func(*http.Request) bool) Attack {
	return Attack{Name: name, Where: where, Flood: func(w http.ResponseWriter, _ *http.Request) int64 {
		w.Header().Set("Content-Type", "application/json")
		return flood(w)
	}}
}

// Bomb are answers without an end that cost the server little.
func Bomb(name string, where func(*http.Request) bool) Attack {
	return packed(name, where, block)
}

// Swelling is packed less tightly than Bomb: what waits in the buffers of sockets
// counts as taken, and of a bomb that is hundreds of megabytes.
func Swelling(name string, where func(*http.Request) bool) Attack {
	return packed(name, where, mixed)
}

func packed(name string, where func(*http.Request) bool, mebibyte string) Attack {
	// Both parts are packed once: gzip's format lets them follow each other.
	head, more := pack(opening), pack(mebibyte)
	return Attack{Name: name, Where: where, Flood: func(w http.ResponseWriter, _ *http.Request) int64 {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		if _, err := io.WriteString(w, head); err != nil {
			return 0
		}
		return repeat(w, more, endless)
	}}
}

func pack(text string) string {
	var out strings.Builder
	packer, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err == nil {
		_, err = io.WriteString(packer, text)
	}
	if err = cmp.Or(err, packer.Close()); err != nil {
		panic(err) // the level isn't one
	}
	return out.String()
}

// mixed is a mebibyte of which an eighth can't be packed.
var mixed = func() string {
	random := rand.New(rand.NewPCG(1, 2))
	out := []byte(block)
	for i := 0; i < len(out); i += 1 << 13 {
		for k := range 1 << 10 {
			out[i+k] = 'a' + byte(random.IntN(26))
		}
	}
	return string(out)
}()

// Failures are errors of 100 MB.
func Failures(name string, where func(*http.Request) bool) Attack {
	return Attack{Name: name, Where: where, Flood: func(w http.ResponseWriter, _ *http.Request) int64 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"kind":"Status","status":"Failure","code":500,"errors":["`)
		taken := repeat(w, block, 100)
		_, _ = io.WriteString(w, `"]}`)
		return taken
	}}
}

// AtAPIServer selects what the API server itself answers.
func AtAPIServer(r *http.Request) bool { return !AtJobManager(r) && !isLog(r) }

// AtJobManager selects what is behind the API server.
func AtJobManager(r *http.Request) bool { return strings.Contains(r.URL.Path, "/proxy/") }

// Anywhere selects every request.
func Anywhere(*http.Request) bool { return true }

func isLog(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/log") }

var block = strings.Repeat("x", 1<<20)

const (
	// opening is how JSON begins that never ends, a bound of the server's own
	// aside: so many blocks of a mebibyte.
	opening = `{"kind":"List","items":[],"metadata":{"x":"`
	endless = 400
)

// flood is JSON that never ends.
func flood(w io.Writer) int64 {
	if _, err := io.WriteString(w, opening); err != nil {
		return 0
	}
	return repeat(w, block, endless)
}

// repeat writes so many times what is a mebibyte to the client, while it is
// taken, and returns how many bytes were.
func repeat(w io.Writer, mebibyte string, times int) int64 {
	for i := range times {
		if _, err := io.WriteString(w, mebibyte); err != nil {
			return int64(i) << 20
		}
	}
	return int64(times) << 20
}

// spoilt is value with every text changed.
func spoilt(key string, value any, change func(key, text string) string) any {
	switch v := value.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = spoilt(k, item, change)
		}
	case []any:
		for i, item := range v {
			v[i] = spoilt(key, item, change)
		}
	case string:
		return change(key, v)
	}
	return value
}

// Verdict is what is wrong with what a command wrote: the marks of an attack
// that came through; "" if none did.
func Verdict(attack Attack, output string) string {
	marks := map[string][]string{"escapes": escapes, "secrets": {Planted}}[attack.Name]
	for _, mark := range marks {
		if at := strings.Index(output, mark); at >= 0 {
			return fmt.Sprintf("%q came through in %q", mark, output[max(0, at-60):min(len(output), at+40)])
		}
	}
	return ""
}
