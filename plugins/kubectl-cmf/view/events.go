package view

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// kubernetesEvent is one of Kubernetes' events.
type kubernetesEvent struct {
	Time    string `json:"time"`
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Object  string `json:"object"`
	Count   int32  `json:"count"`
	Message string `json:"message"`
}

// KubernetesEvents shows events in the order in which they are given.
func KubernetesEvents(events []operator.Event, now time.Time, palette term.Palette) printer.Result {
	items := []kubernetesEvent{}
	t := &printer.Table{Palette: palette, Columns: []printer.Column{
		{Name: "LAST SEEN"}, {Name: "TYPE"}, {Name: "REASON"}, {Name: "OBJECT"}, {Name: "COUNT", Wide: true}, {Name: "MESSAGE"},
	}}
	for _, e := range events {
		items = append(items, kubernetesEvent{e.Time.UTC().Format(time.RFC3339), e.Type, e.Reason, e.Object, e.Count, e.Message})
		kind := printer.C(e.Type)
		if e.Type == "Warning" {
			kind.Color = term.Yellow
		}
		t.Rows = append(t.Rows, []printer.Cell{
			printer.C(duration.HumanDuration(max(now.Sub(e.Time), 0))), kind, printer.C(e.Reason), printer.C(e.Object), printer.C(fmt.Sprint(e.Count)), printer.C(e.Root()),
		})
	}
	return printer.Result{Object: printer.List(items), Table: t}
}
