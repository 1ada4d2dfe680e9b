package clientset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

const (
	// MaxAnswer bounds one answer of the API server, in bytes after it was
	// unpacked. A page of 500 jobs has 2 to 5 MiB; what is larger is asked for
	// in smaller pages.
	MaxAnswer = 16 << 20
	// maxEvent bounds one event of a watch: etcd takes objects of up to 1.5 MiB.
	maxEvent = 4 << 20
	// maxFailure bounds the answer that says what went wrong. What is longer is
	// cut: the answer's code says most of it.
	maxFailure = 1 << 20
	// maxValues bounds the objects and arrays in one event, each of which takes
	// much more memory than the three bytes that it has at least.
	maxValues = 256 << 10
	// largeAnswer is what an answer may need beside others, in bytes of memory.
	largeAnswer = 4 << 20
	// answerTime is how long an answer may take from its head to its end.
	answerTime = 5 * time.Minute
)

// AnswerTooLargeError is an answer of the API server that is larger than the
// program takes into memory.
type AnswerTooLargeError struct {
	// Path is what was asked for.
	Path string
	// Limit is in bytes, of memory where Memory is set.
	Limit  int64
	Memory bool
	// Event says that it was one event of a watch.
	Event bool
}

func (e *AnswerTooLargeError) Error() string {
	what, sent := "in one answer", fmt.Sprintf("more than %d MiB", e.Limit>>20)
	if e.Memory {
		sent = fmt.Sprintf("what needs more than %d MiB of memory", e.Limit>>20)
	}
	if e.Event {
		what = oneEvent
	}
	return fmt.Sprintf("the API server sent %s %s to %s: select less with -l, -n or --limit where the command has them, or see whether this is an API server", sent, what, e.Path)
}

// TooLarge reports whether err says that an answer was larger than the program
// takes.
func TooLarge(err error) bool {
	var large *AnswerTooLargeError
	if errors.As(err, &large) {
		return true
	}
	// A watch keeps only the text of what broke it.
	var status apierrors.APIStatus
	return errors.As(err, &status) && strings.Contains(status.Status().Message, oneEvent)
}

// oneEvent is in the error of an event that is too large.
const oneEvent = "in one event of a watch"

// Bound is next with a bound on what each answer may bring into memory: whole
// answers as a whole, watches by event. Logs and what goes through the API
// server to others have readers with bounds of their own.
func Bound(next http.RoundTripper) http.RoundTripper { return &bound{next} }

// BoundClient is a copy of client whose answers have a bound, and which goes
// nowhere else: the user's credentials are added to each request, that of a
// redirect too.
func BoundClient(client *http.Client) *http.Client {
	bounded := *client
	bounded.CheckRedirect = untrusted.SameServer
	if bounded.Transport == nil {
		bounded.Transport = http.DefaultTransport
	}
	bounded.Transport = Bound(bounded.Transport)
	return &bounded
}

type bound struct{ next http.RoundTripper }

// WrappedRoundTripper lets client-go reach the transport below.
func (b *bound) WrappedRoundTripper() http.RoundTripper { return b.next }

func (b *bound) RoundTrip(request *http.Request) (*http.Response, error) {
	// Objects name others, and client-go lets through all but slashes, "%" and
	// names of dots alone.
	if err := untrusted.CheckPath(request.URL.EscapedPath()); err != nil {
		return nil, &untrusted.ElsewhereError{Why: fmt.Sprintf("nothing is asked of the API server: %v", err)}
	}
	response, err := b.next.RoundTrip(request)
	if err != nil || response.Body == nil || response.StatusCode == http.StatusSwitchingProtocols {
		return response, err
	}
	path := request.URL.Path
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	// client-go reads what isn't called protobuf as JSON.
	text := !strings.Contains(kind, "protobuf")
	switch {
	case response.StatusCode >= http.StatusBadRequest:
		response.Body = body{io.LimitReader(response.Body, maxFailure), response.Body}
	case streams(request) || request.Context().Value(streamed{}) != nil:
	case watches(request):
		if text {
			response.Body = body{&events{in: response.Body, path: path}, response.Body}
		}
		// client-go bounds each event of protobuf, which has its size before it.
	default:
		room, _ := request.Context().Value(held{}).(*untrusted.Room)
		own := room == nil
		if own {
			room = &untrusted.Room{}
		}
		in, late := response.Body, &atomic.Bool{}
		timer := time.AfterFunc(answerTime, func() { late.Store(true); _ = in.Close() })
		response.Body = body{&whole{in: in, path: path, text: text, limit: MaxAnswer, room: room, ctx: request.Context(), late: late}, closer(func() error {
			timer.Stop()
			if own {
				room.Leave()
			}
			return in.Close()
		})}
	}
	return response, nil
}

