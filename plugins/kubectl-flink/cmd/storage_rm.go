package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// removeOptions are the flags of `kubectl flink storage rm`.
type removeOptions struct {
	surveyFlags
	plugin.Arguments
	job       string
	kind      string
	older     string
	olderThan time.Duration
	force     bool
	yes       bool
	dryRun    bool
}

func newStorageRemove(c *common) *cobra.Command {
	o := &removeOptions{surveyFlags: surveyFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "rm (PATH... | --kind KIND) [--job [TYPE/]NAME]",
		Short: "Delete the directories of savepoints and checkpoints, after saying who refers to them",
		Long: `Delete savepoints and checkpoints by the PATH of their directory, as storage ls shows it,
or all old ones of a --kind that belong to the job and that nothing refers to.

First it is found out who refers to each: snapshots, specs and statuses of jobs, the
JobManager, high availability, and other checkpoints whose _metadata names files in
it. What something refers to is refused, unless --force is given. With --kind the
newest of the kind stays, whatever is asked, and so does what isn't known to be the
job's.

The _metadata goes first, so that what is left after an interruption looks like no
savepoint. Files that a checkpoint shares with others of its run stay: storage
orphans finds those that nothing needs then. What a FlinkStateSnapshot stands for is
better deleted with snapshot delete --dispose.`,
		Example: plugin.Examples(`
			# One savepoint that nothing refers to any more
			kubectl flink storage rm s3://flink/savepoints/savepoint-ebd8fd-0b5d1c2c5a3e --job basic-example

			# What would go of savepoints older than 90 days?
			kubectl flink storage rm --kind savepoint --older-than 90d --job basic-example --dry-run

			# Delete checkpoints of earlier runs, without being asked
			kubectl flink storage rm --kind checkpoint --older-than 30d --job basic-example --yes`),
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.job, "job", "", "The job, as [TYPE/]NAME, that sees PATH; without it, the only one of the namespace, or the one whose state is there")
	flags.StringVar(&o.kind, "kind", "", "Delete all of a kind that nothing refers to: savepoint or checkpoint")
	flags.StringVar(&o.older, "older-than", "", "With --kind: only those written longer ago than this, as in 12h, 7d or 2w")
	flags.BoolVar(&o.force, "force", false, "Delete also what something refers to, or of which that can't be found out")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask before they are deleted")
	flags.BoolVar(&o.dryRun, "dry-run", false, "Only say what would be deleted")
	_ = cmd.RegisterFlagCompletionFunc("job", c.completeJobs(false))
	_ = cmd.RegisterFlagCompletionFunc("kind", completion.Fixed(storage.SavepointUnit, storage.CheckpointUnit))
	_ = cmd.RegisterFlagCompletionFunc("older-than", completion.Fixed("7d", "30d", "90d"))
	o.surveyFlags.add(cmd)
	return cmd
}

// Validate finds what is wrong with the arguments.
func (o *removeOptions) Validate() (err error) {
	switch {
	case o.kind == "" && len(o.Args) == 0:
		return exit.Usagef("what is to go? Give the PATH of a savepoint or checkpoint, or --kind")
	case o.kind != "" && len(o.Args) > 0:
		return exit.Usagef("PATH and --kind exclude each other")
	case o.kind != "" && o.kind != storage.SavepointUnit && o.kind != storage.CheckpointUnit:
		return exit.Usagef("--kind: want savepoint or checkpoint, not %q", o.kind)
	case o.kind != "" && o.older == "":
		return exit.Usagef("--kind needs --older-than, as in --older-than 30d")
	case o.kind == "" && o.older != "":
		return exit.Usagef("--older-than goes with --kind")
	case o.kind != "" && o.force:
		return exit.Usagef("--force is for a PATH, not for --kind")
	}
	if o.older != "" {
		if o.olderThan, err = parseAge(o.older); err != nil {
			return exit.Usagef("--older-than: %v", err)
		}
	}
	for _, path := range o.Args {
		if err := api.CheckPathForm(path); err != nil {
			return exit.With(exit.Usage, err)
		}
		if !savedName(path) {
			return exit.Usagef("%s is no savepoint or checkpoint by its name (savepoint-…, or chk-N in the directory of a run): nothing else is deleted", path)
		}
	}
	if o.job != "" {
		if _, err := operator.ParseRef(o.job, "", api.JobKinds...); err != nil {
			return exit.Usagef("--job: %v", err)
		}
	}
	return nil
}

// savedName reports whether a path is named as Flink names savepoints and
// checkpoints.
func savedName(path string) bool { return storage.RunOf(strings.TrimRight(path, "/")) != "" }

// Run deletes what was named.
func (o *removeOptions) Run(ctx context.Context) error {
	return o.withSurvey(ctx, o.findJob, true, o.remove)
}

func (o *removeOptions) findJob(ctx context.Context, client *operator.Client) (api.Ref, error) {
	namespace, _, err := o.factory.Namespace()
	switch {
	case err != nil:
		return api.Ref{}, err
	case o.job != "":
		return o.oneJob(ctx, client, []string{o.job})
	case o.kind != "":
		return o.oneJob(ctx, client, nil)
	}
	job, err := client.JobThatSees(ctx, namespace, o.Args[0])
	if err != nil {
		return api.Ref{}, err
	}
	return job.Ref(), nil
}

