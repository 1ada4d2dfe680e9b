package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// CheckLatest is `version --check`: it says on w whether there is a newer
// release. The exit code is 3 then.
func CheckLatest(ctx context.Context, w io.Writer, program string) error {
	return checkLatest(ctx, w, program, version.LatestURL)
}

func checkLatest(ctx context.Context, w io.Writer, program, url string) error {
	own := version.Get()
	latest, err := own.Latest(ctx, url, program)
	if err != nil {
		return err
	}
	name, page := term.SafeLine(latest.Version), term.SafeLine(latest.Page)
	switch {
	case !latest.Comparable:
		fmt.Fprintf(w, "The latest release is %s; this build (%s) is none. %s\n", name, own.Version, page)
	case latest.Newer:
		fmt.Fprintf(w, "%s is newer than this %s: %s\n", name, own.Version, page)
		return exit.Silent(exit.No)
	default:
		fmt.Fprintf(w, "%s is the latest release\n", own.Version)
	}
	return nil
}
