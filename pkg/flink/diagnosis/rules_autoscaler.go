package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const autoscalerSource = "documentation and source of the operator's autoscaler (1.15)"

// named is a vertex as people know it.
func (j *job) named(id string) string {
	for _, v := range j.Flink.Vertices {
		if v.ID == id {
			return oneLine(v.Name)
		}
	}
	return "vertex " + id
}

// inWords puts vertices' names for their ids in a text.
func (j *job) inWords(message string) string {
	for _, v := range j.Flink.Vertices {
		message = strings.ReplaceAll(message, v.ID, v.Name)
	}
	return oneLine(message)
}

func (j *job) scales() bool {
	return j.conf["job.autoscaler.enabled"] == "true" && !j.deleting() && !j.over()
}

// scalingEvent is a finding about the newest event of a reason, within 6 hours.
func (j *job) scalingEvent(reason, means string, cures ...Cure) []Finding {
	e, ok := j.event(nil, reason)
	if !ok || !j.scales() || j.age(e.at) > 6*time.Hour {
		return nil
	}
	return []Finding{{Subject: j.ref(), Means: means + ": " + j.inWords(e.message), Evidence: []Evidence{e.evidence()}, Cures: cures}}
}

var autoscalerRules = []Rule{
	{
		ID: "FLINK-AUTO-NO-EFFECT", Severity: Warning, Title: "the autoscaler's decisions have no effect", Link: docAutoscaler, Source: "FLINK-38770",
		Explain: "The autoscaler has set parallelisms for vertices, and the job runs with others, minutes later. In native application mode some versions don't hand the overrides (pipeline.jobvertex-parallelism-overrides) to the job (FLINK-38770); a parallelism that the job's code sets itself stays as well when its vertices are excluded.",
		job: func(j *job) []Finding {
			if !j.scales() || !j.running() || j.Autoscaler == nil || j.conf["job.autoscaler.scaling.enabled"] == "false" {
				return nil
			}
			if len(j.Autoscaler.Decisions) > 0 && j.age(j.Autoscaler.Decisions[0].At) < 10*time.Minute || j.standing() < 5*time.Minute {
				return nil
			}
			var evidence []Evidence
			for _, v := range j.Flink.Vertices {
				if n, ok := j.Autoscaler.Overrides[v.ID]; ok && n != v.Parallelism {
					evidence = append(evidence, Evidence{Source: "vertex " + v.Name, Text: fmt.Sprintf("parallelism %d, autoscaler's %d", v.Parallelism, n)})
				}
			}
			if len(evidence) == 0 {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("%d vertices don't run with the parallelism that the autoscaler has set", len(evidence)), Evidence: evidence, Cures: []Cure{{Text: "upgrade the operator; until then restart the job, so that it takes the overrides", Command: j.flink("restart %s", j.target())}}, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-AUTO-ERROR", Severity: Warning, Title: "the autoscaler fails", Link: docAutoscaler, Source: autoscalerSource,
		Explain: "The autoscaler couldn't judge or scale the job; its event says why. Nothing is scaled until it can.",
		job: func(j *job) []Finding {
			return j.scalingEvent("AutoscalerError", "the autoscaler fails", Cure{Text: "see its events", Command: j.flink("events %s", j.target()), Safe: true})
		},
	},
	{
		ID: "FLINK-AUTO-INEFFECTIVE", Severity: Warning, Title: "scaling up didn't help", Link: docAutoscaler, Source: autoscalerSource,
		Explain: "The last scaling of a vertex brought less than a tenth of what was expected (job.autoscaler.scaling.effectiveness.threshold): more parallelism doesn't make it faster. It waits for something outside, or its keys are skewed. With detection enabled the autoscaler stops scaling it up.",
		job: func(j *job) []Finding {
			return j.scalingEvent("IneffectiveScaling", "scaling up didn't make the vertex faster", Cure{Text: "look for skew, and for what the vertex waits for", Command: j.flink("top %s", j.target()), Safe: true})
		},
	},
	{
		ID: "FLINK-AUTO-MEMORY", Severity: Warning, Title: "memory pressure stops the autoscaler", Link: docAutoscaler, Source: autoscalerSource,
		Explain: "The heap is fuller, or garbage collection takes longer, than job.autoscaler.memory.heap-usage.threshold and …gc-pressure.threshold allow: the autoscaler doesn't scale until that is over.",
		job: func(j *job) []Finding {
			if !j.scales() {
				return nil
			}
			return j.scalingEvent("MemoryPressure", "the autoscaler doesn't scale because memory is short", j.moreMemory(taskManager)...)
		},
	},
	{
		ID: "FLINK-AUTO-QUOTA", Severity: Warning, Title: "the quota stops the autoscaler", Link: docAutoscaler, Source: autoscalerSource,
		Explain: "The next scaling would need more CPU or memory than job.autoscaler.quota.cpu / …quota.memory, or than the cluster has: it isn't done.",
		job: func(j *job) []Finding {
			return j.scalingEvent("ResourceQuotaReached", "the autoscaler's quota is reached", Cure{Text: "raise job.autoscaler.quota.cpu / .memory, or lower the parallelism elsewhere"})
		},
	},
	{
		ID: "FLINK-AUTO-MAX", Severity: Warning, Title: "a vertex is at the autoscaler's maximum", Link: docAutoscaler, Source: autoscalerSource,
		Explain: "A vertex runs with job.autoscaler.vertex.max-parallelism (200 by default), or with its own maximum parallelism, and is busy all the same: the autoscaler can't give it more.",
		job: func(j *job) []Finding {
			if !j.scales() || !j.running() {
				return nil
			}
			most := 200
			if n := number(map[string]any{"n": j.conf["job.autoscaler.vertex.max-parallelism"]}, "n"); n > 0 {
				most = int(n)
			}
			for _, v := range j.flowing() {
				limit := most
				if v.Max > 0 {
					limit = min(limit, v.Max)
				}
				if v.Parallelism >= limit && v.Metrics.Busy >= 0.8 {
					return []Finding{{Subject: "vertex " + v.Name, Means: fmt.Sprintf("%s is at the maximum of %d that the autoscaler may give it, and busy %d%% of the time", oneLine(v.Name), limit, share100(v.Metrics.Busy)), Evidence: []Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("parallelism %d, max parallelism %d", v.Parallelism, v.Max)}}, Cures: []Cure{{Text: "raise job.autoscaler.vertex.max-parallelism, as far as the vertex's maximum parallelism and its partitions go"}}}}
				}
			}
			return nil
		},
	},
	{
		ID: "FLINK-AUTO-EXCLUDED", Severity: Info, Title: "vertices are left out of autoscaling", Link: docAutoscaler, Source: autoscalerSource,
		Explain: "job.autoscaler.vertex.exclude.ids names vertices that the autoscaler doesn't touch. Those after them are still scaled by what they send.",
		job: func(j *job) []Finding {
			ids := strings.FieldsFunc(j.conf["job.autoscaler.vertex.exclude.ids"], func(r rune) bool { return r == ';' || r == ',' })
			if !j.scales() || len(ids) == 0 {
				return nil
			}
			var names []string
			unknown := false
			for _, id := range ids {
				id = strings.TrimSpace(id)
				names = append(names, j.named(id))
				unknown = unknown || len(j.Flink.Vertices) > 0 && !slices.ContainsFunc(j.Flink.Vertices, func(v Vertex) bool { return v.ID == id })
			}
			f := Finding{Subject: j.ref(), Means: "the autoscaler leaves out " + strings.Join(names, ", "), Evidence: []Evidence{j.key("job.autoscaler.vertex.exclude.ids")}}
			if unknown {
				f.Means += "; not all of these are vertices of the job"
			}
			return []Finding{f}
		},
	},
}
