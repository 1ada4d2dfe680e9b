package operator

import (
	"fmt"
	"sync/atomic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// Budget bounds how much memory lists may take together. It is safe for use by
// several goroutines.
type Budget struct{ left atomic.Int64 }

// NewBudget has room for clientset.MaxKept bytes, which is more than 20,000
// jobs without their objects take.
func NewBudget() *Budget {
	b := &Budget{}
	b.left.Store(clientset.MaxKept)
	return b
}

func (b *Budget) take(bytes int64) error {
	if b.left.Add(-bytes) < 0 {
		return &clientset.ListTooLongError{What: fmt.Sprintf("%d MiB", clientset.MaxKept>>20)}
	}
	return nil
}

// rowWeight is about how much memory an Item takes in a table, apart from what
// its texts do.
const rowWeight = 3 << 10

// weight is about how much memory an item takes until it is printed, in bytes.
func (i Item) weight() int64 {
	texts := len(i.Namespace) + len(i.Name) + len(i.State) + len(i.Lifecycle) + len(i.JobManager) + len(i.Reconciliation) +
		len(i.BlueGreen) + len(i.Cluster) + len(i.Of.Name) + len(i.Wanted) + len(i.Version) + len(i.UpgradeMode) +
		len(i.Image) + len(i.JobID) + len(i.JobName) + len(i.Error.Type) + len(i.Error.Message)
	for _, cause := range i.Error.Causes {
		texts += len(cause.Type) + len(cause.Message) + 32
	}
	sum := rowWeight + 2*int64(texts)
	if i.Object != nil {
		sum += clientset.Weigh(i.Object.Object)
	}
	return sum
}
