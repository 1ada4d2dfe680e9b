package foretell

import (
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// Node is an operator of the graph that is going to run.
type Node struct {
	// ID is made of the operator's uid, or of the graph; UserID is a hash that the
	// program sets, "" for none. State is found by either.
	ID, UserID string
	// Name and UID are the operator's; "" where they aren't known.
	Name, UID string
	// Parallelism is 0 where it isn't known.
	Parallelism int
	// MaxParallelism is what the program or the configuration sets; 0 where Flink
	// chooses.
	MaxParallelism int
}

// called is what a person knows an operator of the graph by.
func (n Node) called() string {
	switch {
	case n.UID != "" && n.Name != "":
		return n.Name + " (uid " + n.UID + ")"
	case n.Name != "":
		return n.Name
	}
	return n.ID
}

// node is where an operator's state goes; nil where it has no place.
func (f *Facts) node(o statefile.OperatorSummary) *Node {
	for n := range f.Graph {
		if node := &f.Graph[n]; node.ID == o.ID || node.UserID != "" && node.UserID == o.ID {
			return node
		}
	}
	return nil
}

// placesInGraph is whether every operator's state has an operator to go to, by the
// graph of what is going to run.
func (f *Facts) placesInGraph(stateful []statefile.OperatorSummary) []Finding {
	var unplaced []statefile.OperatorSummary
	for _, o := range stateful {
		if f.node(o) == nil {
			unplaced = append(unplaced, o)
		}
	}
	if len(unplaced) == 0 {
		return []Finding{{ID: "PLACE", Level: Note, Text: "every state has its operator in the new graph: " + listed(Finding{}.about(stateful, f.names()).Operators, len(stateful))}}
	}
	found := Finding{ID: "PLACE", Level: Fails, Todo: "give the operators the uids that they had, or drop their state with --allow-non-restored-state"}.about(unplaced, f.names())
	who := listed(found.Operators, len(unplaced))
	found.Text = fmt.Sprintf("%s of state have no operator in the new graph: %s", api.Bytes(found.Bytes), who)
	if f.drops() {
		found.Level, found.Todo = Warning, ""
		found.Text = fmt.Sprintf("%s of state have no operator in the new graph and are dropped, as allowNonRestoredState says: %s", api.Bytes(found.Bytes), who)
	}
	if renamed := f.renamed(unplaced); renamed != "" {
		found.Text += "; " + renamed
	}
	return []Finding{found}
}

// renamed names operators of the graph that look like those that have no place:
// they have the same name, and no state of their own.
func (f *Facts) renamed(unplaced []statefile.OperatorSummary) string {
	taken := map[string]bool{}
	for _, o := range f.State.Operators {
		if node := f.node(o); node != nil {
			taken[node.ID] = true
		}
	}
	for _, o := range unplaced {
		for _, n := range f.Graph {
			if o.Name != "" && n.Name == o.Name && !taken[n.ID] {
				was := o.UID
				if was == "" {
					was = "none"
				}
				return fmt.Sprintf("%s looks like the same operator under another uid (it was %s)", n.called(), was)
			}
		}
	}
	return ""
}

// Trouble is what keeps a graph from being made.
type Trouble string

// The kinds of trouble that are the job's own; another is of what was to make the
// graph.
const (
	TroubleImage Trouble = "image"
	TroubleJar   Trouble = "jar"
	TroubleClass Trouble = "class"
	TroubleMain  Trouble = "main"
)

// compiled says why there is no graph though one was asked for.
func compiled(f *Facts) []Finding {
	if f.GraphTrouble == "" {
		return nil
	}
	switch f.TroubleKind {
	case TroubleImage:
		return []Finding{{ID: "IMAGE", Level: Warning, Text: "the image of what is going to run can't be had: " + f.GraphTrouble, Todo: "correct the image's name, or the secret that it is pulled with"}}
	case TroubleJar:
		return []Finding{{ID: "JAR", Level: Fails, Text: "the job's jar isn't there: " + f.GraphTrouble}}
	case TroubleClass:
		return []Finding{{ID: "CLASS", Level: Fails, Text: "the job's class can't be loaded: " + f.GraphTrouble}}
	case TroubleMain:
		return []Finding{{ID: "MAIN", Level: Warning, Text: "the job's main method failed when its graph was to be made: " + f.GraphTrouble, Todo: "it fails when the job starts, too, unless it needs something that only a running cluster has"}}
	}
	return []Finding{{ID: "GRAPH", Level: Unknown, Text: "the graph of what is going to run couldn't be made: " + f.GraphTrouble}}
}
