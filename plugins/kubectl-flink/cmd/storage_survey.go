package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// surveyFlags are those of the verbs that delete files of state.
type surveyFlags struct {
	*common
	tunnelFlags
	tls reach.TLSFiles
}

func (f *surveyFlags) add(cmd *cobra.Command) {
	f.tunnelFlags.add(cmd, false)
	addRESTFlags(cmd, &f.tls)
}

// surveyed is a job whose directories can be looked at.
type surveyed struct {
	job      api.Job
	dirs     []reach.StateDir
	surveyor reach.Surveyor
	stores   *reach.StateFinder
	line     *progress.Line
}

// withSurvey finds the job and has do look at its directories. writes says that
// files may be deleted.
func (f *surveyFlags) withSurvey(ctx context.Context, find func(context.Context, *operator.Client) (api.Ref, error), writes bool, do func(context.Context, *surveyed) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, reach.SurveyLimit, fmt.Errorf("the directories couldn't be looked through within %s", reach.SurveyLimit))
	defer cancel()
	client, err := f.operator()
	if err != nil {
		return err
	}
	jobManagers := f.jobManagers(client, f.tunnelFlags, f.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	ref, err := find(ctx, client)
	if err != nil {
		return err
	}
	job, _, config, err := configured(ctx, client, ref)
	if err != nil {
		return err
	}
	dirs := reach.StateDirs(config)
	if !slices.ContainsFunc(dirs, func(d reach.StateDir) bool { return !d.HA }) {
		return fmt.Errorf("%s names no directory for checkpoints or savepoints", ref)
	}
	line := f.progress(false)
	defer line.Done()
	stores, closed, err := f.stateFinder(client, f.tunnelFlags, reporterOf(line))
	if err != nil {
		return err
	}
	defer closed()
	stores.Store.Writes = writes
	return do(ctx, &surveyed{
		job: job, dirs: dirs, stores: stores, line: line,
		surveyor: reach.Surveyor{Client: client, Store: stores.Open, Runs: jobManagers.LiveRuns, Patience: reach.SurveyPatience, Progress: line.Set},
	})
}

// tell prints what the reader of a survey should know.
func (s *surveyed) tell(c *common, survey storage.Survey) {
	s.line.Clear()
	for _, note := range survey.Notes {
		fmt.Fprintln(c.ErrOut, secret.Text(term.SafeLine(note)))
	}
	for _, problem := range survey.Problems {
		fmt.Fprintln(c.ErrOut, secret.Text(term.SafeLine("warning: "+problem)))
	}
}

// remove deletes files, which must be in directories of the job, and afterwards
// the directories that are empty then.
func (s *surveyed) remove(ctx context.Context, files []storage.Entry, clear []string, gone func(storage.Entry)) error {
	at := ""
	switch {
	case len(files) > 0:
		at = files[0].Path
	case len(clear) > 0:
		at = clear[0]
	default:
		return nil
	}
	store, err := s.stores.Open(ctx, s.job, at)
	if err != nil {
		return err
	}
	remover, ok := store.(storage.Remover)
	if !ok {
		return errors.New("files can't be deleted " + store.Where())
	}
	sizes := map[string]storage.Entry{}
	paths := make([]string, 0, len(files))
	for _, file := range files {
		sizes[file.Path] = file
		paths = append(paths, file.Path)
	}
	if err := remover.Remove(ctx, paths, func(file string) { gone(sizes[file]) }); err != nil {
		return err
	}
	return remover.Clear(ctx, clear)
}

// left are files that should be gone from a directory and aren't.
func (s *surveyed) left(ctx context.Context, dir string, files []storage.Entry) (string, error) {
	store, err := s.stores.Open(ctx, s.job, dir)
	if err != nil {
		return "", err
	}
	gone := map[string]bool{}
	for _, file := range files {
		gone[file.Path] = true
	}
	still := ""
	err = store.List(ctx, dir, func(entry storage.Entry) error {
		if gone[entry.Path] {
			still = entry.Path
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return still, err
}
