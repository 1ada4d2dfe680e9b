package move

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// proofLimit bounds the question to the JobManager through CMF's proxy.
const proofLimit = 30 * time.Second

// errUnproven says that a job runs, and that its JobManager can't be asked what from.
var errUnproven = errors.New("not proven")

// prove asks an application's JobManager, through CMF's proxy, what its job was
// restored from, which has to be path. An error that is no errUnproven says that
// it was something else.
func prove(ctx context.Context, client *cmf.Client, app cmf.Ref, path string, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	way, err := client.WebUI(app)
	if err != nil {
		return err
	}
	flink := rest.NewClient(way, "")
	for {
		restored, jobID, err := restoredFrom(ctx, client, flink, app)
		switch {
		case err == nil && restored == "":
			return fmt.Errorf("%s runs, but it was not restored from %s: it started without state", app.Where(), path)
		case err == nil && api.SamePath(restored, path):
			return nil
		case err == nil && strings.Contains(restored, jobID):
			return fmt.Errorf("%s runs from %s, a checkpoint of its own, so that it has restarted since; whether it began with %s is %w", app.Where(), restored, path, errUnproven)
		case err == nil:
			return fmt.Errorf("%s runs, but it was restored from %s, not from %s", app.Where(), restored, path)
		}
		timer := time.NewTimer(max(every, time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s runs, but that it was restored from %s is %w: its JobManager can't be asked through CMF: %s", app.Where(), path, errUnproven, err.Error())
		case <-timer.C:
		}
	}
}

// restoredFrom is what the JobManager says that the job was restored from; "" is
// nothing.
func restoredFrom(ctx context.Context, client *cmf.Client, flink *rest.Client, app cmf.Ref) (path, jobID string, err error) {
	object, err := client.Get(ctx, app)
	if err != nil {
		return "", "", err
	}
	if jobID = object.Text("status.jobStatus.jobId"); jobID == "" {
		return "", "", errors.New("CMF doesn't name its job yet")
	}
	checkpoints, err := flink.Checkpoints(ctx, jobID)
	if err != nil {
		return "", jobID, err
	}
	if checkpoints.Latest.Restored == nil {
		return "", jobID, nil
	}
	return checkpoints.Latest.Restored.Path, jobID, nil
}
