package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Order is a way to sort lines. The biggest are on top and the unknown at the
// end; names are in their own order.
type Order[R any] struct {
	Name   string
	number func(R) *float64
}

// JobOrders are those of TopJobs.
var JobOrders = []Order[TopJob]{
	{"name", nil},
	{"busy", func(j TopJob) *float64 { return j.Busy }},
	{"backpressured", func(j TopJob) *float64 { return j.Backpressured }},
	{"in", func(j TopJob) *float64 { return j.In }},
	{"out", func(j TopJob) *float64 { return j.Out }},
	{"lag", func(j TopJob) *float64 { return j.Lag }},
	{"checkpoint", func(j TopJob) *float64 { // the oldest first
		if j.LastCheckpoint == nil {
			return nil
		}
		seconds := -float64(j.LastCheckpoint.UnixMilli())
		return &seconds
	}},
	{"cpu", func(j TopJob) *float64 {
		if j.Usage == nil {
			return nil
		}
		return whole(j.Usage.CPU)
	}},
	{"memory", func(j TopJob) *float64 {
		if j.Usage == nil {
			return nil
		}
		return whole(j.Usage.Memory)
	}},
}

// VertexOrders are those of a JobLoad; "graph" is as the data flows.
var VertexOrders = []Order[TopVertex]{
	{"graph", nil},
	{"busy", func(v TopVertex) *float64 { return v.Busy }},
	{"idle", func(v TopVertex) *float64 { return v.Idle }},
	{"backpressured", func(v TopVertex) *float64 { return v.Backpressured }},
	{"in", func(v TopVertex) *float64 { return v.In }},
	{"out", func(v TopVertex) *float64 { return v.Out }},
	{"skew", func(v TopVertex) *float64 { return v.Skew }},
	{"lag", func(v TopVertex) *float64 { return v.Lag }},
	{"watermark", func(v TopVertex) *float64 { return v.WatermarkLag }},
	{"parallelism", func(v TopVertex) *float64 { return whole(int64(v.Parallelism)) }},
}

func whole(n int64) *float64 {
	f := float64(n)
	return &f
}

// Orders are the names of orders.
func Orders[R any](orders []Order[R]) []string {
	names := make([]string, len(orders))
	for i, order := range orders {
		names[i] = order.Name
	}
	return names
}

// Sort sorts rows by the order called name; reverse turns it round, with the
// unknown still at the end.
func Sort[R any](rows []R, orders []Order[R], name string, reverse bool) {
	at := slices.IndexFunc(orders, func(o Order[R]) bool { return o.Name == name })
	if at < 0 || orders[at].number == nil {
		if reverse {
			slices.Reverse(rows)
		}
		return
	}
	number := orders[at].number
	sorting.By(rows, func(a, b R) int {
		x, y := number(a), number(b)
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		case reverse:
			return cmp.Compare(*x, *y)
		}
		return cmp.Compare(*y, *x)
	})
}

// ByName puts jobs in the order of namespace and name.
func ByName(rows []TopJob) {
	sorting.By(rows, func(a, b TopJob) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type),
			strings.Compare(a.JobName, b.JobName), strings.Compare(a.JobID, b.JobID))
	})
}
