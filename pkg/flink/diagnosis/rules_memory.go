package diagnosis

import (
	"fmt"
	"strings"
)

var (
	heapFull      = pattern(`OutOfMemoryError: (?:Java heap space|GC overhead limit exceeded)`)
	metaspaceFull = pattern(`OutOfMemoryError: (?:Metaspace|Compressed class space)`)
	directFull    = pattern(`OutOfMemoryError: (?:Direct buffer memory|Cannot reserve|Could not allocate enough memory segments)`)
	noThread      = pattern(`unable to create (?:new )?native thread`)
	buffersFew    = pattern(`Insufficient number of network buffers`)
)

// role is that of the process in which an exception was thrown.
func (e Exception) role() string {
	if e.Where == InJobManager || e.Where == InMain || strings.Contains(e.text(), "JobManager") && e.Task == "" {
		return jobManager
	}
	return taskManager
}

// memoryKeys sets memory of a role; a value is twice what there is now.
func (j *job) double(key string, standard int64) (string, map[string]any) {
	now := standard
	if n, ok := memory(j.conf[key]); ok && n > 0 {
		now = n
	}
	return size(now), map[string]any{key: fmt.Sprintf("%dm", 2*now/mib)}
}

// moreMemory are the cures of a container that is killed for its memory.
func (j *job) moreMemory(role string) []Cure {
	extra := "…jvm-metaspace.size"
	if role == taskManager {
		extra = "…task.off-heap.size"
	}
	out := []Cure{}
	if plan, ok, err := j.plan(role); ok && err == nil && j.kind != kindSessionJob && plan.process > 0 {
		more := plan.process * 3 / 2 / mib
		out = append(out, j.mend(fmt.Sprintf("give it half as much again (it has %s)", size(plan.process)), map[string]any{podField(role): map[string]any{"resource": map[string]any{"memory": fmt.Sprintf("%dm", more)}}}))
	}
	return append(out, Cure{Text: fmt.Sprintf("raise spec.%s.resource.memory, or give off-heap memory more room (%s.memory.jvm-overhead.*, %s)", podField(role), role, extra)})
}

// memoryPart says which part of Flink's memory model is likely to have grown.
func (j *job) memoryPart(p *pod) string {
	plan, ok, err := j.plan(p.role)
	if !ok || err != nil || plan.process == 0 {
		return ""
	}
	limit := int64(0)
	for i := range p.Spec.Containers {
		if p.Spec.Containers[i].Name == mainContainer {
			limit = p.Spec.Containers[i].Resources.Limits.Memory().Value()
		}
	}
	if limit > 0 && limit < plan.process {
		return fmt.Sprintf("; its limit %s is less than the %s that Flink is told to use", size(limit), size(plan.process))
	}
	return fmt.Sprintf("; heap %s, direct %s and metaspace %s are bounded, so that native memory beyond the overhead of %s has grown", size(plan.heap), size(plan.direct), size(plan.metaspace), size(plan.overhead))
}

