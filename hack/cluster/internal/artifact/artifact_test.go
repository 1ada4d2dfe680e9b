package artifact

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDropBrokenScale(t *testing.T) {
	const head = "spec:\n  versions:\n  - name: v1beta1\n    subresources:\n"
	broken := head + "      scale:\n        specReplicasPath: \".spec.x\"\n      status: {}\n"
	if got, want := DropBrokenScale(broken), head+"      status: {}\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	for name, crd := range map[string]string{
		"whole": head + "      scale:\n        specReplicasPath: \".spec.x\"\n        statusReplicasPath: \".status.x\"\n      status: {}\n",
		"none":  head + "      status: {}\n",
	} {
		if got := DropBrokenScale(crd); got != crd {
			t.Errorf("%s: changed to\n%s", name, got)
		}
	}
}

func TestVerifyDir(t *testing.T) {
	const sums = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.jar\n"
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := verifyDir(dir, sums); err == nil {
		t.Error("a missing file passed")
	}
	write("a.jar", "abc")
	if err := verifyDir(dir, sums); err != nil {
		t.Error(err)
	}
	write("b.jar", "")
	if err := verifyDir(dir, sums); err == nil || !strings.Contains(err.Error(), "b.jar") {
		t.Errorf("a file without a checksum gave %v", err)
	}
}

func TestEverySetOfJarsHasChecksums(t *testing.T) {
	var sets []string
	for _, d := range Distributions {
		sets = append(sets, "flink-"+d.Minor)
	}
	for _, v := range OperatorVersions {
		sets = append(sets, "operator-"+v)
	}
	for _, set := range sets {
		for _, name := range []string{"poms/" + set + ".xml", "sums/" + set + ".sha256"} {
			if _, err := mavenFiles.ReadFile(name); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOperatorClassPathOrder(t *testing.T) {
	got := operatorClassPath("1.16.1")
	at := -1
	for _, part := range []string{"/shim:", "/first/*:", "standalone.jar:", "operator.jar:", "/lib/*"} {
		i := strings.Index(got, part)
		if i <= at {
			t.Errorf("%s is out of order in %s", part, got)
		}
		at = i
	}
	if old := operatorClassPath("1.7.0"); strings.Contains(old, "shim") {
		t.Errorf("an unneeded shim in %s", old)
	}
}

func TestParallelReturnsTheCauseAndCancelsTheRest(t *testing.T) {
	cause := errors.New("the cause")
	err := Parallel(t.Context(),
		func(context.Context) error { return cause },
		func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestKubernetesFlagsNameTheVersion(t *testing.T) {
	flags := kubernetesFlags()
	for _, want := range []string{
		"k8s.io/component-base/version.gitVersion=" + KubernetesVersion,
		"k8s.io/component-base/version.gitMinor=34",
		"k8s.io/client-go/pkg/version.gitVersion=" + KubernetesVersion,
	} {
		if !strings.Contains(flags, want) {
			t.Errorf("%s is missing in %s", want, flags)
		}
	}
}

// The version in the flags and the one that is built must be the same.
func TestKubernetesVersionIsTheModules(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "components", "kubernetes", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "k8s.io/kubernetes " + KubernetesVersion + "\n"; !strings.Contains(string(data), want) {
		t.Errorf("components/kubernetes/go.mod does not require %s", want)
	}
}
