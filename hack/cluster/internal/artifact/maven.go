package artifact

import (
	"bufio"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// Each set of jars is a project file that names them and a list of the sha256
// sums that must come out of it.
//
//go:embed poms sums
var mavenFiles embed.FS

const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:"

// jars fetches a set of jars. With transitive, the set is everything the
// project depends on without what exclude names; else the listed files alone.
func (f *Factory) jars(ctx context.Context, set string, transitive bool, exclude ...string) (string, error) {
	pom, err := mavenFiles.ReadFile("poms/" + set + ".xml")
	if err != nil {
		return "", err
	}
	sums, err := mavenFiles.ReadFile("sums/" + set + ".sha256")
	if err != nil {
		return "", err
	}
	return f.Cache.Get(ctx, cache.Artifact{
		Name:   "jars-" + set,
		Inputs: append([]string{string(pom), string(sums)}, exclude...),
		Build: func(ctx context.Context, dir string) error {
			f.maven.Lock()
			defer f.maven.Unlock()
			if err := f.Tools(ctx, "mvn"); err != nil {
				return err
			}
			project, err := os.MkdirTemp("", "kubectl-flink-mvn-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(project) }()
			if err := writeProject(project, pom); err != nil {
				return err
			}
			goal := dependencyPlugin + "copy"
			if transitive {
				goal = dependencyPlugin + "copy-dependencies"
			}
			// Not -C: some mirrors have no checksums for some files. What
			// counts are the sums below.
			args := []string{"-B", "-q", "-U", goal, "-DoutputDirectory=" + dir, "-DincludeScope=runtime"}
			if len(exclude) > 0 {
				args = append(args, "-DexcludeArtifactIds="+strings.Join(exclude, ","))
			}
			err = f.twice(ctx, "jars-"+set, func() error { return run.Cmd{Dir: project}.Run(ctx, "mvn", args...) })
			if err != nil {
				return err
			}
			return verifyDir(dir, string(sums))
		},
	})
}

// writeProject writes the project file and the stub repository it may name.
func writeProject(dir string, pom []byte) error {
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	return fs.WalkDir(mavenFiles, "poms/stubs", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := mavenFiles.ReadFile(path)
		if err != nil {
			return err
		}
		out := filepath.Join(dir, strings.TrimPrefix(path, "poms/"))
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		return os.WriteFile(out, data, 0o644)
	})
}

// verifyDir checks that dir holds exactly the files that sums lists, in the
// format of sha256sum, with those contents.
func verifyDir(dir, sums string) error {
	want := map[string]bool{}
	scanner := bufio.NewScanner(strings.NewReader(sums))
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) != 2 {
			continue
		}
		want[fields[1]] = true
		if err := cache.Verify(filepath.Join(dir, fields[1]), fields[0]); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !want[entry.Name()] {
			return fmt.Errorf("%s was fetched but has no known checksum", entry.Name())
		}
	}
	return nil
}
