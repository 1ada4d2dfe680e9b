package artifact

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// tool is a program of the machine that the cluster uses and the Debian
// package that has it.
type tool struct {
	name string
	pkg  string
	have func(ctx context.Context) bool
}

// CNIDirs are where distributions put the CNI plugins.
var CNIDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// FindCNI is the directory of the CNI plugins, empty if there is none.
func FindCNI() string {
	for _, dir := range CNIDirs {
		if fileExists(filepath.Join(dir, "ptp")) && fileExists(filepath.Join(dir, "host-local")) {
			return dir
		}
	}
	return ""
}

func onPath(name string) func(context.Context) bool {
	return func(context.Context) bool {
		_, err := exec.LookPath(name)
		return err == nil
	}
}

var tools = []tool{
	{"containerd", "containerd", onPath("containerd")},
	{"ctr", "containerd", onPath("ctr")},
	{"runc", "runc", onPath("runc")},
	{"iptables", "iptables", onPath("iptables")},
	{"ip", "iproute2", onPath("ip")},
	{"cni", "containernetworking-plugins", func(context.Context) bool { return FindCNI() != "" }},
	{"debootstrap", "debootstrap", onPath("debootstrap")},
	{"mvn", "maven", onPath("mvn")},
	{"javac", "default-jdk-headless", onPath("javac")},
	{"javac-17", "openjdk-17-jdk-headless", func(context.Context) bool { return java17() != "" }},
	{"bash", "bash", onPath("bash")},
	{"zsh", "zsh", onPath("zsh")},
	{"fish", "fish", onPath("fish")},
	{"bash-completion", "bash-completion", func(context.Context) bool { return fileExists("/usr/share/bash-completion/bash_completion") }},
	{"pip", "python3-pip", func(ctx context.Context) bool {
		_, err := pythonWithPip(ctx)
		return err == nil
	}},
}

// Shells are the shells that completion is tested in.
var Shells = []string{"bash", "zsh", "fish", "bash-completion"}

// NodeTools are the tools a running node needs.
var NodeTools = []string{"containerd", "ctr", "runc", "iptables", "ip", "cni"}

var aptMutex sync.Mutex