// streamed marks the context of a request whose answer is a stream.
type streamed struct{}

// Streamed is ctx for a request whose answer the caller reads piece by piece,
// with bounds of its own.
func Streamed(ctx context.Context) context.Context { return context.WithValue(ctx, streamed{}, true) }

// body reads what is bounded and closes what is not.
type body struct {
	io.Reader
	io.Closer
}

type closer func() error

func (c closer) Close() error { return c() }

// held marks the context of a request whose caller gives up the room of its answer
// once that is decoded.
type held struct{}

func watches(request *http.Request) bool {
	watch := request.URL.Query().Get("watch")
	return watch != "" && watch != "0" && watch != "false"
}

// streams reports whether the answer is passed on piece by piece: a pod's log,
// or what a Service or pod behind the API server sends.
func streams(request *http.Request) bool {
	parts := strings.Split(request.URL.Path, "/")
	for i, part := range parts {
		if i > 1 && (part == "proxy" || part == "log" && i == len(parts)-1) && (parts[i-2] == "pods" || parts[i-2] == "services") {
			return true
		}
	}
	return false
}

// AtMost is in with an error after limit bytes; path is what was asked for.
func AtMost(in io.Reader, limit int64, path string) io.Reader {
	return &whole{in: in, path: path, limit: limit}
}

// whole bounds an answer that is read to its end.
type whole struct {
	in    io.Reader
	path  string
	text  bool
	limit int64
	read  int64
	// needed is how much memory it needs when it is decoded.
	needed int64
	// room, where set, is taken by a large one.
	room *untrusted.Room
	ctx  context.Context //nolint:containedctx // that of the request whose answer it is
	late *atomic.Bool
	// message is the answer in protobuf.
	message *bytes.Reader
}

func (w *whole) Read(p []byte) (int, error) {
	if w.room != nil && !w.text {
		return w.readMessage(p)
	}
	n, err := w.in.Read(p)
	w.read += int64(n)
	if w.text {
		w.needed += untrusted.Needed(p[:n])
	}
	if bad := w.check(); bad != nil {
		return 0, bad
	}
	return n, w.explain(err)
}

func (w *whole) explain(err error) error {
	if err != nil && w.late != nil && w.late.Load() {
		return exit.Timeoutf("the API server took more than %s for its answer to %s", answerTime, w.path)
	}
	return err
}

func (w *whole) check() error {
	switch {
	case w.read > w.limit:
		return &AnswerTooLargeError{Path: w.path, Limit: w.limit}
	case w.needed > untrusted.MaxNeeded:
		return &AnswerTooLargeError{Path: w.path, Limit: untrusted.MaxNeeded, Memory: true}
	case w.room != nil && (w.needed > largeAnswer || w.read > largeAnswer/4):
		return w.room.Take(w.ctx)
	}
	return nil
}

// readMessage reads an answer in protobuf, which is looked at as a whole before
// any of it is decoded.
func (w *whole) readMessage(p []byte) (int, error) {
	if w.message == nil {
		var all bytes.Buffer
		for w.message == nil {
			n, err := io.CopyN(&all, w.in, 256<<10)
			w.read += n
			if bad := w.check(); bad != nil {
				return 0, bad
			}
			switch {
			case errors.Is(err, io.EOF):
				const magic = 4 // k8s and a zero
				data := all.Bytes()
				if w.needed = untrusted.NeededOfProtobuf(data[min(magic, len(data)):], untrusted.MaxNeeded); w.check() != nil {
					return 0, w.check()
				}
				w.message = bytes.NewReader(data)
			case err != nil:
				return 0, w.explain(err)
			}
		}
	}
	return w.message.Read(p)
}

// events bounds each value of a stream of JSON values.
type events struct {
	in   io.Reader
	path string
	// size is what there is of the value that has begun.
	size    int64
	values  int64
	depth   int
	quoted  bool
	escaped bool
}

func (e *events) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	for _, c := range p[:n] {
		e.size++
		switch {
		case e.escaped:
			e.escaped = false
		case e.quoted:
			e.escaped = c == '\\'
			e.quoted = c != '"'
		case c == '"':
			e.quoted = true
		case c == '{' || c == '[':
			e.depth++
			e.values++
		case c == '}' || c == ']':
			if e.depth--; e.depth <= 0 {
				e.size, e.values, e.depth = 0, 0, 0
			}
		}
		if e.size > maxEvent || e.values > maxValues {
			return 0, &AnswerTooLargeError{Path: e.path, Limit: maxEvent, Event: true}
		}
	}
	return n, err
}
