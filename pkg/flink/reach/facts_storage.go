package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// mostStores is how many buckets are looked for.
const mostStores = 4

var errSeen = errors.New("one object is enough")

// stores looks for the buckets that jobs keep their state in, on object stores
// that are Services of the cluster, as a MinIO mostly is. Others may be reached
// from here and not from the pods, or the other way round.
func (g *Gatherer) stores(ctx context.Context, jobs []api.Job) []diagnosis.StorageFacts {
	var out []diagnosis.StorageFacts
	for _, job := range jobs {
		if job.Kind.Name != api.Deployment.Name || job.Object.GetDeletionTimestamp() != nil {
			continue
		}
		own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
		config := api.Flatten(own)
		endpoint, _ := config.Get(s3Keys("endpoint")...)
		dir, _ := config.Get(api.CheckpointDirKeys...)
		scheme, rest := storage.Split(dir)
		namespace := job.Object.GetNamespace()
		service, _, ok := serviceEndpoint(endpoint, namespace)
		if !ok || endpoint == "" || !storage.IsS3(scheme) {
			continue
		}
		bucket := bucketOf(rest)
		if bucket == "" {
			continue
		}
		if i := slices.IndexFunc(out, func(s diagnosis.StorageFacts) bool { return s.Endpoint == endpoint && s.Bucket == bucket }); i >= 0 {
			out[i].UsedBy = append(out[i].UsedBy, job.Ref().String())
			continue
		}
		if len(out) == mostStores || ctx.Err() != nil {
			break
		}
		if _, err := g.Client.Core().CoreV1().Services(service.Namespace).Get(ctx, service.Name, metav1.GetOptions{}); err != nil {
			continue // a host elsewhere may have such a name, too
		}
		one := diagnosis.StorageFacts{Endpoint: endpoint, Bucket: bucket, UsedBy: []string{job.Ref().String()}}
		one.Reached, one.Found, one.Error = g.lookFor(ctx, job, dir)
		out = append(out, one)
	}
	return out
}

// lookFor looks for a bucket with the credentials of the job that uses it.
func (g *Gatherer) lookFor(ctx context.Context, job api.Job, dir string) (reached, found diagnosis.Mark, text string) {
	store, done, err := g.Store(ctx, job, dir)
	if err != nil {
		return diagnosis.NotAsked, diagnosis.NotAsked, ""
	}
	defer func() { _ = done() }()
	err = store.List(ctx, dir, func(storage.Entry) error { return errSeen })
	return judgeStore(err)
}

// judgeStore is what an error of a store says of it and of the bucket.
func judgeStore(err error) (reached, found diagnosis.Mark, text string) {
	var unanswered *storage.UnansweredError
	var denied *portforward.PermissionError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, errSeen):
		return diagnosis.Read, diagnosis.Read, ""
	case errors.As(err, &denied), errors.As(err, &certificate), errors.Is(err, context.Canceled):
		return diagnosis.NotAsked, diagnosis.NotAsked, "" // that says nothing of who is in the cluster
	case errors.Is(err, fs.ErrNotExist):
		return diagnosis.Read, diagnosis.NotThere, api.FirstLine(err.Error())
	case errors.As(err, &unanswered), errors.Is(err, context.DeadlineExceeded):
		return diagnosis.NoAnswer, diagnosis.NotAsked, api.FirstLine(err.Error())
	}
	return diagnosis.Read, diagnosis.NotAllowed, api.FirstLine(err.Error())
}

// bucketOf is the bucket of what stands behind a scheme: //bucket/key.
func bucketOf(rest string) string {
	for len(rest) > 0 && rest[0] == '/' {
		rest = rest[1:]
	}
	for i := range len(rest) {
		if rest[i] == '/' {
			return rest[:i]
		}
	}
	return rest
}
