package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
)

// ProcessThreads are the threads of one JVM, as dumps of it have them: the last
// one is what is shown, all of them say who works.
type ProcessThreads struct {
	// Process is "jobmanager", or a TaskManager's id.
	Process string
	Dumps   [][]jvm.Thread
}

// ThreadPage shows threads.
type ThreadPage struct {
	Processes []ProcessThreads
	// Match chooses threads by a text of theirs, and Pattern is what the user
	// wrote for it; nil chooses all.
	Match   func(string) bool
	Pattern string
	// Top is how long the dumps were taken; 0 for a single one.
	Top     time.Duration
	Full    bool
	Palette term.Palette
	Width   int
}

// threadList is the model of the threads of several JVMs.
type threadList struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Cluster    string         `json:"cluster"`
	Items      []processModel `json:"items"`
	Grep       string         `json:"grep,omitempty"`
}

type processModel struct {
	Process   string          `json:"process"`
	Threads   int             `json:"threads"`
	States    map[string]int  `json:"states"`
	Deadlocks []deadlockModel `json:"deadlocks"`
	Contended []lockModel     `json:"contended,omitempty"`
	Work      []workModel     `json:"work,omitempty"`
	// Dumps is how many report the work.
	Dumps  int          `json:"dumps,omitempty"`
	Groups []groupModel `json:"groups"`
	Cut    bool         `json:"stacksCut,omitempty"`
}

type deadlockModel struct {
	Threads []threadModel `json:"threads"`
	Behind  int           `json:"behind,omitempty"`
}

type threadModel struct {
	Name    string   `json:"name"`
	ID      int64    `json:"id"`
	State   string   `json:"state"`
	Lock    string   `json:"waitsFor,omitempty"`
	Owner   string   `json:"heldBy,omitempty"`
	OwnerID int64    `json:"heldByID,omitempty"`
	Stack   []string `json:"stack,omitempty"`
}

type lockModel struct {
	Lock    string   `json:"lock"`
	Owner   string   `json:"heldBy"`
	Waiting int      `json:"waiting"`
	Stack   []string `json:"stack,omitempty"`
}

type workModel struct {
	Name string `json:"name"`
	ID   int64  `json:"id"`
	// Percent of the dumps found it at work.
	Percent int          `json:"percent"`
	Places  []placeModel `json:"places"`
}

type placeModel struct {
	Call  string `json:"call"`
	Times int    `json:"times"`
}

type groupModel struct {
	Count   int           `json:"count"`
	State   string        `json:"state"`
	Stack   []string      `json:"stack"`
	Threads []threadModel `json:"threads"`
}

func stackOf(frames []jvm.Frame) []string {
	out := make([]string, len(frames))
	for i, f := range frames {
		out[i] = f.String()
	}
	return out
}

func threadOf(t jvm.Thread) threadModel {
	return threadModel{Name: t.Name, ID: t.ID, State: string(t.State), Lock: t.Lock, Owner: t.Owner, OwnerID: t.OwnerID}
}

func (p ThreadPage) model(cluster api.Ref) threadList {
	list := threadList{APIVersion: "kubectl-flink/v1", Kind: "ThreadDump", Cluster: cluster.String(), Items: []processModel{}, Grep: p.Pattern}
	for _, process := range p.Processes {
		threads := process.Dumps[len(process.Dumps)-1]
		m := processModel{Process: process.Process, Threads: len(threads), States: map[string]int{}, Deadlocks: []deadlockModel{}, Groups: []groupModel{}}
		for state, n := range jvm.States(threads) {
			m.States[string(state)] = n
		}
		m.Cut = slices.ContainsFunc(threads, func(t jvm.Thread) bool { return t.Cut })
		for _, d := range jvm.Deadlocks(threads) {
			dead := deadlockModel{Behind: d.Behind}
			for _, t := range d.Threads {
				one := threadOf(t)
				one.Stack = stackOf(t.Frames)
				dead.Threads = append(dead.Threads, one)
			}
			m.Deadlocks = append(m.Deadlocks, dead)
		}
		for _, c := range jvm.Contended(threads) {
			m.Contended = append(m.Contended, lockModel{Lock: c.Lock, Owner: c.Owner.Name, Waiting: c.Waiting, Stack: stackOf(c.Owner.Frames)})
		}
		if p.Match != nil {
			threads = jvm.Matching(threads, p.Match)
		}
		if len(process.Dumps) > 1 {
			m.Dumps = len(process.Dumps)
			m.Work = p.work(process.Dumps)
		}
		for _, g := range jvm.Groups(threads) {
			group := groupModel{Count: len(g.Threads), State: string(g.State), Stack: stackOf(g.Frames())}
			for _, t := range g.Threads {
				group.Threads = append(group.Threads, threadOf(t))
			}
			m.Groups = append(m.Groups, group)
		}
		list.Items = append(list.Items, m)
	}
	return list
}

func (p ThreadPage) work(dumps [][]jvm.Thread) []workModel {
	out := []workModel{}
	for _, w := range jvm.Busy(dumps) {
		one := workModel{Name: w.Name, ID: w.ID, Percent: int(w.Share()*100 + 0.5)}
		wanted := p.Match == nil || p.Match(w.Name)
		for _, place := range w.Places {
			one.Places = append(one.Places, placeModel{place.Frame.String(), place.Times})
			wanted = wanted || p.Match(place.Frame.String())
		}
		if wanted {
			out = append(out, one)
		}
	}
	return out
}

// Result is the threads in every format.
func (p ThreadPage) Result(cluster api.Ref) printer.Result {
	list := p.model(cluster)
	return printer.Result{Object: list, Text: func(w io.Writer) error {
		_, err := io.WriteString(w, p.text(list))
		return err
	}}
}

