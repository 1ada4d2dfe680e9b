package apply

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Diff is what a step would change, as a unified diff of YAML without
// secrets; "" for no change. note says what can't be compared.
func Diff(s Step) (diff, note string, err error) {
	kind := s.Ref.Kind
	for _, path := range kind.WriteOnly {
		if _, ok := s.Object.At(path); ok && s.Live != nil {
			note = fmt.Sprintf("%s: %s is not comparable: CMF never returns it; apply sends it again", s.Ref, path)
		}
	}
	if s.Action == Unchanged || s.Action == Configure && len(s.Changes) == 0 {
		return "", note, nil
	}
	live, merged := s.Live, s.Merged
	if live != nil {
		live = Clean(kind, live)
		for _, path := range kind.WriteOnly {
			merged = merged.Copy()
			merged.Remove(path)
			live.Remove(path)
		}
		// What CMF fills in by itself is no change.
		for path, value := range kind.Defaults {
			if got, ok := live.At(path); ok && Equal(got, value) {
				if _, stated := merged.At(path); !stated {
					live.Remove(path)
				}
			}
		}
	}
	before, after, err := texts(kind, live, merged)
	if err != nil {
		return "", note, err
	}
	from, to := "live/"+s.Ref.String(), "file/"+s.Ref.String()
	if live == nil {
		from = "/dev/null"
	}
	return udiff.Unified(from, to, before, after), note, nil
}

// texts are both sides as YAML. A secret that differs is shown as such, but
// neither value.
func texts(kind *cmf.Kind, live, merged cmf.Object) (before, after string, err error) {
	known := cmf.Secrets(kind, live)
	after, err = toYAML(cmf.RedactWith(kind, merged, func(value, shown string) string {
		if live == nil || slices.Contains(known, value) {
			return shown
		}
		return shown + " (another value)"
	}))
	if err != nil || live == nil {
		return "", after, err
	}
	before, err = toYAML(cmf.Redact(kind, live))
	return before, after, err
}

func toYAML(object cmf.Object) (string, error) {
	out, err := printer.EncodeYAML(map[string]any(object))
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(out), "\n") + "\n", nil
}
