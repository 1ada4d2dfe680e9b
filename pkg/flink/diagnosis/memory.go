package diagnosis

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// memoryPlan is how Flink divides a process's memory, in bytes.
type memoryPlan struct {
	process, flink, heap, taskHeap, managed, network, direct, metaspace, overhead int64
}

// planMemory divides a TaskManager's or JobManager's memory as Flink does. Its
// error says why Flink wouldn't start the process. ok is false where no total
// size is given or a value can't be read.
func planMemory(c config, role string) (plan memoryPlan, ok bool, err error) {
	r := memoryReader{config: c, prefix: role + ".memory."}
	if role == taskManager {
		plan, err = r.taskManager()
	} else {
		plan, err = r.jobManager()
	}
	return plan, !r.unreadable && !r.without, err
}

type memoryReader struct {
	config config
	prefix string
	// unreadable says that a value is no size, without that no total is given.
	unreadable, without bool
}

func (r *memoryReader) raw(key string) string {
	value := r.config[r.prefix+key]
	if value == "" && strings.HasPrefix(key, "network.") && r.prefix == "taskmanager.memory." {
		value = r.config["taskmanager.network.memory."+strings.TrimPrefix(key, "network.")]
	}
	if value == "" && key == "managed.size" {
		value = r.config[r.prefix+"size"]
	}
	return value
}

func (r *memoryReader) isSet(key string) bool { return r.raw(key) != "" }

func (r *memoryReader) size(key string, standard int64) int64 {
	value := r.raw(key)
	if value == "" {
		return standard
	}
	n, ok := memory(value)
	if !ok {
		r.unreadable = true
	}
	return n
}

// fraction is a float32 in Flink, which shows in the last bytes.
func (r *memoryReader) fraction(key string, standard float32) float64 {
	value := r.raw(key)
	if value == "" {
		return float64(standard)
	}
	f, err := strconv.ParseFloat(value, 32)
	if err != nil {
		r.unreadable = true
	}
	return float64(float32(f))
}

// share is n times f, cut to whole bytes; exactly, as Flink computes it.
func share(n int64, f float64) int64 {
	factor, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	if !ok {
		return 0
	}
	product := factor.Mul(factor, new(big.Rat).SetInt64(n))
	return new(big.Int).Quo(product.Num(), product.Denom()).Int64()
}

const mib = int64(1 << 20)

// fractionRange is a part that is a fraction between a least and a most.
type fractionRange struct {
	name        string
	least, most int64
	fraction    float64
}

func (r *memoryReader) fractionOf(part, name string, least, most int64, fraction float32) (fractionRange, error) {
	out := fractionRange{name, r.size(part+".min", least), r.size(part+".max", most), r.fraction(part+".fraction", fraction)}
	if !r.unreadable && (out.least > out.most || out.fraction < 0 || out.fraction >= 1) {
		return out, fmt.Errorf("%s%s: fraction %g, min %s and max %s don't go together", r.prefix, part, out.fraction, size(out.least), size(out.most))
	}
	return out, nil
}

func (f fractionRange) bound(n int64) int64 { return min(max(n, f.least), f.most) }

// of is the part of a whole that contains it, on top of the rest without it.
func (f fractionRange) of(whole int64) int64 { return f.bound(share(whole, f.fraction)) }

func (f fractionRange) onTopOf(rest int64) int64 {
	return f.bound(share(rest, f.fraction/(1-f.fraction)))
}

func (f fractionRange) check(n int64) error {
	if n < f.least || n > f.most {
		return fmt.Errorf("%s comes to %s, which isn't between %s and %s", f.name, size(n), size(f.least), size(f.most))
	}
	return nil
}

