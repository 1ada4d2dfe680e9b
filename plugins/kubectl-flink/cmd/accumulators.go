package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// accumulatorsOptions are the flags of `kubectl flink accumulators`.
type accumulatorsOptions struct {
	askOptions
	vertex string
}

func newAccumulators(c *common) *cobra.Command {
	o := &accumulatorsOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "accumulators [[TYPE/]NAME]",
		Short: "Show what a job's own code counts: its accumulators",
		Long: `Show the accumulators that a job's own code adds to, each over all tasks that have
it, or with --vertex subtask by subtask.

TaskManagers report them with their heartbeats, every 10 seconds. A value is what
Java prints of it; where printing or merging fails, Flink shows the exception there.`,
		Example: plugin.Examples(`
			# Over all tasks
			kubectl flink accumulators basic-example

			# Which of them are there?
			kubectl flink accumulators basic-example -o name

			# The value of one, for a script
			kubectl flink accumulators basic-example -o jsonpath='{.items[?(@.name=="lines")].value}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true, "table", printer.JSON, printer.YAML, printer.Name, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	cmd.Flags().StringVar(&o.vertex, "vertex", "", "Only those of this vertex, subtask by subtask: its id, or a part of its name")
	_ = cmd.RegisterFlagCompletionFunc("vertex", c.completeVertices(&o.askOptions))
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *accumulatorsOptions) Validate() error {
	if err := o.askOptions.Validate(); err != nil {
		return err
	}
	if o.output.Output == "table" {
		o.output.Output = printer.Human
	}
	return nil
}

// Run prints the accumulators.
func (o *accumulatorsOptions) Run(ctx context.Context) error {
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		id, err := o.job(ctx, place, jobManager)
		if err != nil {
			return err
		}
		page := &view.Accumulators{Job: place.Job.Ref().String(), JobID: id, Palette: o.palette}
		of := "job " + id + " of " + place.Job.Ref().String()
		if o.vertex == "" {
			all, err := jobManager.Accumulators(ctx, id)
			if err != nil {
				return err
			}
			page.AddAll(all)
		} else {
			job, err := jobManager.Job(ctx, id)
			if err != nil {
				return err
			}
			vertices, err := (&flameOptions{vertex: o.vertex}).named(job.Vertices)
			if err != nil {
				return err
			}
			subtasks, err := jobManager.VertexAccumulators(ctx, id, vertices[0].ID)
			if err != nil {
				return err
			}
			page.Vertex = vertices[0].Name
			of = fmt.Sprintf("vertex %s of %s", view.OperatorName(vertices[0].Name, 60), of)
			page.AddSubtasks(subtasks)
		}
		if len(page.Items) == 0 && o.output.IsHuman() {
			fmt.Fprintln(o.ErrOut, term.SafeLine(of+" has no accumulators"))
			return nil
		}
		return o.output.Print(o.Out, page.Result())
	})
}
