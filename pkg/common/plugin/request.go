package plugin

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// maxSent bounds a request's body, which is held in memory, in bytes.
const maxSent = 64 << 20

// RequestFlags are those of a verb that sends a request as the user wrote it.
type RequestFlags struct {
	Method, Data string
	Headers      []string
	// Include prints the head of the answer before its body.
	Include bool
}

// Add adds the flags.
func (f *RequestFlags) Add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.Method, "request", "X", "", "HTTP method (default GET, and POST with -d)")
	flags.StringVarP(&f.Data, "data", "d", "", "Body to send; @FILE reads a file, @- standard input")
	flags.StringArrayVarP(&f.Headers, "header", "H", nil, "Header to send, as 'Name: value'; may be repeated")
	flags.BoolVarP(&f.Include, "include", "i", false, "Print the answer's status and headers first")
}

// Body is the method and the body to send; without --data that is nil.
func (f *RequestFlags) Body(ctx context.Context, in io.Reader) (method string, body []byte, err error) {
	body, err = source.Data(ctx, f.Data, in, maxSent)
	if err != nil && ctx.Err() == nil {
		return "", nil, exit.With(exit.Usage, fmt.Errorf("--data: %w", err))
	}
	if err != nil {
		return "", nil, err
	}
	method = strings.ToUpper(f.Method)
	if method == "" {
		method = http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
	}
	return method, body, nil
}

// PrintHead prints the head of an answer where it is wanted, each header's value
// as shown makes it.
func (f *RequestFlags) PrintHead(out io.Writer, response *http.Response, shown func(name, value string) string) {
	if !f.Include {
		return
	}
	fmt.Fprintf(out, "%s %s\n", response.Proto, term.SafeLine(response.Status))
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		for _, value := range response.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", term.SafeLine(name), shown(name, term.SafeLine(value)))
		}
	}
	fmt.Fprintln(out)
}