// around lays the JVM's own memory around Flink's. inner divides Flink's.
func (r *memoryReader) around(explicit bool, inner func(total int64) (memoryPlan, error)) (memoryPlan, error) {
	metaspace := r.size("jvm-metaspace.size", 256*mib)
	overhead, err := r.fractionOf("jvm-overhead", "the JVM's overhead", 192*mib, 1024*mib, 0.1)
	if err != nil {
		return memoryPlan{}, err
	}
	process, flink := r.size("process.size", 0), r.size("flink.size", 0)
	if !explicit && !r.isSet("flink.size") {
		if !r.isSet("process.size") {
			r.without = true
			return memoryPlan{}, nil
		}
		above := overhead.of(process)
		if metaspace+above > process {
			return memoryPlan{}, fmt.Errorf("the JVM's metaspace (%s) and overhead (%s) are more than the whole process (%s)", size(metaspace), size(above), size(process))
		}
		plan, err := inner(process - metaspace - above)
		plan.process, plan.metaspace, plan.overhead = process, metaspace, above
		return plan, err
	}
	plan, err := inner(flink)
	if err != nil {
		return plan, err
	}
	plan.metaspace = metaspace
	if !r.isSet("process.size") {
		plan.overhead = overhead.onTopOf(plan.flink + metaspace)
		plan.process = plan.flink + metaspace + plan.overhead
		return plan, nil
	}
	if plan.flink+metaspace > process {
		return plan, fmt.Errorf("Flink's own memory (%s) and the metaspace (%s) are more than the whole process (%s)", size(plan.flink), size(metaspace), size(process)) //nolint:staticcheck // a name
	}
	plan.process, plan.overhead = process, process-plan.flink-metaspace
	return plan, overhead.check(plan.overhead)
}

func (r *memoryReader) taskManager() (memoryPlan, error) {
	framework, frameworkOff := r.size("framework.heap.size", 128*mib), r.size("framework.off-heap.size", 128*mib)
	taskOff := r.size("task.off-heap.size", 0)
	explicit := r.isSet("task.heap.size") && r.isSet("managed.size")
	return r.around(explicit, func(total int64) (memoryPlan, error) {
		network, err := r.fractionOf("network", "network memory", 64*mib, math.MaxInt64, 0.1)
		if err != nil {
			return memoryPlan{}, err
		}
		plan := memoryPlan{flink: total}
		plan.managed = r.size("managed.size", 0)
		if !r.isSet("managed.size") {
			fraction := r.fraction("managed.fraction", 0.4)
			if fraction < 0 || fraction > 1 {
				return plan, fmt.Errorf("%smanaged.fraction is %g, which is no fraction", r.prefix, fraction)
			}
			plan.managed = share(total, fraction)
		}
		fixed := framework + frameworkOff + taskOff + plan.managed
		switch {
		case explicit && !r.isSet("flink.size"):
			plan.taskHeap = r.size("task.heap.size", 0)
			plan.network = network.onTopOf(fixed + plan.taskHeap)
			plan.flink = fixed + plan.taskHeap + plan.network
		case r.isSet("task.heap.size"):
			plan.taskHeap = r.size("task.heap.size", 0)
			if fixed+plan.taskHeap > total {
				return plan, r.tooMuch(total, framework, frameworkOff, taskOff, plan)
			}
			plan.network = total - fixed - plan.taskHeap
			if err := network.check(plan.network); err != nil {
				return plan, err
			}
		default:
			plan.network = network.of(total)
			if fixed+plan.network > total {
				return plan, r.tooMuch(total, framework, frameworkOff, taskOff, plan)
			}
			plan.taskHeap = total - fixed - plan.network
		}
		plan.heap, plan.direct = framework+plan.taskHeap, frameworkOff+taskOff+plan.network
		return plan, nil
	})
}

func (r *memoryReader) tooMuch(total, framework, frameworkOff, taskOff int64, plan memoryPlan) error {
	return fmt.Errorf("the parts are more than Flink's memory (%s): framework heap %s and off-heap %s, task heap %s and off-heap %s, managed %s, network %s",
		size(total), size(framework), size(frameworkOff), size(plan.taskHeap), size(taskOff), size(plan.managed), size(plan.network))
}

func (r *memoryReader) jobManager() (memoryPlan, error) {
	off := r.size("off-heap.size", 128*mib)
	explicit := r.isSet("heap.size")
	return r.around(explicit, func(total int64) (memoryPlan, error) {
		plan := memoryPlan{flink: total, direct: off}
		switch {
		case explicit && !r.isSet("flink.size"):
			plan.heap = r.size("heap.size", 0)
			plan.flink = plan.heap + off
		case explicit:
			plan.heap = r.size("heap.size", 0)
			if plan.heap > total {
				return plan, fmt.Errorf("the heap (%s) is more than Flink's memory (%s)", size(plan.heap), size(total))
			}
			plan.direct = total - plan.heap
			if r.isSet("off-heap.size") && plan.direct != off {
				return plan, fmt.Errorf("the heap (%s) and off-heap memory (%s) aren't together Flink's memory (%s)", size(plan.heap), size(off), size(total))
			}
		case off > total:
			return plan, fmt.Errorf("off-heap memory (%s) is more than Flink's memory (%s)", size(off), size(total))
		default:
			plan.heap = total - off
		}
		return plan, nil
	})
}
