package statefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Change is what became of an operator between two snapshots.
type Change struct {
	// What is came, went, changed or same.
	What string `json:"what"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
	// Was and Is are its sizes in bytes; 0 where it isn't there.
	Was int64 `json:"was"`
	Is  int64 `json:"is"`
	// Notes say what else is different: parallelism, max parallelism, states.
	Notes []string `json:"notes,omitempty"`
}

// The words of Change.What.
const (
	Came    = "came"
	Went    = "went"
	Changed = "changed"
	Same    = "same"
)

// Compare tells what became of each operator from one snapshot to another, those
// that went first, then those that came, then by how much their size changed.
// Operators are matched by their ID, as Flink does.
func Compare(was, is Summary) []Change {
	before := map[string]OperatorSummary{}
	for _, o := range was.Operators {
		before[o.ID] = o
	}
	out := []Change{}
	for _, now := range is.Operators {
		change := Change{What: Came, ID: now.ID, Name: now.Name, UID: now.UID, Is: now.Size}
		if then, ok := before[now.ID]; ok {
			change.Was, change.Notes = then.Size, differences(then, now)
			change.What = Same
			if change.Was != change.Is || len(change.Notes) > 0 {
				change.What = Changed
			}
			change.Name, change.UID = first(now.Name, then.Name), first(now.UID, then.UID)
			delete(before, now.ID)
		}
		out = append(out, change)
	}
	for _, then := range was.Operators {
		if _, left := before[then.ID]; left {
			out = append(out, Change{What: Went, ID: then.ID, Name: then.Name, UID: then.UID, Was: then.Size})
		}
	}
	order := []string{Went, Came, Changed, Same}
	sorting.By(out, func(a, b Change) int {
		if d := slices.Index(order, a.What) - slices.Index(order, b.What); d != 0 {
			return d
		}
		by := func(c Change) int64 { return max(c.Is-c.Was, c.Was-c.Is) }
		switch {
		case by(a) > by(b):
			return -1
		case by(a) < by(b):
			return 1
		}
		return 0
	})
	return out
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func differences(was, is OperatorSummary) []string {
	var out []string
	number := func(what string, a, b int) {
		if a != b {
			out = append(out, fmt.Sprintf("%s %d → %d", what, a, b))
		}
	}
	number("parallelism", was.Parallelism, is.Parallelism)
	number("max parallelism", was.MaxParallelism, is.MaxParallelism)
	for _, kind := range Kinds {
		_, had := was.Kinds[kind]
		_, has := is.Kinds[kind]
		switch {
		case had && !has:
			out = append(out, "no "+string(kind)+" state any more")
		case has && !had:
			out = append(out, string(kind)+" state is new")
		}
	}
	if was.MoreStates || is.MoreStates {
		return out
	}
	for _, state := range was.States {
		if !slices.Contains(is.States, state) {
			out = append(out, fmt.Sprintf("state %q (%s) went", state.Name, state.Mode))
		}
	}
	for _, state := range is.States {
		if !slices.Contains(was.States, state) {
			out = append(out, fmt.Sprintf("state %q (%s) came", state.Name, state.Mode))
		}
	}
	return out
}

// firstReaders are the oldest Flinks that read a version of the format.
var firstReaders = map[int][2]int{2: {1, 3}, 3: {1, 11}, 4: {1, 15}, 5: {2, 0}, 6: {2, 1}}

// WrittenBy says which Flinks write a version of the format.
func WrittenBy(version int) string {
	switch version {
	case 2:
		return "1.3 to 1.10"
	case 3:
		return "1.11 to 1.14"
	case 4:
		return "1.15 to 1.20"
	case 5:
		return "2.0"
	}
	return "2.1 and newer"
}

// Target is what a snapshot may be restored into, as far as it is known.
type Target struct {
	// FlinkVersion is as in v1_20 or 1.20; "" is unknown.
	FlinkVersion string
	// Parallelism is the job's; 0 is unknown.
	Parallelism int
}

// Problems are the reasons for which Flink would refuse to restore the snapshot
// into target. No reason is no promise: what the job's operators are isn't asked
// here.
func (s Summary) Problems(target Target) []string {
	var out []string
	if first, ok := firstReaders[s.Version]; ok && s.Version > 2 {
		if major, minor, ok := flinkVersion(target.FlinkVersion); ok && (major < first[0] || major == first[0] && minor < first[1]) {
			out = append(out, fmt.Sprintf("its format (version %d) can't be read by Flink %d.%d: it needs %d.%d or newer", s.Version, major, minor, first[0], first[1]))
		}
	}
	for _, o := range s.Operators {
		if o.HasState() && !o.Single() && target.Parallelism > o.MaxParallelism {
			out = append(out, fmt.Sprintf("%s has max parallelism %d, and the job has parallelism %d", o.Called(), o.MaxParallelism, target.Parallelism))
		}
	}
	return out
}

// Called is what a person knows the operator by: its uid, its name, else its
// ID.
func (o Operator) Called() string {
	switch {
	case o.UID != "" && o.Name != "":
		return fmt.Sprintf("%s (uid %s)", o.Name, o.UID)
	case o.UID != "":
		return "uid " + o.UID
	case o.Name != "":
		return o.Name
	}
	return o.ID
}

// flinkVersion reads v1_20, 1.20 and 1.20.3.
func flinkVersion(text string) (major, minor int, ok bool) {
	parts := strings.FieldsFunc(strings.TrimPrefix(text, "v"), func(r rune) bool { return r == '_' || r == '.' || r == '-' })
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}
