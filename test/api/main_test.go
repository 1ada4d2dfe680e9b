//go:build api

// Package api tests the plugins against a real API server and etcd, without
// any operator: what the operator would write, the tests write.
package api

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

// patience bounds every wait for something that must happen. It is only
// reached when a test fails.
const patience = 30 * time.Second

// server is one API server with one operator release's CRDs.
type server struct {
	env        *envtest.Environment
	kubeconfig []byte
	dynamic    dynamic.Interface
	core       kubernetes.Interface
}

var (
	// current has all of the operator's kinds, old those of operator 1.7,
	// bare none.
	current, old, bare *server
	scratch            string
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kubectl-flink-api-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	scratch = dir
	defer os.RemoveAll(dir)
	var starts errgroup.Group
	for _, s := range []struct {
		server  **server
		release string
	}{{&current, "1.16.1"}, {&old, "1.7.0"}, {&bare, ""}} {
		*s.server = &server{}
		starts.Go(func() error {
			if err := (*s.server).start(s.release); err != nil {
				return fmt.Errorf("start an API server with the CRDs of operator %q: %w", s.release, err)
			}
			return nil
		})
		defer func() {
			if env := (*s.server).env; env != nil {
				_ = env.Stop()
			}
		}()
	}
	if err := starts.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// tool asks hack/cluster, which builds what is missing.
func tool(args ...string) (string, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	command := exec.Command("go", append([]string{"-C", filepath.Join(root, "hack", "cluster"), "run", "."}, args...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

func (s *server) start(release string) error {
	assets, err := tool("assets")
	if err != nil {
		return err
	}
	env := &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: 2 * time.Minute}
	if release != "" {
		// These CRDs are large: a busy machine takes its time over them.
		env.CRDInstallOptions.MaxTime = 2 * time.Minute
		if env.CRDs, err = crds(release); err != nil {
			return err
		}
	}
	s.env = env
	config, err := env.Start()
	if err != nil {
		return err
	}
	admin, err := env.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, config)
	if err != nil {
		return err
	}
	if s.kubeconfig, err = admin.KubeConfig(); err != nil {
		return err
	}
	if s.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	s.core, err = kubernetes.NewForConfig(config)
	return err
}

func crds(release string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	manifests, err := tool("manifests", "crds", "--operator", release)
	if err != nil {
		return nil, err
	}
	var out []*apiextensionsv1.CustomResourceDefinition
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := decoder.Decode(crd); err != nil {
			if len(out) == 0 {
				return nil, err
			}
			return out, nil
		}
		if crd.Name != "" {
			out = append(out, crd)
		}
	}
}

var serial atomic.Int64

// namespace makes a namespace for one test.
func (s *server) namespace(t *testing.T) string {
	t.Helper()
	return s.namedNamespace(t, fmt.Sprintf("t%d", serial.Add(1)))
}

// namedNamespace is for manifests that name theirs.
func (s *server) namedNamespace(t *testing.T, name string) string {
	t.Helper()
	_, err := s.core.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		must(t, err)
	}
	return name
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user is a kubeconfig of a user who may do only what rules say, in namespace.
func (s *server) user(t *testing.T, namespace string, rules ...rbacv1.PolicyRule) []byte {
	t.Helper()
	name := fmt.Sprintf("user%d", serial.Add(1))
	user, err := s.env.AddUser(envtest.User{Name: name}, nil)
	must(t, err)
	_, err = s.core.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	must(t, err)
	_, err = s.core.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: name}},
	}, metav1.CreateOptions{})
	must(t, err)
	kubeconfig, err := user.KubeConfig()
	must(t, err)
	return kubeconfig
}

// result is what a user sees of one command.
type result struct {
	out, err string
	code     int
}

// flink runs `kubectl flink args` as the admin.
func (s *server) flink(t *testing.T, ctx context.Context, args ...string) result {
	t.Helper()
	return flinkAs(t, ctx, s.kubeconfig, args...)
}

func flinkAs(t *testing.T, ctx context.Context, kubeconfig []byte, args ...string) result {
	t.Helper()
	return flinkSeen(t, ctx, kubeconfig, func(string) {}, args...)
}

// watched calls see with all that was written, after each write.
type watched struct {
	bytes.Buffer
	see func(text string)
}

func (o *watched) Write(p []byte) (int, error) {
	n, err := o.Buffer.Write(p)
	o.see(o.String())
	return n, err
}

