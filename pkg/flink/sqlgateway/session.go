package sqlgateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

const (
	// heartbeat keeps a session alive; gateways end idle ones after 10 minutes
	// by default, and those that are started for a session soon after their
	// client is gone.
	heartbeat = 5 * time.Second
	// heartbeatLimit is how long one may take.
	heartbeatLimit = 15 * time.Second
	// reconnect is how long an answer is asked for again while the gateway
	// can't be reached, beyond what the transport itself waits.
	reconnect = 30 * time.Second
	// closeLimit bounds what is tidied up in the background.
	closeLimit = 10 * time.Second
)

// Options are what a Session needs to know beside its gateway.
type Options struct {
	// Name is the session's, for those who look into the gateway's log.
	Name string
	// Properties are set for the session: Flink's configuration and the SQL
	// options that SET knows.
	Properties map[string]string
	// JobManager is that of the cluster where statements run; nil asks the
	// gateway for jobs instead.
	JobManager *rest.Client
	// Ended says why a gateway that nothing replaces is no more; its error is
	// nil as long as that isn't so. nil is a gateway that may come back.
	Ended func(ctx context.Context) error
	// Handle is that of a session that is open already, which is gone on with; ""
	// begins a new one.
	Handle string
	// Keep leaves the session open when this client closes it.
	Keep bool
	// StopHint is the command that stops a job later; nil is none.
	StopHint func(job string) string
}

// Session is one session with a gateway. It implements sqlshell.Backend.
type Session struct {
	client  *Client
	options Options

	end  context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	handle string
	// untold says that the session has ended, and no statement has failed by that.
	untold bool
	jobs   []string // in the order they were started
	zone   *zone    // nil as long as it isn't known

	// zoning is held while what is read depends on the session's zone. inUTC is
	// the handle of the session whose zone is UTC for the moment, changed that
	// of one whose zone has to be set back.
	zoning         sync.Mutex
	inUTC, changed string

	// ending guards over, which is an *endedError once the gateway is no more.
	ending sync.Mutex
	over   error
}

// ErrGone says that the gateway doesn't know a session any more.
var ErrGone = errors.New("the SQL gateway doesn't know this session any more: it restarted, or the session was idle for too long")

// Open begins a session, or goes on with the one of options.Handle, and keeps it
// alive until Close. The error of one that has ended is ErrGone.
func Open(ctx context.Context, client *Client, options Options) (*Session, error) {
	s := &Session{client: client, options: options}
	if options.Handle != "" {
		if err := checkHandle("session", options.Handle); err != nil {
			return nil, err
		}
		err := s.call(ctx, http.MethodPost, httpapi.Path("sessions", options.Handle, "heartbeat"), nil, nil)
		if gone(err) {
			return nil, ErrGone
		}
		if err != nil {
			return nil, s.explain(err)
		}
		s.handle = options.Handle
	} else if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	s.end = end
	s.work.Go(func() { s.keepAlive(background) })
	return s, nil
}

// begin opens the session where it isn't open, and returns its handle.
func (s *Session) begin(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != "" {
		return s.handle, nil
	}
	var answer struct {
		Handle string `json:"sessionHandle"`
	}
	properties := s.options.Properties
	if properties == nil {
		properties = map[string]string{}
	}
	request := map[string]any{"sessionName": s.options.Name, "properties": properties}
	if err := s.call(ctx, http.MethodPost, httpapi.Path("sessions"), request, &answer); err != nil {
		return "", s.explain(err)
	}
	if err := checkHandle("session", answer.Handle); err != nil {
		return "", err
	}
	s.handle, s.zone, s.untold = answer.Handle, nil, false
	return s.handle, nil
}

func (s *Session) keepAlive(ctx context.Context) {
	for sleep(ctx, heartbeat) == nil {
		s.mu.Lock()
		handle := s.handle
		s.mu.Unlock()
		if handle == "" {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, heartbeatLimit)
		if err := s.call(limited, http.MethodPost, httpapi.Path("sessions", handle, "heartbeat"), nil, nil); gone(err) {
			s.untell(handle)
		}
		cancel()
	}
}

// lost forgets the session: the next statement begins another.
func (s *Session) lost(handle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == handle {
		s.handle = ""
	}
}

// untell forgets the session, and has the next statement fail by that: it would
// run without what was set and created.
func (s *Session) untell(handle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == handle {
		s.handle, s.untold = "", true
	}
}

// untellEnd is untell where the session before has been lost meanwhile.
func (s *Session) untellEnd(before string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.untold = s.untold || before != "" && s.handle == ""
}

// standing is the session's handle, or "" and whether its end is untold.
func (s *Session) standing() (handle string, untold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handle, s.untold
}

// tell reports whether the end of a session was untold, which it isn't after this.
func (s *Session) tell() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	untold := s.untold
	s.untold = false
	return untold
}

