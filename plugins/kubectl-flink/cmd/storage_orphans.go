package cmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// orphansOptions are the flags of `kubectl flink storage orphans`.
type orphansOptions struct {
	surveyFlags
	plugin.Arguments
	output    printer.Flags
	older     string
	olderThan time.Duration
	runs      []string
	delete    bool
	yes       bool
}

// leastAge is how old a file must be at least to be deleted as an orphan.
const leastAge = 10 * time.Minute

func newStorageOrphans(c *common) *cobra.Command {
	o := &orphansOptions{surveyFlags: surveyFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "orphans [TYPE/]NAME",
		Short: "Find files of checkpoints and savepoints that nothing needs any more, and delete them",
		Long: `Find files in a job's directories that nothing reaches: what is left of checkpoints and
savepoints that were never completed, and files shared by checkpoints that are all
gone. Failed checkpoints and killed pods leave them behind, and Flink never
comes back for them.

Every _metadata in the directories is read. A file is an orphan only where none of
them names it, no snapshot, spec or status refers to it, its run belongs to this
job, and it is older than --older-than. Of a run that a JobManager has now, what was
written since its newest checkpoint began stays, too. Whole savepoints and
checkpoints are never orphans (storage rm deletes them), nor are files of high
availability.

VERDICT unknown is what a job elsewhere may own: its run is of no job that is known here. It
isn't deleted, unless --run says that the run is over.

--delete deletes the orphans after a question, and looks again right before. It
deletes nothing where a _metadata can't be read, a directory can't be listed or a
JobManager that runs can't be asked. Not seen are jobs of other Kubernetes clusters that
were started from a checkpoint here in claim mode CLAIM or LEGACY.`,
		Example: plugin.Examples(`
			# What is left behind, and how much room does it take?
			kubectl flink storage orphans basic-example

			# Delete what is older than two weeks, after a question
			kubectl flink storage orphans basic-example --older-than 14d --delete

			# Of a run that is over, which nothing tells of any more, for a script
			kubectl flink storage orphans basic-example --run ebd8fd3ef03d2081e54b6c6153110bcd -o jsonpath='{.size}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.older, "older-than", "7d", "Only files that were written longer ago than this, as in 12h, 7d or 2w")
	flags.StringSliceVar(&o.runs, "run", nil, "A run, by the ID of its Flink job, that is over and that no job anywhere was started from; may be given more than once")
	flags.BoolVar(&o.delete, "delete", false, "Delete the orphans")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask before they are deleted")
	_ = cmd.RegisterFlagCompletionFunc("older-than", completion.Fixed("24h", "7d", "30d"))
	o.surveyFlags.add(cmd)
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	return cmd
}

var runID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// checkRuns finds what is wrong with --run.
func checkRuns(runs []string) error {
	for _, id := range runs {
		if !runID.MatchString(id) {
			return exit.Usagef("--run: %q is not the ID of a Flink job, which has 32 digits 0-9 and a-f", id)
		}
	}
	return nil
}

// Validate finds what is wrong with the flags.
func (o *orphansOptions) Validate() (err error) {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if o.olderThan, err = parseAge(o.older); err != nil {
		return exit.Usagef("--older-than: %v", err)
	}
	switch {
	case o.yes && !o.delete:
		return exit.Usagef("--yes goes with --delete")
	case o.delete && o.olderThan < leastAge:
		return exit.Usagef("--older-than %s: what is younger than %s isn't deleted: it may be being written", o.older, leastAge)
	}
	return checkRuns(o.runs)
}

// Run lists the orphans, and deletes them where that is asked for.
func (o *orphansOptions) Run(ctx context.Context) error {
	return o.withSurvey(ctx, func(ctx context.Context, client *operator.Client) (api.Ref, error) {
		return o.oneJob(ctx, client, o.Args)
	}, o.delete, o.look)
}

func (o *orphansOptions) look(ctx context.Context, s *surveyed) error {
	survey, err := s.surveyor.Survey(ctx, s.job, s.dirs)
	if err != nil {
		return err
	}
	rule := storage.OrphanRule{Now: o.now(), OlderThan: o.olderThan, Runs: o.runs}
	page := view.OrphansPage{Job: s.job.Ref(), Items: survey.Orphans(rule), Problems: survey.Problems, Asked: o.delete, Now: o.now()}
	s.tell(o.common, survey)
	structured := !o.output.IsHuman()
	if !structured || !o.delete {
		if err := o.output.Print(o.Out, page.Result()); err != nil {
			return err
		}
	}
	o.summary(page)
	units, files, size := page.Of(storage.IsOrphan)
	switch {
	case len(survey.Problems) > 0 && o.delete:
		return fmt.Errorf("nothing was deleted: what needs the files isn't known in full: %s", survey.Problems[0])
	case len(survey.Problems) > 0:
		return errors.New("what needs the files isn't known in full; --delete would delete nothing")
	case !o.delete:
		return nil
	case files > 0:
		what := fmt.Sprintf("This deletes %s in %s, %s, for good.", plural(files, "file"), plural(units, "place"), view.Bytes(size))
		if err := o.confirm(ctx, o.yes, what); err != nil {
			return err
		}
		if err := o.deleteOrphans(ctx, s, rule, &page); err != nil {
			return err
		}
	}
	if structured {
		return o.output.Print(o.Out, page.Result())
	}
	fmt.Fprintf(o.Out, "%s deleted, %s\n", plural(page.Deleted.Files, "file"), view.Bytes(page.Deleted.Size))
	return nil
}

// summary says in a line what was found.
func (o *orphansOptions) summary(page view.OrphansPage) {
	var parts []string
	if units, files, size := page.Of(storage.IsOrphan); units > 0 {
		parts = append(parts, fmt.Sprintf("nothing needs %s (%s)", plural(files, "file"), view.Bytes(size)))
	} else {
		parts = append(parts, "no orphans")
	}
	if units, _, size := page.Of(storage.IsUnknown); units > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s) of runs of no job that is known here", plural(units, "place"), view.Bytes(size)))
	}
	if units, _, size := page.Of(storage.IsYoung); units > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s) younger than %s", plural(units, "place"), view.Bytes(size), o.older))
	}
	fmt.Fprintln(o.ErrOut, term.SafeLine(strings.Join(parts, "; ")))
}

// deleteOrphans looks again and deletes what is an orphan still.
func (o *orphansOptions) deleteOrphans(ctx context.Context, s *surveyed, rule storage.OrphanRule, page *view.OrphansPage) error {
	s.line.Set("looking again")
	again, err := s.surveyor.Survey(ctx, s.job, s.dirs)
	if err != nil {
		return err
	}
	if len(again.Problems) > 0 {
		return fmt.Errorf("nothing was deleted: at a second look what needs the files wasn't known in full: %s", again.Problems[0])
	}
	doomed := storage.Still(page.Items, again.Orphans(rule))
	for _, orphan := range doomed {
		var clear []string
		if orphan.Kind == storage.CheckpointUnit || orphan.Kind == storage.SavepointUnit {
			clear = []string{orphan.Path} // what runs share, a running job goes on to use
		}
		s.line.Set("deleting %s", orphan.Path)
		if err := s.remove(ctx, orphan.Files, clear, func(file storage.Entry) { page.CountDeleted(file.Size) }); err != nil {
			return fmt.Errorf("%s deleted, then: %w", plural(page.Deleted.Files, "file"), err)
		}
	}
	for _, orphan := range doomed {
		s.line.Set("looking whether %s is gone", orphan.Path)
		still, err := s.left(ctx, orphan.Path, orphan.Files)
		if err == nil && still != "" {
			err = fmt.Errorf("%s was deleted and is still there", still)
		}
		if err != nil {
			return err
		}
	}
	s.line.Clear()
	return nil
}
