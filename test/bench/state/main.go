// Command state measures how the plugin looks at state: a _metadata of 100 MB against
// sha256sum, and the room that 10,000 objects take against `mc du`, each in one run.
//
//	go run ./test/bench/state [--bin bin] [--rounds 5] [--only inspect|du] [--kubeconfig FILE --mc PROGRAM]
//
// Without --kubeconfig only the first part is run. The cluster needs MinIO and the
// operator's kinds; what is made there is taken away again.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

type bench struct {
	bin, kubeconfig, kubectl, mc, namespace string
	only                                    string
	rounds                                  int
}

func main() {
	var b bench
	flag.StringVar(&b.bin, "bin", "bin", "directory of the built plugins")
	flag.StringVar(&b.kubeconfig, "kubeconfig", "", "path of the kubeconfig file; none leaves out what needs a cluster")
	flag.StringVar(&b.kubectl, "kubectl", "kubectl", "the kubectl to run")
	flag.StringVar(&b.only, "only", "", "run one part: inspect or du")
	flag.StringVar(&b.mc, "mc", "mc", "the MinIO client to compare with")
	flag.StringVar(&b.namespace, "namespace", "state-bench", "namespace to make and remove")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds; the median of each counts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bin, err := filepath.Abs(b.bin)
	if b.bin = bin; err == nil && b.only != "du" {
		err = b.inspect(ctx)
	}
	if err == nil && b.kubeconfig != "" && b.only != "inspect" {
		err = b.usage(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sample is one finished run: wall time, and the peak of resident memory in KiB.
type sample struct {
	wall time.Duration
	rss  int64
}

// inTurn runs two commands in turn, A B A B …, and gives the median of each.
func (b *bench) inTurn(ours, theirs func() *exec.Cmd) (a, c sample, err error) {
	var samples [2][]sample
	for round := range b.rounds + 1 {
		for i, make := range []func() *exec.Cmd{ours, theirs} {
			s, err := measure(make())
			if err != nil {
				return a, c, err
			}
			if round > 0 { // the first one warms caches
				samples[i] = append(samples[i], s)
			}
		}
	}
	return median(samples[0]), median(samples[1]), nil
}

func measure(command *exec.Cmd) (sample, error) {
	var failed bytes.Buffer
	command.Stderr = &failed
	began := time.Now()
	if err := command.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", command, err, failed.String())
	}
	s := sample{wall: time.Since(began)}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return s, errors.New("this system doesn't tell a process's memory")
	}
	s.rss = usage.Maxrss
	return s, nil
}

func median(samples []sample) sample {
	slices.SortFunc(samples, func(a, b sample) int { return int(a.wall - b.wall) })
	m := sample{wall: samples[len(samples)/2].wall}
	for _, s := range samples {
		m.rss = max(m.rss, s.rss)
	}
	return m
}

func tell(name string, s sample) {
	fmt.Printf("  %-28s %9.0f ms %9.1f MiB at most\n", name, float64(s.wall.Microseconds())/1000, float64(s.rss)/1024)
}

// inspect measures a large _metadata.
func (b *bench) inspect(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "state-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "_metadata")
	size, err := writeMetadata(file)
	if err != nil {
		return err
	}
	fmt.Printf("_metadata of %.0f MB with %d files (median of %d runs each, in turn)\n", float64(size)/1e6, operators*files, b.rounds)
	ours, theirs, err := b.inTurn(func() *exec.Cmd {
		command := exec.CommandContext(ctx, filepath.Join(b.bin, "kubectl-flink"), "snapshot", "inspect", "./")
		command.Dir = dir // a path that begins with . is one of this machine
		return command
	}, func() *exec.Cmd { return exec.CommandContext(ctx, "sha256sum", file) })
	if err != nil {
		return err
	}
	tell("snapshot inspect", ours)
	tell("sha256sum", theirs)
	fmt.Printf("  ratio                        time %.2f, memory %.2f\n", float64(ours.wall)/float64(theirs.wall), float64(ours.rss)/float64(theirs.rss))
	return nil
}

const operators, files = 100, 10_000

// writeMetadata writes the _metadata of an incremental checkpoint, as Flink's version
// 3 of it is.
func writeMetadata(path string) (size int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	put := func(values ...any) {
		for _, v := range values {
			switch v := v.(type) {
			case string:
				_ = binary.Write(out, binary.BigEndian, uint16(len(v)))
				_, _ = out.WriteString(v)
			case int:
				_ = binary.Write(out, binary.BigEndian, int32(v))
			default:
				_ = binary.Write(out, binary.BigEndian, v)
			}
		}
	}
	const magic, none, named, incremental = 0x4960672d, byte(0), byte(2), byte(5)
	put(uint32(magic), 3, int64(7), 0, operators)
	for op := range operators {
		put(int64(op), int64(op), 1, 128, none, 1, 0, 0, 0, incremental, int64(1), "backend", 0, 128, none, files)
		for n := range files {
			put("000042.sst", named, int64(1), fmt.Sprintf("s3://bucket/checkpoints/0123456789abcdef0123456789abcdef/shared/%03d-%06d", op, n))
		}
		put(0, none, 0, 0)
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekCurrent)
}
