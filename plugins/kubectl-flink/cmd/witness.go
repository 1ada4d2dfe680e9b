package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// askJobManagers gives the client ways to ask JobManagers for what the
// operator doesn't pass on.
func (c *common) askJobManagers(client *operator.Client, way tunnelFlags, files reach.TLSFiles) {
	ask := func(ctx context.Context, ref api.Ref, question func(*rest.Client, reach.Place) error) error {
		place, err := reach.Find(ctx, client, ref)
		if err != nil {
			return err
		}
		tunnel, err := c.tunnel(way, nil)
		if err != nil {
			return err
		}
		defer tunnel.Close()
		jobManager, err := restClient(tunnel, place, files)
		if err != nil {
			return err
		}
		return reachError(ctx, question(jobManager, place))
	}
	askJob := func(ctx context.Context, ref api.Ref, question func(*rest.Client, reach.Place) error) error {
		return ask(ctx, ref, func(jobManager *rest.Client, place reach.Place) error {
			if place.JobID == "" {
				return errors.New("the job has no id yet")
			}
			return question(jobManager, place)
		})
	}
	client.SavepointCause = func(ctx context.Context, cluster api.Ref, job, trigger string) (cause string) {
		_ = ask(ctx, cluster, func(jobManager *rest.Client, _ reach.Place) error {
			cause = reach.SavepointCause(ctx, jobManager, job, trigger)
			return nil
		})
		return cause
	}
	client.JobFailures = func(ctx context.Context, ref api.Ref, since time.Time) (roots []string) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = askJob(ctx, ref, func(jobManager *rest.Client, place reach.Place) error {
			roots = reach.Failures(ctx, jobManager, place.JobID, since)
			return nil
		})
		return roots
	}
	client.RestoredFrom = func(ctx context.Context, ref api.Ref) (path string, err error) {
		err = askJob(ctx, ref, func(jobManager *rest.Client, place reach.Place) error {
			path, err = reach.RestoredFrom(ctx, jobManager, place.JobID)
			return err
		})
		return path, err
	}
	client.AskFlink = func(ctx context.Context, ref api.Ref) (state api.FlinkState, err error) {
		err = askJob(ctx, ref, func(jobManager *rest.Client, place reach.Place) error {
			state, err = reach.State(ctx, jobManager, place.JobID)
			return err
		})
		return state, err
	}
	client.AskCheckpoints = func(ctx context.Context, ref api.Ref) (facts api.CheckpointFacts, err error) {
		err = askJob(ctx, ref, func(jobManager *rest.Client, place reach.Place) error {
			facts, err = reach.CheckpointFacts(ctx, jobManager, place.JobID)
			return err
		})
		return facts, err
	}
	client.RunningJobs = func(ctx context.Context, cluster api.Ref) map[string]string {
		out := map[string]string{}
		_ = ask(ctx, cluster, func(jobManager *rest.Client, _ reach.Place) error {
			jobs, err := jobManager.Jobs(ctx)
			for _, job := range jobs {
				if !rest.Ended(job.State) {
					out[job.ID] = job.Name
				}
			}
			return err
		})
		return out
	}
}