// flinkSeen runs a command and shows what it has said on standard error.
func flinkSeen(t *testing.T, ctx context.Context, kubeconfig []byte, see func(text string), args ...string) result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, kubeconfig, 0o600))
	var in, out bytes.Buffer
	errOut := watched{see: see}
	streams := genericiooptions.IOStreams{In: &in, Out: &out, ErrOut: &errOut}
	code := plugin.Execute(ctx, cmd.NewRoot(streams), streams, append(args, "--kubeconfig", file))
	return result{out.String(), errOut.String(), code}
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\nstdout:\n%s\nstderr:\n%s", r.code, r.out, r.err)
}

func (r result) wants(t *testing.T, code int, inErr ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s", r.code, code, r)
	}
	for _, want := range inErr {
		if !strings.Contains(r.err, want) {
			t.Errorf("stderr lacks %q\n%s", want, r)
		}
	}
}

// create makes an object and, if status is given, writes it as an operator
// would.
func (s *server) create(t *testing.T, kind api.Kind, namespace, name string, spec, status map[string]any) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": kind.Name,
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"spec":     spec,
	}}
	client := s.dynamic.Resource(kind.GVR()).Namespace(namespace)
	created, err := client.Create(t.Context(), object, metav1.CreateOptions{})
	must(t, err)
	if status == nil {
		return created
	}
	return s.setStatus(t, kind, created, status)
}

// setStatus writes a status; conflicts are the commands' own writes.
func (s *server) setStatus(t *testing.T, kind api.Kind, object *unstructured.Unstructured, status map[string]any) *unstructured.Unstructured {
	t.Helper()
	client := s.dynamic.Resource(kind.GVR()).Namespace(object.GetNamespace())
	object = object.DeepCopy()
	object.Object["status"] = status
	// Not the test's context: the last change may be answered while it ends.
	ctx := context.Background()
	for {
		updated, err := client.UpdateStatus(ctx, object, metav1.UpdateOptions{})
		if err == nil {
			return updated
		}
		latest, getErr := client.Get(ctx, object.GetName(), metav1.GetOptions{})
		must(t, getErr)
		if latest.GetResourceVersion() == object.GetResourceVersion() {
			t.Fatal(err)
		}
		object.SetResourceVersion(latest.GetResourceVersion())
	}
}

// runningJob is a FlinkDeployment that an operator would call healthy.
func (s *server) runningJob(t *testing.T, namespace, name string, configuration map[string]any) *unstructured.Unstructured {
	t.Helper()
	return s.create(t, api.Deployment, namespace, name, deploymentSpec(configuration), runningStatus())
}

func deploymentSpec(configuration map[string]any) map[string]any {
	return map[string]any{
		"flinkVersion":       "v1_20",
		"image":              "flink:1.20",
		"serviceAccount":     "flink",
		"flinkConfiguration": configuration,
		"podTemplate":        sharedVolume(),
		"job":                map[string]any{"jarURI": "local:///opt/job.jar", "parallelism": int64(1), "upgradeMode": "savepoint"},
	}
}

// sharedVolume is a pod template with a volume where savepoints outlive the
// pods: /flink-data, /c for checkpoints and /s for savepoints.
func sharedVolume() map[string]any {
	return map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": "flink-main-container", "volumeMounts": []any{
			map[string]any{"name": "data", "mountPath": "/flink-data"}, map[string]any{"name": "data", "mountPath": "/c"}, map[string]any{"name": "data", "mountPath": "/s"},
		}}},
		"volumes": []any{map[string]any{"name": "data", "hostPath": map[string]any{"path": "/flink-data"}}},
	}}
}

func runningStatus() map[string]any {
	return map[string]any{
		"lifecycleState":             "STABLE",
		"jobManagerDeploymentStatus": "READY",
		"jobStatus": map[string]any{
			"state": "RUNNING", "jobId": "a1b2c3", "jobName": "job",
			"startTime": "1764000000000", "updateTime": "1764000000000",
		},
	}
}

var savepointDir = map[string]any{"state.savepoints.dir": "file:///flink-data/savepoints"}

// patch changes a FlinkDeployment as somebody else would.
func (s *server) patch(t *testing.T, namespace, name, body string, subresources ...string) {
	t.Helper()
	_, err := s.dynamic.Resource(api.Deployment.GVR()).Namespace(namespace).
		Patch(context.Background(), name, types.MergePatchType, []byte(body), metav1.PatchOptions{}, subresources...)
	if err != nil {
		t.Error(err)
	}
}
