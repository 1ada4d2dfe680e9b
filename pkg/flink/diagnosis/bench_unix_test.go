//go:build unix

package diagnosis

import (
	"syscall"
	"testing"
	"time"
)

// spent is the processor time of this process. Other work on the machine
// doesn't count.
func spent(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// The engine judges all jobs of a large cluster while somebody waits.
func BenchmarkFiveThousandJobs(b *testing.B) {
	all := trials()
	facts := make([]*JobFacts, 0, 5000)
	for i := range 5000 {
		if i%5 == 0 {
			facts = append(facts, with(all[(i/5)%len(all)].yes))
			continue
		}
		facts = append(facts, healthy())
	}
	Job(facts[0]) // reads the table of keys
	before := spent(b)
	for b.Loop() {
		for _, f := range facts {
			Job(f)
		}
	}
	each := (spent(b) - before) / time.Duration(b.N)
	b.ReportMetric(each.Seconds(), "cpu-s/op")
	if each > time.Second {
		b.Errorf("%s of processor time for 5,000 jobs, more than 1s", each)
	}
}
