package api

import (
	"encoding/json"
)

// nextRestartNonce differs from the nonce in the spec and from the one that
// the operator carried out last: a spec may have lost its nonce since, and the
// old number would then change nothing.
func (j Job) NextRestartNonce() int64 {
	now, _ := Number(j.Spec(), "restartNonce")
	before := int64(0)
	reconciled := j.ReconciledSpec()
	if j.Kind.Name == BlueGreen.Name {
		reconciled = j.BlueGreenSpec()
	}
	if n, ok := reconciled["restartNonce"].(json.Number); ok {
		before, _ = n.Int64()
	}
	return max(now, before) + 1
}
