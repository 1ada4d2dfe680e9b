package cmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// explainLimit bounds how long each source of facts is waited for when a failure
// is explained: somebody is waiting for the end of a command.
const explainLimit = 5 * time.Second

// gathererOf collects the facts that diagnosis goes by; a nil tunnel asks no
// JobManager.
func (c *common) gathererOf(client *operator.Client, tunnel *portforward.Tunnel, files reach.TLSFiles, limit time.Duration) *reach.Gatherer {
	g := &reach.Gatherer{Client: client, Limit: limit, Now: c.now}
	if tunnel != nil {
		g.Ask = reach.NewJobManagers(client, files, func() (*portforward.Tunnel, error) { return tunnel, nil }).At
	}
	return g
}

// aim completes the commands of findings for the cluster that this command was
// told to look at.
func (c *common) aim(findings []diagnosis.Finding) {
	for i := range findings {
		f := &findings[i]
		f.Cures = slices.Clone(f.Cures)
		for j := range f.Cures {
			f.Cures[j].Text, f.Cures[j].Command = c.factory.Aim(f.Cures[j].Text), c.factory.Aim(f.Cures[j].Command)
		}
		c.aim(f.Consequences)
	}
}

// aimed is aim for a report.
func (c *common) aimed(report *view.DoctorReport) *view.DoctorReport {
	for i := range report.Findings {
		one := []diagnosis.Finding{report.Findings[i].Finding}
		c.aim(one)
		report.Findings[i].Finding = one[0]
	}
	return report
}

// aimedError is an error about what is in the cluster of at.
type aimedError struct {
	error
	at *common
}

func (e aimedError) Error() string { return e.at.factory.Aim(e.error.Error()) }

func (e aimedError) Unwrap() error { return e.error }

// explainer adds to the errors of a command why it failed and what to do, as
// diagnosis knows it.
type explainer struct {
	*common
	way   tunnelFlags
	files reach.TLSFiles
	// looking is called before facts are gathered, which takes a moment.
	looking func()

	mu     sync.Mutex
	shared *reach.Gatherer
	tunnel *portforward.Tunnel
}

func (f *changeFlags) explainer(looking func()) *explainer {
	return &explainer{common: f.common, way: f.tunnelFlags, files: f.tls, looking: looking}
}

// Close closes the way to JobManagers.
func (e *explainer) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tunnel != nil {
		e.tunnel.Close()
		e.tunnel = nil
	}
}

// gatherer is one for all failures of a command: what jobs have in common is
// read once.
func (e *explainer) gatherer(client *operator.Client) *reach.Gatherer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shared == nil {
		way := e.way
		way.reconnect = 0 // who isn't there isn't waited for
		e.tunnel, _ = e.common.tunnel(way, nil)
		e.shared = e.gathererOf(client, e.tunnel, e.files, explainLimit)
	}
	return e.shared
}

// explain is err with its cause and what to do, where those are known. ctx must
// outlive the time-out that err may come from.
func (e *explainer) explain(ctx context.Context, client *operator.Client, ref api.Ref, err error) error {
	if err == nil || ctx.Err() != nil || ref.Name == "" {
		return err
	}
	attempts, where := attemptsOf(err)
	var stuck *lifecycle.StuckError
	isStuck := errors.As(err, &stuck)
	if len(attempts) == 0 && !isStuck {
		return err
	}
	if e.looking != nil {
		e.looking()
	}
	facts, _, failure := e.gatherer(client).Job(ctx, ref)
	if failure != nil {
		facts = &diagnosis.JobFacts{Now: e.now(), Object: objectOf(ref)}
	}
	var found []diagnosis.Finding
	var changed *change.FailedError
	if isStuck || errors.As(err, &changed) && !changed.PutBack {
		// What keeps the job is still there to be seen.
		if root, ok := diagnosis.Root(diagnosis.Job(facts)); ok && (root.Severity == diagnosis.Error || isStuck) {
			found = []diagnosis.Finding{root}
		}
	}
	if len(found) == 0 {
		var thrown []diagnosis.Exception
		for _, text := range attempts {
			thrown = append(thrown, diagnosis.ReadException(text, time.Time{}, where))
		}
		found = diagnosis.Attempt(facts, thrown...)
	}
	if len(found) == 0 {
		return err
	}
	return fmt.Errorf("%w\n%s", err, view.Explanation(found[0], err.Error()))
}

// objectOf stands for an object of which nothing is known but its name.
func objectOf(ref api.Ref) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(api.Group + "/" + api.Version)
	o.SetKind(ref.Kind.Name)
	o.SetName(ref.Name)
	o.SetNamespace(ref.Namespace)
	return o
}

// reasonOf is what stands before an exception in a line about it.
var reasonOf = regexp.MustCompile(`^(?:cause: |event \S+ \([^)]*\): )`)

// attemptsOf are the exceptions that err reports, the most telling first, and
// where they were thrown. A change that wasn't begun failed at the savepoint that
// it begins with.
func attemptsOf(err error) (texts []string, where diagnosis.Where) {
	var saved *savepoint.FailedError
	var changed *change.FailedError
	switch {
	case errors.As(err, &changed):
		if changed.How == change.ChangeStuck {
			where = diagnosis.InCheckpoint
		}
		texts = reasonsIn(changed.Reasons())
	case errors.As(err, &saved):
		where = diagnosis.InCheckpoint
		texts = append([]string{savepointTrace(saved.Chain, saved.Cause)}, reasonsIn(saved.Reasons())...)
	default:
		texts = reasonsIn(lifecycle.Reasons(err))
	}
	var out []string
	for _, text := range texts {
		text = strings.ReplaceAll(strings.TrimSpace(text), deeperCause, "\nCaused by: ")
		if text = reasonOf.ReplaceAllString(text, ""); text != "" {
			out = append(out, text)
		}
	}
	return out, where
}

// deeperCause is what operator.FormatReasons and what finds deeper causes write
// between an exception and its cause.
const deeperCause = "\n  cause: "

// reasonsIn takes reasons of a line each apart, and leaves the cause of one with
// it: by itself the outer one would be taken for a cause.
func reasonsIn(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if n := len(out); n > 0 && strings.HasPrefix("\n"+line, deeperCause) {
			out[n-1] += "\n" + line
			continue
		}
		out = append(out, line)
	}
	return out
}

// savepointTrace is a stack trace without frames: the exceptions around a cause,
// outermost first, one a line, and the cause.
func savepointTrace(chain, cause string) string {
	var lines []string
	for line := range strings.Lines(chain) {
		// A message may bring frames of its own.
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "at ") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 || !strings.Contains(lines[len(lines)-1], cause) {
		lines = append(lines, cause)
	}
	return strings.Join(lines, "\nCaused by: ")
}
