package cmd

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/client-go/util/jsonpath"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// orders are the columns that --sort-by takes. Health is worst first, times
// are newest first: what one looks for is on top.
var orders = map[string]func(a, b view.Row) int{
	"name":        func(a, b view.Row) int { return cmp.Compare(a.Name, b.Name) },
	"type":        func(a, b view.Row) int { return cmp.Compare(a.Kind.Name, b.Kind.Name) },
	"job":         func(a, b view.Row) int { return cmp.Compare(a.State, b.State) },
	"lifecycle":   func(a, b view.Row) int { return cmp.Compare(a.Lifecycle, b.Lifecycle) },
	"health":      func(a, b view.Row) int { return b.Word.Rank() - a.Word.Rank() },
	"version":     func(a, b view.Row) int { return cmp.Compare(a.Version, b.Version) },
	"parallelism": func(a, b view.Row) int { return cmp.Compare(b.Parallelism, a.Parallelism) },
	"mode":        func(a, b view.Row) int { return cmp.Compare(a.UpgradeMode, b.UpgradeMode) },
	"savepoint":   func(a, b view.Row) int { return b.Savepoint.Compare(a.Savepoint) },
	"checkpoint":  func(a, b view.Row) int { return checkpointOf(b).Compare(checkpointOf(a)) },
	"restarts":    func(a, b view.Row) int { return cmp.Compare(restartsOf(b), restartsOf(a)) },
	"age":         func(a, b view.Row) int { return b.Created.Compare(a.Created) },
}

func checkpointOf(r view.Row) (at time.Time) {
	if r.Live != nil {
		at = r.Live.Checkpoint
	}
	return at
}

func restartsOf(r view.Row) int64 {
	if r.Live == nil {
		return -1
	}
	return r.Live.Restarts
}

func sortColumns() []string { return keys(orders) }

func isPath(by string) bool { return strings.HasPrefix(by, ".") || strings.HasPrefix(by, "{") }

func checkSort(by string) error {
	if by == "" {
		return nil
	}
	if isPath(by) {
		_, err := parsePath(by)
		return exit.With(exit.Usage, err)
	}
	if orders[strings.ToLower(by)] == nil {
		return exit.Usagef("--sort-by: %q is neither one of %s nor a JSONPath expression like .metadata.name", by, strings.Join(sortColumns(), ", "))
	}
	return nil
}

func parsePath(by string) (*jsonpath.JSONPath, error) {
	path := jsonpath.New("sort-by").AllowMissingKeys(true)
	if err := path.Parse("{" + strings.TrimSuffix(strings.TrimPrefix(by, "{"), "}") + "}"); err != nil {
		return nil, fmt.Errorf("--sort-by: %w", err)
	}
	return path, nil
}

func sortRows(rows []view.Row, by string) error {
	if by == "" {
		return nil
	}
	if order := orders[strings.ToLower(by)]; order != nil {
		sorting.By(rows, order)
		return nil
	}
	path, err := parsePath(by)
	if err != nil {
		return err
	}
	type keyed struct {
		text   string
		number float64
		isText bool
		row    view.Row
	}
	sorted := make([]keyed, len(rows))
	for i, row := range rows {
		sorted[i] = keyed{row: row, isText: true}
		found, err := path.FindResults(row.Object.Object)
		if err != nil {
			return fmt.Errorf("--sort-by: %w", err)
		}
		if len(found) > 0 && len(found[0]) > 0 {
			switch v := found[0][0].Interface().(type) {
			case int64:
				sorted[i].number, sorted[i].isText = float64(v), false
			case float64:
				sorted[i].number, sorted[i].isText = v, false
			default:
				sorted[i].text = fmt.Sprint(v)
			}
		}
	}
	sorting.By(sorted, func(a, b keyed) int {
		if a.isText || b.isText {
			return cmp.Compare(a.text, b.text)
		}
		return cmp.Compare(a.number, b.number)
	})
	for i := range sorted {
		rows[i] = sorted[i].row
	}
	return nil
}
