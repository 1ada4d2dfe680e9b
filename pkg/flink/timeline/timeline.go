// Package timeline shows what happened to a job as one story, out of what is
// otherwise in six places: the object, its events, its pods, the JobManager, the
// snapshots and the autoscaler. It is given facts and asks nobody. What isn't
// known is shown, too: as gaps.
package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// Kind is what an entry is about.
type Kind string

// The kinds.
const (
	Spec       Kind = "spec"
	Operator   Kind = "operator"
	Pod        Kind = "pod"
	Job        Kind = "job"
	Exception  Kind = "exception"
	Checkpoint Kind = "checkpoint"
	Savepoint  Kind = "savepoint"
	Scaling    Kind = "scaling"
	Restore    Kind = "restore"
	// Gap is a time, or a thing, of which nothing is known.
	Gap Kind = "gap"
)

// Kinds are all kinds, in the order in which a picture has them.
var Kinds = []Kind{Spec, Operator, Pod, Job, Exception, Restore, Checkpoint, Savepoint, Scaling, Gap}

// Entry is one thing that happened, or several alike.
type Entry struct {
	At time.Time `json:"at"`
	// Until is when the last of several happened, or where a gap ends; nil where
	// there is one moment.
	Until *time.Time `json:"until,omitempty"`
	Kind  Kind       `json:"kind"`
	// Severity is "" for what happens every day.
	Severity diagnosis.Severity `json:"severity,omitempty"`
	// Text is one line, Details are more of it. Both may hold foreign text.
	Text    string   `json:"text"`
	Details []string `json:"details,omitempty"`
	// Source says where it was seen.
	Source string `json:"source"`
	// Count is how many happenings this is, 1 or more.
	Count int `json:"count"`
	// ID is the same whenever the same is read again.
	ID string `json:"id"`

	// group is the same for entries that may be folded into one.
	group string
	fold  func([]Entry) string
	one   *diagnosis.Checkpoint
}

// end is when the last of an entry happened.
func (e Entry) end() time.Time {
	if e.Until != nil {
		return *e.Until
	}
	return e.At
}

// Timeline is the story of a job, oldest first.
type Timeline struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Job is "Kind/namespace/name".
	Job string `json:"job"`
	// From and To bound what is reported.
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Items []Entry   `json:"items"`
}

// Options choose what is reported.
type Options struct {
	// Since is how far back it goes; 0 is as far as anything is known.
	Since time.Duration
	// Why says of sources that weren't read why. It is foreign text.
	Why map[diagnosis.Source]string
	// Newest puts what happened repeatedly where it happened last.
	Newest bool
	// NoGaps leaves out what isn't known.
	NoGaps bool
}

// mostEntries bounds a story: what is older than the newest is left out.
const mostEntries = 3000

// Build tells the story of a job.
func Build(f *diagnosis.JobFacts, o Options) Timeline {
	out := Timeline{APIVersion: "kubectl-flink/v1", Kind: "Timeline", Items: []Entry{}}
	if f == nil || f.Object == nil {
		return out
	}
	out.Job = f.Object.GetKind() + "/" + f.Object.GetNamespace() + "/" + f.Object.GetName()
	entries, from := Entries(f, o)
	out.From, out.To = from.UTC(), f.Now.UTC()
	out.Items = Fold(entries)
	return out
}

// Entries are all single things that happened, oldest first, and from when on.
func Entries(f *diagnosis.JobFacts, o Options) (entries []Entry, from time.Time) {
	b := &builder{f: f, o: o, created: f.Object.GetCreationTimestamp().Time}
	kind, _ := api.ParseKind(f.Object.GetKind(), api.JobKinds...)
	b.job = api.Job{Kind: kind, Object: f.Object}
	b.from = b.created
	if o.Since > 0 {
		b.from = f.Now.Add(-o.Since)
	}
	b.specs()
	b.events()
	b.pods()
	b.flink()
	b.snapshots()
	b.scalings()
	if !o.NoGaps {
		b.gaps()
	}
	return b.finish(), b.from
}

