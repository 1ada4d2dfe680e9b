package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// processFlags choose among the JVMs of a Flink cluster.
type processFlags struct {
	jobManager  bool
	taskManager string
	all         bool
}

const (
	// jvmsAtOnce is how many JVMs are asked at once.
	jvmsAtOnce = 4
	// maxProcesses bounds how many JVMs one command asks.
	maxProcesses = 1000
)

func (f *processFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.jobManager, "jm", false, "Only the JobManager")
	flags.StringVar(&f.taskManager, "tm", "", "Only the TaskManager with this number, as in logs, or with this id")
}

// Validate finds what is wrong with the flags.
func (f *processFlags) Validate() error {
	if f.jobManager && f.taskManager != "" || f.all && (f.jobManager || f.taskManager != "") {
		return exit.Usagef("--jm, --tm and --all exclude each other")
	}
	return nil
}

// process is one JVM: the TaskManager with an id, or with "" the JobManager.
type process struct{ id string }

func (p process) String() string {
	if p.id == "" {
		return "jobmanager"
	}
	return p.id
}

// choose are the JVMs that the flags mean: all TaskManagers where they name none.
func (f *processFlags) choose(ctx context.Context, jobManager *rest.Client) ([]process, error) {
	if f.jobManager {
		return []process{{}}, nil
	}
	ids, err := jobManager.TaskManagers(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	var out []process
	if f.all {
		out = append(out, process{})
	}
	for _, id := range ids {
		if id != "" && isTaskManager(id, f.taskManager) {
			out = append(out, process{id})
		}
	}
	switch {
	case len(ids) == 0 && len(out) == 0:
		return nil, errors.New("no TaskManager is registered at the JobManager; its own threads are shown with --jm")
	case len(out) == 0:
		return nil, exit.Usagef("--tm: there is no TaskManager %s; there are: %s", f.taskManager, none(ids))
	case len(out) > 1 && f.taskManager != "":
		return nil, exit.Usagef("--tm: %s is the number of %d TaskManagers; name one by its id: %s", f.taskManager, len(out), none(ids))
	case len(out) > maxProcesses:
		return nil, exit.Usagef("there are %d TaskManagers, more than are asked at once: choose one with --tm", len(ids))
	}
	return out, nil
}

// isTaskManager reports whether a TaskManager is the one that is wanted: by its
// id, or by the number at the end of its pod's name; "" wants each.
func isTaskManager(id, wanted string) bool {
	return wanted == "" || id == wanted || strings.HasSuffix(id, "-"+wanted)
}

// none lists a few names.
func none(names []string) string {
	const most = 8
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// each does something with several things, a few at once, and returns what went
// wrong with each.
func each[T any](things []T, do func(int, T) error) []error {
	errs := make([]error, len(things))
	places := make(chan struct{}, jvmsAtOnce)
	var work sync.WaitGroup
	for i, thing := range things {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			errs[i] = do(i, thing)
		})
	}
	work.Wait()
	return errs
}

// dumpOf asks a JVM for its threads.
func dumpOf(ctx context.Context, jobManager *rest.Client, p process) ([]jvm.Thread, error) {
	infos, err := jobManager.ThreadDump(ctx, p.id)
	threads := make([]jvm.Thread, 0, len(infos))
	for _, info := range infos {
		threads = append(threads, jvm.ParseThread(info.Name, info.Text))
	}
	return threads, err
}

// left is what couldn't be asked of some processes, where others could be.
func left(what string, processes []process, errs []error) error {
	var out []error
	for i, err := range errs {
		if err != nil {
			out = append(out, fmt.Errorf("%s of %s: %w", what, processes[i], err))
		}
	}
	if len(out) == len(errs) && len(out) > 0 {
		return out[0]
	}
	return errors.Join(out...)
}
