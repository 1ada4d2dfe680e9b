package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/artifact"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/manifest"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
)

// layoutVersion changes whenever a running cluster of an older program would
// not do any more for reasons that its other inputs do not show.
const layoutVersion = "1"

// Options say what cluster is wanted.
type Options struct {
	Name     string
	Operator string
	Flink    []string // minor releases whose images to load
	MinIO    bool
}

// Up brings the wanted cluster up. One that is already there and healthy is
// kept; one that is not is replaced.
func Up(ctx context.Context, f *artifact.Factory, o Options) error {
	if err := CheckName(o.Name); err != nil {
		return err
	}
	if err := checkRunnable(f.Cache.Dir, o.Name); err != nil {
		return err
	}
	unlock, err := lock(ctx, o.Name, f.Log)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := collect(ctx, f, o)
	if err != nil {
		return err
	}
	manifests, err := p.manifests(o)
	if err != nil {
		return err
	}
	key, err := p.key(manifests)
	if err != nil {
		return err
	}
	reason := unusable(ctx, o.Name, key)
	if ctx.Err() != nil { // what was interrupted has judged nothing
		return context.Cause(ctx)
	}
	if reason != "" {
		f.Log.Printf(o.Name, "%s", reason)
		if err := down(ctx, o.Name, false); err != nil {
			return fmt.Errorf("take down what is left of %s: %w", o.Name, err)
		}
		if err := create(ctx, f, o, p, manifests, key); err != nil {
			return err
		}
	} else {
		s, err := node.ReadSpec(o.Name)
		if err != nil {
			return err
		}
		if err := importImages(ctx, f.Log, s, p.images()); err != nil {
			return err
		}
		if err := restore(ctx, f.Log, s, manifests); err != nil {
			return err
		}
	}
	if o.MinIO {
		return addMinIO(ctx, f.Log, o.Name, *p.minio, p.operator)
	}
	return nil
}

// restore starts the operator again if someone has scaled it to nothing.
func restore(ctx context.Context, log *progress.Log, s node.Spec, manifests []byte) error {
	out, err := kubectl(ctx, s, "-n", "flink-operator", "get", "deployment", "flink-kubernetes-operator", "-o", "jsonpath={.spec.replicas}")
	if err != nil || out != "0" {
		return err
	}
	log.Printf(s.Name, "the operator was scaled to 0, starting it again")
	if err := apply(ctx, s, manifests); err != nil {
		return err
	}
	return waitRollout(ctx, s, "flink-operator", "flink-kubernetes-operator")
}

// checkRunnable does not ask for room if the cluster is already there.
func checkRunnable(cacheDir, name string) error {
	if r, err := readRecord(name); err == nil && r.Ready && os.Getuid() == 0 {
		return nil
	}
	return CheckMachine(cacheDir)
}

// unusable says why the cluster called name cannot be kept; empty if it can.
func unusable(ctx context.Context, name, key string) string {
	r, err := readRecord(name)
	switch {
	case err != nil:
		return "bringing it up"
	case !r.Ready:
		return "an earlier attempt was cut off, starting over"
	case r.Key != key:
		return "it is made of other parts than wanted now, starting over"
	}
	st := settled(ctx, func() Status { return inspect(ctx, name) }, slowness, time.Second)
	if st.State != StateRunning {
		return fmt.Sprintf("it is %s (%s), starting over", st.State, st.Reason)
	}
	return ""
}

// slowness is how long a cluster all of whose programs run may fail to say that
// it is well. On a busy machine one question takes longer than healthTimeout,
// and what starts over loses all that ran in it.
const slowness = 3 * time.Minute

// settled looks until the cluster is running, one of its programs isn't, or
// patience is over.
func settled(ctx context.Context, look func() Status, patience, pause time.Duration) Status {
	until := time.Now().Add(patience)
	for {
		st := look()
		ended := slices.ContainsFunc(st.Components, func(c ComponentStatus) bool { return !c.Up })
		if st.State != StateBroken || ended || time.Now().After(until) {
			return st
		}
		select {
		case <-ctx.Done():
			return st
		case <-time.After(pause):
		}
	}
}