var memoryRules = []Rule{
	{
		ID: "FLINK-MEM-REFUSED", Severity: Error, Title: "Flink refuses this division of memory", Link: docMemory,
		Explain:  "Flink divides a process's memory into heap, off-heap, managed and network memory, metaspace and the JVM's overhead, some of them as fractions between a least and a most. With these values it doesn't add up, and the process doesn't start. This is computed as Flink does it.",
		Explains: []string{"FLINK-POD-CRASH", theRest},
		spec: func(m *manifest) []Finding {
			if m.kind == kindSessionJob || m.cluster == nil {
				return nil
			}
			var out []Finding
			for _, role := range []string{jobManager, taskManager} {
				if _, ok, err := m.plan(role); ok && err != nil {
					out = append(out, Finding{Subject: "spec." + podField(role), Means: fmt.Sprintf("no %s can start: %s", calledRole(role), err), Evidence: memoryEvidence(m, role), Cures: []Cure{{Text: fmt.Sprintf("raise spec.%s.resource.memory, or lower the parts (%s.memory.*)", podField(role), role)}}})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-MEM-SMALL", Severity: Info, Title: "the heap is very small", Link: docMemory,
		Explain: "Flink starts, but the part of its memory that is left for the heap is less than 128 MiB (for a TaskManager: less than 32 MiB for the tasks). Small jobs run in that; others fail with OutOfMemoryError.",
		spec: func(m *manifest) []Finding {
			if m.kind == kindSessionJob || m.cluster == nil {
				return nil
			}
			var out []Finding
			for role, least := range map[string]int64{jobManager: 128 * mib, taskManager: 32 * mib} {
				plan, ok, err := m.plan(role)
				have, what := plan.heap, "heap"
				if role == taskManager {
					have, what = plan.taskHeap, "task heap"
				}
				if ok && err == nil && plan.process > 0 && have < least {
					out = append(out, Finding{Subject: "spec." + podField(role), Means: fmt.Sprintf("a %s of %s has only %s of %s", calledRole(role), size(plan.process), size(have), what), Evidence: memoryEvidence(m, role), Cures: []Cure{{Text: fmt.Sprintf("raise spec.%s.resource.memory", podField(role))}}})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-MEM-HEAP", Severity: Error, Title: "the Java heap is full", Link: docMemoryHelp,
		Explain:  "OutOfMemoryError: Java heap space (or GC overhead limit exceeded): objects of the job, of a connector or, with the hashmap state backend, its state need more heap than the process has.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			e, _, ok := j.find(heapFull)
			if !ok || !j.matters(e) {
				return nil
			}
			role := e.role()
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("the Java heap of a %s is full", calledRole(role)), Evidence: []Evidence{e.evidence()}}
			if plan, ok, err := j.plan(role); ok && err == nil && plan.process > 0 {
				f.Means += fmt.Sprintf(": it has %s of the process's %s", size(plan.heap), size(plan.process))
			}
			f.Cures = j.moreMemory(role)[:1]
			if e.passes("kafka.common.memory.MemoryPool", "kafka.common.network.NetworkReceive") {
				f.Means += "; or Kafka's client takes the answer of a listener with TLS for a huge size"
				f.Cures = append([]Cure{{Text: "see first that the client's security.protocol is that of the brokers' listener: without TLS on a port with TLS it fails like this, whatever memory it has"}}, f.Cures...)
			}
			if role == taskManager {
				f.Cures = append(f.Cures, Cure{Text: "or give the heap a larger part: taskmanager.memory.task.heap.size, a smaller taskmanager.memory.managed.fraction (managed memory is of no use without RocksDB, Python or batch)"})
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-MEM-METASPACE", Severity: Error, Title: "the JVM's metaspace is full", Link: docMemoryHelp,
		Explain:  "OutOfMemoryError: Metaspace: classes take more room than there is. A job that is restarted often without ever freeing its classes has a leak (threads, drivers, caches that hold on to the class loader); in session clusters each job's classes come on top.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			e, _, ok := j.find(metaspaceFull)
			if !ok || !j.matters(e) {
				return nil
			}
			key := e.role() + ".memory.jvm-metaspace.size"
			now, more := j.double(key, 256*mib)
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("classes take more room than the metaspace of %s", now), Evidence: []Evidence{e.evidence()}, Cures: []Cure{j.mendConf("give it twice as much ("+key+")", more)}}}
		},
	},
	{
		ID: "FLINK-MEM-DIRECT", Severity: Error, Title: "direct memory is full", Link: docMemoryHelp,
		Explain:  "OutOfMemoryError: Direct buffer memory: buffers outside of the heap need more than Flink allows them. User code and connectors count as task off-heap memory, which is 0 unless it is set; Flink's own as framework off-heap memory.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			e, _, ok := j.find(directFull)
			if !ok || !j.matters(e) {
				return nil
			}
			key, own := "taskmanager.memory.task.off-heap.size", "; Flink's own: taskmanager.memory.framework.off-heap.size"
			if e.role() == jobManager {
				key, own = "jobmanager.memory.off-heap.size", ""
			}
			_, more := j.double(key, 64*mib)
			return []Finding{{Subject: j.ref(), Means: "direct memory of a " + calledRole(e.role()) + " is full", Evidence: []Evidence{e.evidence()}, Cures: []Cure{j.mendConf("give it more ("+key+own+")", more)}}}
		},
	},
	{
		ID: "FLINK-MEM-THREADS", Severity: Error, Title: "no more threads can be started", Link: docMemoryHelp,
		Explain:  "\"unable to create native thread\": the pod has as many processes as its node allows (podPidsLimit), or no native memory for another thread's stack. Mostly a client that starts threads with every restart and never ends them.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			return j.thrown(noThread, nil, func(e Exception, _ []string) string {
				return "no more threads can be started: " + e.Telling()
			}, Cure{Text: "look for threads that grow in number", Command: j.flink("rest %s /taskmanagers", j.target()), Safe: true}, Cure{Text: "raise the kubelet's podPidsLimit, or the JVM's overhead (taskmanager.memory.jvm-overhead.max)"})
		},
	},
	{
		ID: "FLINK-MEM-NETWORK", Severity: Error, Title: "there are too few network buffers", Link: docMemoryTM,
		Explain:  "Each exchange between tasks needs buffers, and there are more of them than network memory holds: high parallelism, many shuffles, several slots in one TaskManager.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			e, _, ok := j.find(buffersFew)
			if !ok || !j.matters(e) {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the TaskManagers have too few network buffers: " + oneLine(e.Root().Message), Evidence: []Evidence{e.evidence()}, Cures: []Cure{j.mendConf("give the network a larger part of the memory (0.1 by default)", map[string]any{"taskmanager.memory.network.fraction": "0.2"})}}}
		},
	},
}

// memoryEvidence is what of a spec says how memory is divided.
func memoryEvidence(m *manifest, role string) []Evidence {
	var out []Evidence
	if value := text(m.cluster, podField(role), "resource", "memory"); value != "" {
		out = append(out, field(podField(role)+".resource.memory", value))
	}
	for _, key := range sortedKeys(m.conf) {
		if strings.HasPrefix(key, role+".memory.") && (key != role+".memory.process.size" || len(out) == 0) {
			out = append(out, m.key(key))
		}
	}
	return out
}
