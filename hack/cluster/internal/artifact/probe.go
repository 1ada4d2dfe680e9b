package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// java17 finds the compiler that the class was built with: another version's
// class differs in bytes.
func java17() string {
	found, _ := filepath.Glob("/usr/lib/jvm/java-17-openjdk-*/bin/javac")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// programs are the classes of pkg/flink/probe/java.
var programs = []string{"StateProbe", "GraphProbe"}

// BuildProbe compiles the programs in dir, for Java 8 and against Flink 1.20, and
// notes what it was built from.
func (f *Factory) BuildProbe(ctx context.Context, dir string) error {
	if err := f.Tools(ctx, "javac-17"); err != nil {
		return err
	}
	javac := java17()
	if javac == "" {
		return errors.New("there is no javac of Java 17 although its package is installed")
	}
	d, err := FindDistribution("1.20")
	if err != nil {
		return err
	}
	layer, err := f.flinkLayer(ctx, d)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	dist, err := extractDist(layer.Path, work)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, program := range programs {
		source, class := filepath.Join(dir, program+".java"), filepath.Join(work, program+".class")
		if err := run.Run(ctx, javac, "-nowarn", "-Xlint:-options", "--release", "8", "-g:none", "-proc:none", "-d", work, "-cp", dist, source); err != nil {
			return err
		}
		for _, file := range []string{source, class} {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), filepath.Base(file))
			if file != class {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