func create(ctx context.Context, f *artifact.Factory, o Options, p parts, manifests []byte, key string) error {
	s, err := prepare(ctx, f, o, p)
	if err != nil {
		return err
	}
	pid, err := startNode(ctx, s)
	if err != nil {
		return err
	}
	record := Record{Operator: o.Operator, Key: key, PID: pid}
	if err := writeRecord(o.Name, record); err != nil {
		return err
	}
	f.Log.Printf(o.Name, "starting Kubernetes %s", artifact.KubernetesVersion)
	err = artifact.Parallel(ctx,
		func(ctx context.Context) error {
			if err := waitContainerd(ctx, s); err != nil {
				return err
			}
			return importImages(ctx, f.Log, s, p.images())
		},
		func(ctx context.Context) error {
			if err := waitStarted(ctx, s); err != nil {
				return err
			}
			return waitNode(ctx, s)
		})
	if err != nil {
		return err
	}
	// Only now: a pod that starts before its image is there waits long for
	// the next try.
	f.Log.Printf(o.Name, "node Ready, starting the operator %s", o.Operator)
	if err := apply(ctx, s, manifests); err != nil {
		return err
	}
	if err := waitRollout(ctx, s, "kube-system", "coredns"); err != nil {
		return err
	}
	if err := waitRollout(ctx, s, "flink-operator", "flink-kubernetes-operator"); err != nil {
		return err
	}
	record.Ready = true
	if err := writeRecord(o.Name, record); err != nil {
		return err
	}
	f.Log.Printf(o.Name, "operator Ready")
	return nil
}

// prepare chooses the cluster's network and writes its files.
func prepare(ctx context.Context, f *artifact.Factory, o Options, p parts) (node.Spec, error) {
	snap, err := snapshotter()
	if err != nil {
		return node.Spec{}, err
	}
	s := node.Spec{
		Name: o.Name, Assets: p.assets, Cache: f.Cache.Dir,
		CNI: artifact.FindCNI(), Pause: p.pause.Ref, Snapshotter: snap,
	}
	for _, dir := range []string{"logs", "bin"} {
		if err := os.MkdirAll(s.Path(dir), 0o755); err != nil {
			return s, err
		}
	}
	// Two clusters that come up at once must not choose the same network.
	unlock, err := cache.Lock(ctx, filepath.Join(node.StateRoot, ".networks.lock"), nil)
	if err != nil {
		return s, err
	}
	defer unlock()
	used, err := usedNetworks(o.Name)
	if err != nil {
		return s, err
	}
	l, err := pickLink(used)
	if err != nil {
		return s, err
	}
	s.HostIP, s.NodeIP = l.host.String(), l.node.String()
	if err := s.Write(); err != nil {
		return s, err
	}
	if err := writePKI(s); err != nil {
		return s, err
	}
	return s, node.WriteConfig(s)
}

// startNode starts the node's first process in namespaces of its own, detached
// from this one, and gives it its network.
func startNode(ctx context.Context, s node.Spec) (int, error) {
	// A copy: what go run has built is gone when this process ends.
	self := s.Path("bin", "cluster")
	if err := copyExecutable(self); err != nil {
		return 0, err
	}
	out, err := os.Create(s.Log("node"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(self, node.SelfName, s.Name)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/", node.Marker + "=" + s.Name}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the node in namespaces of its own: %w", err)
	}
	pid := cmd.Process.Pid
	_ = cmd.Process.Release()
	return pid, connect(ctx, s, pid)
}

func copyExecutable(target string) error {
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func addMinIO(ctx context.Context, log *progress.Log, name string, img, helper image.Image) error {
	s, err := node.ReadSpec(name)
	if err != nil {
		return err
	}
	yaml, err := manifest.MinIO(img.Ref, helper.Ref)
	if err != nil {
		return err
	}
	if err := apply(ctx, s, yaml); err != nil {
		return err
	}
	if err := waitRollout(ctx, s, "minio-dev", "minio"); err != nil {
		return err
	}
	log.Printf(name, "MinIO Ready")
	r, err := readRecord(name)
	if err != nil {
		return err
	}
	r.MinIO = true
	return writeRecord(name, r)
}