// explain turns the gateway's answer into an error for people.
func (s *Session) explain(err error) error {
	var answer *Error
	switch {
	case err == nil:
		return nil
	case gone(err):
		return goneError(err)
	case errors.As(err, &answer):
		e := reduce(answer.Messages)
		if e.Root == "" {
			e.Root = answer.Error()
		}
		return e
	}
	return err
}

// goneError says that the session of a statement has ended.
func goneError(err error) error {
	return &sqlshell.Error{
		Root: ErrGone.Error() + ". What the session had set and created for itself is lost; the next statement begins a new one",
		Full: err.Error(),
	}
}

// Run sends one statement.
func (s *Session) Run(ctx context.Context, statement string) (sqlshell.Execution, error) {
	if s.tell() {
		return nil, goneError(ErrGone)
	}
	return s.run(ctx, statement)
}

func (s *Session) run(ctx context.Context, statement string) (*execution, error) {
	handle, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.restoreZone(ctx, handle); err != nil {
		if gone(err) {
			s.lost(handle)
		}
		return nil, err
	}
	word := strings.ToUpper(firstWord(statement))
	if word == "SET" || word == "RESET" {
		s.mu.Lock()
		s.zone = nil // it may be what changes
		s.mu.Unlock()
	}
	return s.submit(ctx, handle, statement)
}

// submit sends a statement to the session with the handle.
func (s *Session) submit(ctx context.Context, handle, statement string) (*execution, error) {
	var answer struct {
		Handle string `json:"operationHandle"`
	}
	over := s.isOver()
	err := s.call(ctx, http.MethodPost, httpapi.Path("sessions", handle, "statements"), map[string]any{"statement": statement}, &answer)
	switch {
	case gone(err):
		s.lost(handle)
		return nil, s.explain(err)
	case passing(err) && ctx.Err() == nil:
		// It must not be sent twice: an INSERT would run twice.
		return nil, fmt.Errorf("the connection to the SQL gateway broke while the statement was sent: %w\nWhether it runs isn't known; see with SHOW JOBS", err)
	case hasEnded(err) && over == nil:
		return nil, fmt.Errorf("%w\nWhether the statement that was being sent runs isn't known; see the cluster's jobs", err)
	case err != nil:
		return nil, s.explain(err)
	}
	if err := checkHandle("statement", answer.Handle); err != nil {
		return nil, fmt.Errorf("%w\nWhether the statement runs isn't known; see with SHOW JOBS", err)
	}
	return &execution{
		session: s, statement: statement,
		handle: handle, operation: answer.Handle,
		format: formatJSON, begun: time.Now(),
	}, nil
}

// firstWord is the first word of a statement that isn't in a comment.
func firstWord(statement string) string {
	for {
		statement = strings.TrimLeft(statement, " \t\r\n(")
		switch {
		case strings.HasPrefix(statement, "--"):
			_, statement, _ = strings.Cut(statement, "\n")
		case strings.HasPrefix(statement, "/*") && !strings.HasPrefix(statement, "/*+"):
			_, statement, _ = strings.Cut(statement, "*/")
		default:
			end := strings.IndexFunc(statement, func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') })
			if end < 0 {
				return statement
			}
			return statement[:end]
		}
	}
}

// started remembers a job of this session.
func (s *Session) started(job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.jobs, job) {
		return
	}
	s.jobs = append(s.jobs, job)
}

// Handle is the session's at the gateway; "" where it has none at the moment.
func (s *Session) Handle() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handle
}

// Lost reports whether the session has ended: the gateway doesn't know it any
// more, or is no more.
func (s *Session) Lost() bool { return s.Over() || s.Handle() == "" }

// Over reports whether the gateway is no more.
func (s *Session) Over() bool { return s.isOver() != nil }

// Renew begins another session with the same gateway, where this one has ended.
func (s *Session) Renew(ctx context.Context) error {
	_, err := s.begin(ctx)
	return err
}

// Forget has Close end the session, also where it was to be kept.
func (s *Session) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Keep = false
}

// Close ends the session, unless it is to be kept. Jobs that INSERTs started go
// on.
func (s *Session) Close(ctx context.Context) error {
	s.end()
	s.work.Wait()
	s.mu.Lock()
	handle, keep := s.handle, s.options.Keep
	s.mu.Unlock()
	if handle != "" && keep {
		// The next one finds its own zone, not what reading needed.
		err := s.restoreZone(ctx, handle)
		s.work.Wait()
		return err
	}
	s.lost(handle)
	if handle == "" {
		return nil
	}
	err := s.call(ctx, http.MethodDelete, httpapi.Path("sessions", handle), nil, nil)
	if gone(err) {
		return nil
	}
	return s.explain(err)
}