func (o *removeOptions) remove(ctx context.Context, s *surveyed) error {
	for _, path := range o.Args {
		inside := false
		for _, dir := range s.dirs {
			inside = inside || !dir.HA && storage.Within(dir.Path, path)
		}
		if !inside {
			s.dirs = append(s.dirs, reach.StateDir{Path: storage.Dir(strings.TrimRight(path, "/")), Key: "PATH"})
		}
	}
	s.surveyor.Spare = func(dir string) bool {
		for _, path := range o.Args {
			if api.SamePath(path, dir) {
				return true
			}
		}
		return false
	}
	doomed, survey, err := o.choose(ctx, s)
	if err != nil {
		return err
	}
	s.tell(o.common, survey)
	if len(doomed) == 0 {
		fmt.Fprintln(o.ErrOut, "Nothing to delete.")
		return nil
	}
	var size int64
	var lines []string
	for _, d := range doomed {
		size += d.Size
		lines = append(lines, "  "+describeDoomed(d, o.now()))
	}
	directories := "1 directory"
	if len(doomed) != 1 {
		directories = fmt.Sprintf("%d directories", len(doomed))
	}
	what := fmt.Sprintf("%s of %s, for good:\n%s", directories, view.Bytes(size), strings.Join(lines, "\n"))
	if o.dryRun {
		fmt.Fprintln(o.Out, term.Safe("This would delete "+what))
		return o.refused(doomed, survey)
	}
	if err := o.refused(doomed, survey); err != nil {
		fmt.Fprintln(o.ErrOut, term.Safe(strings.Join(lines, "\n")))
		return err
	}
	if err := o.confirm(ctx, o.yes, "This deletes "+what); err != nil {
		return err
	}
	s.line.Set("looking again")
	again, survey, err := o.choose(ctx, s)
	if err != nil {
		return err
	}
	if err := o.refused(again, survey); err != nil {
		return err
	}
	return o.carryOutRemoval(ctx, s, doomed, again)
}

// choose finds what is to be deleted.
func (o *removeOptions) choose(ctx context.Context, s *surveyed) ([]storage.Doomed, storage.Survey, error) {
	survey, err := s.surveyor.Survey(ctx, s.job, s.dirs)
	if err != nil {
		return nil, survey, err
	}
	all := survey.Saveds()
	if o.kind != "" {
		return ofKind(all, o.kind, o.now().Add(-o.olderThan)), survey, nil
	}
	var out []storage.Doomed
	for _, path := range o.Args {
		found := false
		for _, d := range all {
			if api.SamePath(d.Path, path) {
				out, found = append(out, d), true
			}
		}
		if !found && len(survey.Problems) == 0 {
			return nil, survey, fmt.Errorf("there is no savepoint or checkpoint at %s", path)
		}
	}
	if len(out) < len(o.Args) && len(survey.Problems) > 0 {
		return nil, survey, errors.New(survey.Problems[0])
	}
	return out, survey, nil
}

// ofKind are the savepoints or checkpoints of the job that nothing refers to and
// that are older than a moment. The newest whole one of the job stays.
func ofKind(all []storage.Doomed, kind string, before time.Time) []storage.Doomed {
	var out []storage.Doomed
	newest := true
	for _, d := range all {
		if d.Kind != kind || !d.Own || d.Incomplete {
			continue
		}
		first := newest
		newest = false
		if !first && len(d.Refers) == 0 && !d.Written.IsZero() && d.Written.Before(before) {
			out = append(out, d)
		}
	}
	return out
}

// refused says why what is chosen isn't deleted; nil where it may be.
func (o *removeOptions) refused(doomed []storage.Doomed, survey storage.Survey) error {
	if o.force {
		return nil
	}
	if len(survey.Problems) > 0 {
		return fmt.Errorf("nothing was deleted: who refers to it isn't known in full: %s", survey.Problems[0])
	}
	for _, d := range doomed {
		if len(d.Refers) > 0 {
			return fmt.Errorf("nothing was deleted: %s refers to %s\nTo delete it all the same, say --force", strings.Join(d.Refers, ", "), d.Path)
		}
	}
	return nil
}

func describeDoomed(d storage.Doomed, now time.Time) string {
	who := "nothing known refers to it"
	switch {
	case len(d.Refers) > 0:
		who = "referred to by " + strings.Join(d.Refers, ", ")
	case d.Unknown:
		who = "its run is of no job that is known here: a job elsewhere may use it"
	}
	kind := d.Kind
	if d.Incomplete {
		kind += " without _metadata"
	}
	return fmt.Sprintf("%s  %s, %s, %s old: %s", d.Path, kind, view.Bytes(d.Size), view.Age(d.Written, now), who)
}

// carryOutRemoval deletes what was chosen both times.
func (o *removeOptions) carryOutRemoval(ctx context.Context, s *surveyed, doomed, again []storage.Doomed) error {
	for _, d := range doomed {
		there := false
		for _, a := range again {
			there = there || a.Path == d.Path && a.Incomplete == d.Incomplete && a.Files == d.Files && a.Written.Equal(d.Written)
		}
		if !there {
			return fmt.Errorf("%s has changed meanwhile and wasn't deleted: look at it and try again", d.Path)
		}
		s.line.Set("deleting %s", d.Path)
		files := 0
		first := 1 // the _metadata, by itself
		if d.Incomplete {
			first = 0
		}
		gone := func(storage.Entry) { files++ }
		err := s.remove(ctx, d.Entries[:first], nil, gone)
		if err == nil {
			err = s.remove(ctx, d.Entries[first:], []string{d.Path}, gone)
		}
		if err != nil {
			return fmt.Errorf("%s: %d of %d files deleted, then: %w", d.Path, files, len(d.Entries), err)
		}
		still, err := s.left(ctx, d.Path, d.Entries)
		if err == nil && still != "" {
			err = fmt.Errorf("%s was deleted and is still there", still)
		}
		if err != nil {
			return err
		}
		s.line.Clear()
		fmt.Fprintln(o.Out, term.SafeLine(fmt.Sprintf("%s deleted: %s, %s", d.Path, plural(files, "file"), view.Bytes(d.Size))))
	}
	return nil
}
