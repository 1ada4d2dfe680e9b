package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	bucket  = "flink"
	prefix  = "state-bench/"
	objects = 10_000
	key     = "minioadmin"
)

// job keeps its state in the cluster's MinIO; it is never started.
const job = `apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: bench}
spec:
  image: flink:1.20
  flinkVersion: v1_20
  serviceAccount: flink
  flinkConfiguration:
    execution.checkpointing.dir: s3://flink/state-bench
    s3.endpoint: http://minio.minio-dev:9000
    s3.path.style.access: "true"
    s3.access-key: minioadmin
    s3.secret-key: minioadmin
  jobManager: {resource: {memory: 1024m, cpu: 0.1}}
  taskManager: {resource: {memory: 1024m, cpu: 0.1}}
  job: {jarURI: "local:///opt/flink/examples/streaming/StateMachineExample.jar", parallelism: 1, upgradeMode: stateless, state: suspended}
`

func (b *bench) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig)
	return command
}

func (b *bench) ours(ctx context.Context, args ...string) *exec.Cmd {
	return b.command(ctx, filepath.Join(b.bin, "kubectl-flink"), append(args, "-n", b.namespace)...)
}

var listens = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// usage measures storage du against mc du. Both go through a tunnel of the same kind
// to the same MinIO; the one of mc stands already.
func (b *bench) usage(ctx context.Context) (err error) {
	if out, err := b.command(ctx, b.kubectl, "create", "namespace", b.namespace).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	defer func() {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		out, failed := b.command(away, b.kubectl, "delete", "flinkdeployment", "--all", "-n", b.namespace).CombinedOutput()
		if failed == nil {
			out, failed = b.command(away, b.kubectl, "delete", "namespace", b.namespace, "--wait=false").CombinedOutput()
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%w: %s", failed, out))
		}
	}()
	apply := b.command(ctx, b.kubectl, "apply", "-n", b.namespace, "-f", "-")
	apply.Stdin = strings.NewReader(job)
	if out, err := apply.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	address, closed, err := b.tunnel(ctx)
	if err != nil {
		return err
	}
	defer closed()
	store, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(key, key, ""), Region: "us-east-1"})
	if err != nil {
		return err
	}
	defer func() {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		for result := range store.RemoveObjects(away, bucket, store.ListObjects(away, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}), minio.RemoveObjectsOptions{}) {
			err = errors.Join(err, result.Err)
		}
	}()
	if err := fill(ctx, store); err != nil {
		return fmt.Errorf("fill the bucket: %w", err)
	}
	fmt.Printf("room that %d objects take (median of %d runs each, in turn)\n", objects, b.rounds)
	ours, theirs, err := b.inTurn(
		func() *exec.Cmd { return b.ours(ctx, "storage", "du", "bench") },
		func() *exec.Cmd {
			command := exec.CommandContext(ctx, b.mc, "du", "bench/"+bucket+"/"+strings.TrimSuffix(prefix, "/"))
			command.Env = append(os.Environ(), "MC_HOST_bench=http://"+key+":"+key+"@"+address)
			return command
		})
	if err != nil {
		return err
	}
	tell("storage du", ours)
	tell("mc du", theirs)
	verdict := "kept"
	ratio := float64(ours.wall) / float64(theirs.wall)
	if ratio > 1.2 {
		verdict = "MISSED"
	}
	fmt.Printf("  ratio                        time %.2f (goal 1.2: %s), memory %.2f\n", ratio, verdict, float64(ours.rss)/float64(theirs.rss))
	return nil
}

// tunnel makes MinIO reachable at a local address.
func (b *bench) tunnel(ctx context.Context) (address string, closed func(), err error) {
	command := b.ours(ctx, "port-forward", "--minio")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	out, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	closed = func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	}
	var said bytes.Buffer
	for part := make([]byte, 4096); address == ""; address = listens.FindString(said.String()) {
		n, err := out.Read(part)
		said.Write(part[:n])
		if err != nil {
			closed()
			return "", nil, fmt.Errorf("no tunnel to MinIO: %w", err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return address, closed, nil
}

// fill writes the objects with one request, by way of a file: a process's peak of
// memory is inherited by those that it starts, which are measured afterwards.
func fill(ctx context.Context, store *minio.Client) error {
	files := make(chan minio.SnowballObject)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(files)
		for n := range objects {
			object := minio.SnowballObject{Key: fmt.Sprintf("%s0123456789abcdef0123456789abcdef/shared/%08d", prefix, n), Size: 100, Content: bytes.NewReader(make([]byte, 100))}
			select {
			case files <- object:
			case <-ctx.Done():
				return
			}
		}
	}()
	return store.PutObjectsSnowball(ctx, bucket, minio.SnowballOptions{}, files)
}
