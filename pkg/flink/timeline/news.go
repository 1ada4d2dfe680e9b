package timeline

import "github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"

// News tells at each look what wasn't known at the looks before. Its zero value
// is ready.
type News struct {
	// seen says at which look something was seen last.
	seen  map[string]int
	looks int
}

// remembered is how many looks something is remembered for that isn't seen any
// more: a source that can't be read for a while has nothing new to say when it
// is back.
const remembered = 1000

// Of is what is new among the facts, oldest first and folded.
func (n *News) Of(f *diagnosis.JobFacts, why map[diagnosis.Source]string) []Entry {
	if n.seen == nil {
		n.seen = map[string]int{}
	}
	n.looks++
	all, _ := Entries(f, Options{Why: why, Newest: true, NoGaps: true})
	var fresh []Entry
	for _, e := range all {
		if n.seen[e.ID] == 0 {
			fresh = append(fresh, e)
		}
		n.seen[e.ID] = n.looks
	}
	for id, look := range n.seen {
		if n.looks-look > remembered {
			delete(n.seen, id)
		}
	}
	return Fold(fresh)
}
