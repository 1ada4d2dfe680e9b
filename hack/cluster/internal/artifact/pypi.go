package artifact

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

// Distribution is one Flink release and where its image gets its parts from.
type Distribution struct {
	// Minor names it on the command line and is the image's tag.
	Minor string
	// Release is the exact version on PyPI.
	Release string
	// LibrariesSum is the sha256 sum of apache-flink-libraries' source
	// archive: Flink's lib, opt and plugins.
	LibrariesSum string
	// WheelSum is that of apache-flink's wheel: Flink's bin and conf.
	WheelSum string
}

// Distributions are the Flink releases the cluster knows.
var Distributions = []Distribution{
	{
		Minor:        "1.20",
		Release:      "1.20.5",
		LibrariesSum: "e6aee62ea1a1fe7b32e28894ad079f3f1a50a372a4caac3df52405267f4228c8",
		WheelSum:     "6e8ec098a7c06ea34d01fd540e81d44703a90e3bda74052dcbcbb7db5253c10f",
	},
	{
		Minor:        "2.3",
		Release:      "2.3.0",
		LibrariesSum: "570bf8831d3c1336311e924e97119e52d8842e5485a4a7709ff9a92db709b006",
		WheelSum:     "0e5f612704de1610b153e919c0564b62ad513cddfcf4960f5a021658cdf41a13",
	},
}

// FindDistribution is the distribution of a minor release.
func FindDistribution(minor string) (Distribution, error) {
	var known []string
	for _, d := range Distributions {
		if d.Minor == minor {
			return d, nil
		}
		known = append(known, d.Minor)
	}
	return Distribution{}, fmt.Errorf("no Flink %q here, only %q", minor, known)
}

// distribution fetches the two PyPI packages that together are Flink's
// distribution, as libraries.tar.gz and scripts.whl.
func (f *Factory) distribution(ctx context.Context, d Distribution) (string, error) {
	return f.Cache.Get(ctx, cache.Artifact{
		Name:   "flink-" + d.Release,
		Inputs: []string{d.LibrariesSum, d.WheelSum},
		Build: func(ctx context.Context, dir string) error {
			if err := f.Tools(ctx, "pip"); err != nil {
				return err
			}
			python, err := pythonWithPip(ctx)
			if err != nil {
				return err
			}
			download := func(out, sum, what string, flags ...string) error {
				tmp, err := os.MkdirTemp(dir, "pip-")
				if err != nil {
					return err
				}
				defer func() { _ = os.RemoveAll(tmp) }()
				args := append([]string{"-m", "pip", "download", "-q", "--exists-action", "w", "--no-deps", "--no-cache-dir", "-d", tmp}, flags...)
				args = append(args, what+"=="+d.Release)
				if err := f.twice(ctx, what, func() error { return run.Run(ctx, python, args...) }); err != nil {
					return err
				}
				files, err := filepath.Glob(filepath.Join(tmp, "*"))
				if err != nil || len(files) != 1 {
					return fmt.Errorf("pip fetched %d files for %s instead of one", len(files), what)
				}
				if err := cache.Verify(files[0], sum); err != nil {
					return err
				}
				return os.Rename(files[0], filepath.Join(dir, out))
			}
			// The wheel's tags are pinned because its scripts are the same
			// everywhere, but not every Python finds a wheel for itself.
			return Parallel(ctx,
				func(context.Context) error {
					return download("libraries.tar.gz", d.LibrariesSum, "apache-flink-libraries", "--no-binary", ":all:")
				},
				func(context.Context) error {
					return download("scripts.whl", d.WheelSum, "apache-flink", "--only-binary", ":all:",
						"--python-version", "3.11", "--platform", "manylinux2014_x86_64",
						"--implementation", "cp", "--abi", "cp311")
				})
		},
	})
}

// pythonWithPip is the first Python that has pip: the first on PATH may be a
// bare one.
func pythonWithPip(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "/usr/bin/python3", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if run.Run(ctx, path, "-m", "pip", "--version") == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no python3 with pip")
}