// Tools installs the named tools if any of them is missing, and with them all
// other tools that are missing: each run of the package manager takes long,
// and who lacks one of them is about to need the rest. Debian's sbin
// directories count even if the caller's PATH lacks them.
func (f *Factory) Tools(ctx context.Context, names ...string) error {
	aptMutex.Lock()
	defer aptMutex.Unlock()
	addSbin()
	var missing, pkgs []string
	for _, t := range tools {
		if slices.Contains(names, t.name) && !t.have(ctx) {
			missing = append(missing, t.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if !onPath("apt-get")(ctx) {
		return fmt.Errorf("these programs are missing, and there is no apt-get here to install them with: %s", strings.Join(missing, ", "))
	}
	for _, t := range tools {
		if !slices.Contains(pkgs, t.pkg) && !t.have(ctx) {
			pkgs = append(pkgs, t.pkg)
		}
	}
	if os.Getuid() != 0 {
		return fmt.Errorf("these programs are missing, and only root can install them: %s (apt-get install %s)",
			strings.Join(missing, ", "), strings.Join(pkgs, " "))
	}
	f.Log.Printf("tools", "installing %s", strings.Join(pkgs, " "))
	install := append([]string{"install", "-y", "--no-install-recommends"}, pkgs...)
	if aptGet(ctx, install...) == nil {
		return ctx.Err()
	}
	// A fresh machine has no package lists, or stale ones.
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	return aptGet(ctx, install...)
}

// aptGet waits for a package manager that is already at work, and for its own
// end even if this program is told to stop.
func aptGet(ctx context.Context, args ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return run.Cmd{
		Env: []string{
			"DEBIAN_FRONTEND=noninteractive",
			// The packages must not start their services: the cluster runs
			// its own containerd and wants no second one on the machine.
			"SYSTEMD_OFFLINE=1",
		},
		Finish: true,
	}.Run(ctx, "apt-get", append([]string{"-q", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
}

func addSbin() {
	path := os.Getenv("PATH")
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if !slices.Contains(filepath.SplitList(path), dir) {
			path += ":" + dir
		}
	}
	_ = os.Setenv("PATH", path)
}

// codename is the machine's own Debian (or Ubuntu) release.
func codename() (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(release), "\n") {
		if v, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.Trim(v, `"`), nil
		}
	}
	return "", errors.New("/etc/os-release names no VERSION_CODENAME: the images' root file system comes from Debian or Ubuntu packages")
}

// suite is where apt gets a release from, and the Java to run Flink on.
type suite struct{ mirror, components, java string }

func findSuite(ctx context.Context, codename string) (suite, error) {
	var s suite
	targets, err := run.Output(ctx, "apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI) $(COMPONENT)", "Created-By: Packages")
	if err != nil {
		return s, err
	}
	var components []string
	for _, line := range strings.Split(targets, "\n") {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != codename {
			continue
		}
		s.mirror = fields[1]
		if !slices.Contains(components, fields[2]) {
			components = append(components, fields[2])
		}
	}
	if s.mirror == "" {
		return s, fmt.Errorf("apt has no source for %q", codename)
	}
	s.components = strings.Join(components, ",")
	for _, pkg := range []string{"openjdk-17-jre-headless", "openjdk-21-jre-headless"} {
		if out, err := run.Output(ctx, "apt-cache", "policy", pkg); err == nil && hasCandidate(out) {
			s.java = pkg
			return s, nil
		}
	}
	return s, errors.New("apt knows neither openjdk-17-jre-headless nor openjdk-21-jre-headless")
}

func hasCandidate(policy string) bool {
	return strings.Contains(policy, "Candidate:") && !strings.Contains(policy, "Candidate: (none)")
}

// JavaHome is where every image with a root file system has its Java.
const JavaHome = "/opt/java"

// baseVersion changes whenever what becomes of the root file system does.
const baseVersion = "1"

// BaseLayer is a minimal Debian with Java and the user flink: the layer that
// the images of Flink and of the operator share.
func (f *Factory) BaseLayer(ctx context.Context) (image.Layer, error) {
	release, err := codename()
	if err != nil {
		return image.Layer{}, err
	}
	dir, err := f.Cache.Get(ctx, cache.Artifact{
		Name:   "base",
		Inputs: []string{baseVersion, release, runtime.GOARCH},
		Build: func(ctx context.Context, dir string) error {
			if os.Getuid() != 0 {
				return errors.New("only root can make a root file system")
			}
			if err := f.Tools(ctx, "debootstrap"); err != nil {
				return err
			}
			s, err := f.suite(ctx, release)
			if err != nil {
				return err
			}
			root := filepath.Join(dir, "root")
			// In namespaces of its own, so that a killed attempt leaves
			// neither processes nor mounts behind.
			cmd := run.Cmd{Sys: syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}}
			err = cmd.Run(ctx, "debootstrap", "--variant=minbase", "--components="+s.components,
				"--include="+s.java+",procps,ca-certificates", release, root, s.mirror)
			if err != nil {
				return err
			}
			if err := finishRoot(root); err != nil {
				return err
			}
			layer := filepath.Join(dir, "layer.tar")
			err = run.Run(ctx, "tar", "-C", root, "--numeric-owner", "--sort=name", "--mtime=@1600000000",
				"--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*",
				"--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "--exclude=./var/log/*",
				"--exclude=./usr/share/doc/*", "--exclude=./usr/share/man/*", "--exclude=./usr/share/locale/*",
				"-cf", layer, ".")
			if err != nil {
				return err
			}
			if err := os.RemoveAll(root); err != nil {
				return err
			}
			return image.SumLayer(layer)
		},
	})
	if err != nil {
		return image.Layer{}, err
	}
	return image.ReadLayer(filepath.Join(dir, "layer.tar"))
}

// suite finds the release and fetches the package lists first on a machine
// that has none yet.
func (f *Factory) suite(ctx context.Context, release string) (suite, error) {
	aptMutex.Lock()
	defer aptMutex.Unlock()
	if s, err := findSuite(ctx, release); err == nil {
		return s, nil
	}
	if err := aptGet(ctx, "update"); err != nil {
		return suite{}, err
	}
	return findSuite(ctx, release)
}

// finishRoot adds the user flink and a path to Java that does not depend on
// its version or the machine's architecture.
func finishRoot(root string) error {
	for name, line := range map[string]string{
		"passwd": "flink:x:9999:9999::/opt/flink:/bin/bash\n",
		"group":  "flink:x:9999:\n",
	} {
		f, err := os.OpenFile(filepath.Join(root, "etc", name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(line)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	homes, err := filepath.Glob(filepath.Join(root, "usr/lib/jvm/java-*-openjdk-*"))
	if err != nil || len(homes) == 0 {
		return fmt.Errorf("no Java in the new root file system (%v)", err)
	}
	home := strings.TrimPrefix(homes[0], root)
	return os.Symlink(home, filepath.Join(root, JavaHome))
}