// builder collects entries.
type builder struct {
	f       *diagnosis.JobFacts
	o       Options
	job     api.Job
	created time.Time
	from    time.Time
	entries []Entry
	// changes counts the changes of the spec that the operator reported.
	changes int
}

func (b *builder) add(e Entry) {
	if !e.At.IsZero() {
		b.entries = append(b.entries, e)
	}
}

// finish puts entries in order, leaves out what isn't asked for and hides the
// secrets in it.
func (b *builder) finish() []Entry {
	out := slices.DeleteFunc(b.entries, func(e Entry) bool { return e.end().Before(b.from) })
	sorting.By(out, func(x, y Entry) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(slices.Index(Kinds, x.Kind), slices.Index(Kinds, y.Kind)))
	})
	if left := len(out) - mostEntries; left > 0 {
		until := out[left].At
		out = slices.Clone(out[left:])
		out = slices.Insert(out, 0, Entry{At: b.from, Until: &until, Kind: Gap, Text: fmt.Sprintf("%d more that happened before are left out", left), Source: "timeline", ID: "left-out"})
	}
	seen := map[string]int{}
	for i := range out {
		e := &out[i]
		e.At, e.Count = e.At.UTC(), max(e.Count, 1)
		if e.Until != nil {
			until := e.Until.UTC()
			e.Until = &until
		}
		e.Text = hide(e.Text)
		e.Details = slices.Clone(e.Details)
		for n := range e.Details {
			e.Details[n] = hide(e.Details[n])
		}
		// Two that read alike stay two.
		seen[e.ID]++
		if n := seen[e.ID]; n > 1 {
			e.ID += fmt.Sprintf("/%d", n)
		}
	}
	return out
}

// longest bounds one line, in bytes.
const longest = 2 << 10

// hide takes the secrets out of a text and makes it one line.
func hide(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return secret.Text(text)
}

// together is how far apart pods' starts and ends may be to be shown as one.
const together = time.Minute

// Fold makes one entry of those that follow each other and are alike. Starts and
// ends of pods that lie between each other count as following.
func Fold(entries []Entry) []Entry {
	var out [][]Entry
	for _, e := range entries {
		if at := foldsInto(out, e); at >= 0 {
			out[at] = append(out[at], e)
			continue
		}
		out = append(out, []Entry{e})
	}
	folded := make([]Entry, 0, len(out))
	for _, same := range out {
		e := same[0]
		if len(same) > 1 {
			e.Count = 0
			for _, one := range same {
				e.Count += one.Count
			}
			last := same[len(same)-1].end()
			e.Until = &last
			e.Text = same[0].fold(same)
		}
		folded = append(folded, e)
	}
	return folded
}

// foldsInto is the place of those that e is like; -1 where it is a new one.
func foldsInto(out [][]Entry, e Entry) int {
	if e.group == "" {
		return -1
	}
	for i, entries := range slices.Backward(out) {
		first := entries[0]
		if first.group == e.group && (e.Kind != Pod || e.At.Sub(first.At) <= together) {
			return i
		}
		if e.Kind != Pod || first.Kind != Pod || first.Severity != "" || e.At.Sub(first.At) > together {
			return -1
		}
	}
	return -1
}

// arrow is a change of a value.
func arrow(before, after string) string {
	return cmp.Or(before, "(not set)") + " → " + cmp.Or(after, "(not set)")
}

// later is the later of two moments.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// duration is a duration as people say it.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// back is how long ago something was, in hours and minutes.
func back(d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes < 60:
		return fmt.Sprintf("%dm", minutes)
	case minutes%60 == 0:
		return fmt.Sprintf("%dh", minutes/60)
	}
	return fmt.Sprintf("%dh%dm", minutes/60, minutes%60)
}

// size is a number of bytes as people say it.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(max(n, 0)), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
