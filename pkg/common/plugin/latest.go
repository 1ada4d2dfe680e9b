package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// CheckLatest is `version --check`: it says on w whether there is a newer
// release of program. The exit code is 3 then.
func CheckLatest(ctx context.Context, w io.Writer, output *printer.Flags, program string) error {
	return checkLatest(ctx, w, output, program, version.Get())
}

func checkLatest(ctx context.Context, w io.Writer, output *printer.Flags, program string, own version.Info) error {
	latest, err := own.Latest(ctx, version.LatestURL, program)
	if err != nil {
		return err
	}
	result := printer.Result{
		Object: struct {
			Version string `json:"version"`
			version.Latest
		}{own.Version, latest},
		Text: func(w io.Writer) error { return printLatest(w, own, latest) },
	}
	if err := output.Print(w, result); err != nil {
		return err
	}
	if latest.Newer {
		return exit.Silent(exit.No)
	}
	return nil
}

func printLatest(w io.Writer, own version.Info, latest version.Latest) error {
	name, page := term.SafeLine(latest.Version), term.SafeLine(latest.Page)
	var err error
	switch {
	case !latest.Comparable:
		_, err = fmt.Fprintf(w, "The latest release is %s; this build (%s) is none. %s\n", name, own.Version, page)
	case latest.Newer:
		_, err = fmt.Fprintf(w, "%s is newer than this %s: %s\n", name, own.Version, page)
	default:
		_, err = fmt.Fprintf(w, "%s is the latest release\n", own.Version)
	}
	return err
}
