package api

import (
	"slices"
	"strings"
)

// held reports whether an operator holds the object until it has dealt with the
// data.
func (s Snapshot) Held() bool {
	return slices.ContainsFunc(s.Object.GetFinalizers(), func(finalizer string) bool {
		domain, _, _ := strings.Cut(finalizer, "/")
		return domain == Group || strings.HasSuffix(domain, "."+Group)
	})
}