const (
	// shownFrames and shownGroups are how much of a dump is on a page.
	shownFrames = 8
	shownGroups = 25
	shownWork   = 20
)

func (p ThreadPage) text(list threadList) string {
	var out strings.Builder
	line := func(format string, args ...any) { out.WriteString(p.cut(fmt.Sprintf(format, args...)) + "\n") }
	for _, m := range list.Items {
		for _, d := range m.Deadlocks {
			p.deadlock(line, m.Process, d)
		}
	}
	hidden := false
	for i, m := range list.Items {
		if i > 0 {
			line("")
		}
		p.head(line, m)
		for _, c := range m.Contended {
			line("  %s threads wait for %s, which %q holds", p.paint(term.Yellow, fmt.Sprint(c.Waiting)), safe(c.Lock), safe(c.Owner))
			hidden = p.stack(line, c.Stack) || hidden
		}
		if m.Dumps > 0 {
			p.workText(line, m)
			if !p.Full {
				continue // who asks for the top doesn't ask for all
			}
		}
		for n, g := range m.Groups {
			if n == shownGroups && !p.Full {
				line("  … and %d more places", len(m.Groups)-n)
				hidden = true
				break
			}
			line("")
			line("  %s %s  %s", p.paint(term.Bold, fmt.Sprintf("%d ×", g.Count)), p.paint(threadColor(g.State), cmp.Or(safe(g.State), "?")), safe(threadNames(g.Threads)))
			hidden = p.stack(line, g.Stack) || hidden
		}
		if len(m.Groups) == 0 && list.Grep != "" && m.Dumps == 0 {
			line("  no thread has %q", safe(list.Grep))
		}
	}
	if hidden {
		line("")
		line("%s", p.paint(term.Dim, "Whole stacks, and every place: --full"))
	}
	return out.String()
}

func (p ThreadPage) head(line func(string, ...any), m processModel) {
	var states []string
	for _, state := range slices.SortedFunc(maps.Keys(m.States), func(a, b string) int {
		return cmp.Or(cmp.Compare(m.States[b], m.States[a]), cmp.Compare(a, b))
	}) {
		states = append(states, fmt.Sprintf("%d %s", m.States[state], cmp.Or(safe(state), "?")))
	}
	line("%s  %s: %s", p.paint(term.Bold, safe(m.Process)), plural(m.Threads, "thread"), strings.Join(states, ", "))
}

func (p ThreadPage) deadlock(line func(string, ...any), process string, d deadlockModel) {
	line("%s in %s: %d threads wait for each other", p.paint(term.Red, "DEADLOCK"), safe(process), len(d.Threads))
	for _, t := range d.Threads {
		line("  %s (id %d) is %s,", p.paint(term.Bold, fmt.Sprintf("%q", safe(t.Name))), t.ID, safe(t.State))
		line("    waits for %s,", safe(t.Lock))
		line("    which %q (id %d) holds", safe(t.Owner), t.OwnerID)
		p.stack(line, t.Stack)
	}
	if d.Behind > 0 {
		line("  %d more wait behind them", d.Behind)
	}
	line("")
}

func (p ThreadPage) workText(line func(string, ...any), m processModel) {
	if len(m.Work) == 0 {
		line("  No thread worked in %d dumps of %s", m.Dumps, p.Top)
		return
	}
	line("  %s", p.paint(term.Dim, fmt.Sprintf("Threads at work, of %d dumps in %s", m.Dumps, p.Top)))
	for n, w := range m.Work {
		if n == shownWork && !p.Full {
			line("  … and %d more", len(m.Work)-n)
			break
		}
		color := term.Color("")
		if w.Percent >= 80 {
			color = term.Red
		} else if w.Percent >= 50 {
			color = term.Yellow
		}
		line("  %s  %s", p.paint(color, fmt.Sprintf("%3d%%", w.Percent)), safe(w.Name))
		for i, place := range w.Places {
			if i == 3 && !p.Full {
				break
			}
			line("        %3d%%  %s", (100*place.Times+m.Dumps/2)/m.Dumps, safe(place.Call))
		}
	}
}

// stack prints calls, and says whether some are left out.
func (p ThreadPage) stack(line func(string, ...any), stack []string) bool {
	for i, call := range stack {
		if i == shownFrames && !p.Full {
			line("      %s", p.paint(term.Dim, fmt.Sprintf("… %d more calls", len(stack)-i)))
			return true
		}
		line("      at %s", safe(call))
	}
	return false
}

func (p ThreadPage) paint(color term.Color, text string) string { return p.Palette.Paint(color, text) }

func (p ThreadPage) cut(text string) string {
	if p.Width <= 0 || p.Full {
		return text
	}
	return term.Cut(text, p.Width)
}

func safe(text string) string { return term.SafeLine(text) }

func threadColor(state string) term.Color {
	switch jvm.State(state) {
	case jvm.Blocked:
		return term.Red
	case jvm.Runnable:
		return term.Green
	default:
		return term.Dim
	}
}

// digits in names of threads are what threads of one pool differ in.
var digits = regexp.MustCompile(`\d+`)

// threadNames are the names of threads, those together that differ in numbers
// alone.
func threadNames(threads []threadModel) string {
	const most = 4
	at := map[string]int{}
	type alike struct {
		first string
		n     int
	}
	var found []alike
	for _, t := range threads {
		key := digits.ReplaceAllString(t.Name, "#")
		i, ok := at[key]
		if !ok {
			i = len(found)
			at[key] = i
			found = append(found, alike{first: t.Name})
		}
		found[i].n++
	}
	var out []string
	for i, a := range found {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(found)-i))
			break
		}
		text := a.first
		if a.n > 1 {
			text += fmt.Sprintf(" and %d like it", a.n-1)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
