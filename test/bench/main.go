// Command bench compares the plugins with kubectl in one run: it calls both in
// turn, A B A B …, and prints ratios, because times alone say more about the
// machine than about the program.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "directory of the built plugins")
	runs := flag.Int("runs", 21, "counted runs of each command")
	flag.Parse()
	if err := start(*bin, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sample is one finished run: wall time, and the peak of resident memory in
// KiB.
type sample struct {
	wall time.Duration
	rss  int64
}

func start(bin string, runs int) error {
	assets := exec.Command("go", "-C", "hack/cluster", "run", ".", "assets")
	assets.Stderr = os.Stderr
	dir, err := assets.Output()
	if err != nil {
		return fmt.Errorf("find kubectl: %w", err)
	}
	kubectl := filepath.Join(strings.TrimSpace(string(dir)), "kubectl")
	fmt.Printf("start-up (--help, median of %d runs each, in turn)\n", runs)
	fmt.Printf("  %-14s %8s %9s %9s   ratio to kubectl\n", "", "size MB", "time ms", "peak MiB")
	for _, name := range []string{"kubectl-flink", "kubectl-cmf"} {
		program := filepath.Join(bin, name)
		ours, theirs, err := compare(runs, []string{program, "--help"}, []string{kubectl, "--help"})
		if err != nil {
			return err
		}
		size, err := os.Stat(program)
		if err != nil {
			return err
		}
		fmt.Printf("  %-14s %8.1f %9.1f %9.1f   time %.2f, memory %.2f\n", name, float64(size.Size())/1e6,
			ms(ours.wall), mib(ours.rss), ms(ours.wall)/ms(theirs.wall), mib(ours.rss)/mib(theirs.rss))
		fmt.Printf("  %-14s %8s %9.1f %9.1f\n", "kubectl", "", ms(theirs.wall), mib(theirs.rss))
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func mib(kib int64) float64      { return float64(kib) / 1024 }

// compare runs two commands in turn and gives the median of each.
func compare(runs int, a, b []string) (sample, sample, error) {
	var as, bs []sample
	for i := range runs + 1 {
		for _, c := range []struct {
			args []string
			to   *[]sample
		}{{a, &as}, {b, &bs}} {
			s, err := once(c.args)
			if err != nil {
				return sample{}, sample{}, err
			}
			// The first run of each warms the page cache.
			if i > 0 {
				*c.to = append(*c.to, s)
			}
		}
	}
	return median(as), median(bs), nil
}

func once(args []string) (sample, error) {
	command := exec.Command(args[0], args[1:]...)
	command.Stdout, command.Stderr = io.Discard, io.Discard
	began := time.Now()
	if err := command.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	s := sample{wall: time.Since(began)}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return s, errors.New("this system doesn't report a process's memory")
	}
	s.rss = usage.Maxrss
	return s, nil
}

func median(samples []sample) sample {
	sort.Slice(samples, func(i, j int) bool { return samples[i].wall < samples[j].wall })
	m := sample{wall: samples[len(samples)/2].wall}
	sort.Slice(samples, func(i, j int) bool { return samples[i].rss < samples[j].rss })
	m.rss = samples[len(samples)/2].rss
	return m
}
