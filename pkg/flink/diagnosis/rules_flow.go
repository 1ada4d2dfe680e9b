package diagnosis

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// flowing are the job's vertices with metrics, where they count.
func (j *job) flowing() []Vertex {
	if !j.running() || j.deleting() || j.standing() < time.Minute {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(j.Flink.Vertices), func(v Vertex) bool {
		return v.Metrics == nil || v.Status != "" && v.Status != api.TaskRunning
	})
}

func share100(f float64) int { return int(math.Round(f * 100)) }

// below are the vertices that read from one, directly or by way of others.
func below(all []Vertex, id string) []Vertex {
	var out []Vertex
	reach := map[string]bool{id: true}
	for range all {
		for _, v := range all {
			if !reach[v.ID] && slices.ContainsFunc(v.Inputs, func(in string) bool { return reach[in] }) {
				reach[v.ID] = true
				out = append(out, v)
			}
		}
	}
	return out
}

var flowRules = []Rule{
	{
		ID: "FLINK-FLOW-BACKPRESSURE", Severity: Warning, Title: "a vertex is too slow for those before it", Link: docPressure,
		Explain:  "Vertices wait because the next one doesn't take their records fast enough. The cause is the first vertex after them that is busy itself and not held up: its parallelism is too small, its work too slow, or what it calls (a database, a sink).",
		Explains: []string{"FLINK-FLOW-LAG", "FLINK-CKPT-ALIGNMENT", "FLINK-CKPT-SLOW", "FLINK-FLOW-WATERMARK"},
		job: func(j *job) []Finding {
			vertices := j.flowing()
			var out []Finding
			for _, v := range vertices {
				m := v.Metrics
				if m.Backpressured > 0.5 || m.Busy < 0.8 {
					continue
				}
				var held []Evidence
				for _, before := range vertices {
					if before.Metrics.Backpressured >= 0.5 && slices.ContainsFunc(below(vertices, before.ID), func(b Vertex) bool { return b.ID == v.ID }) {
						held = append(held, Evidence{Source: "vertex " + before.Name, Text: fmt.Sprintf("backpressured %d%% of the time", share100(before.Metrics.Backpressured))})
					}
				}
				if len(held) == 0 {
					continue
				}
				f := Finding{Subject: "vertex " + v.Name, Means: fmt.Sprintf("%s is busy %d%% of the time and holds up what is before it", oneLine(v.Name), share100(m.Busy)), Evidence: append([]Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("busy %d%%, parallelism %d", share100(m.Busy), v.Parallelism)}}, held...), Cures: look(fmt.Sprintf("give the job more parallelism (this vertex has %d), or see what it spends its time on", v.Parallelism), j.flink("top %s", j.target())), Confidence: Likely}
				if most, sum := skewed(v); sum > 0 {
					f.Means += fmt.Sprintf("; one of its %d subtasks gets %d%% of the records", len(m.Records), int(100*most/sum))
					f.Cures = look("spread the key over the subtasks: more parallelism doesn't help", j.flink("top %s", j.target()))
				} else if m.BusyMean > 0 && m.BusyMean < 0.5 && v.Parallelism > 1 {
					f.Means += fmt.Sprintf("; on the average of its subtasks it is only %d%%: keys are skewed", share100(m.BusyMean))
				}
				out = append(out, f)
			}
			// A vertex that isn't busy and still holds up others waits for
			// something outside, or its metrics don't say.
			if len(out) == 0 {
				for _, v := range vertices {
					if v.Metrics.Backpressured < 0.8 {
						continue
					}
					next := below(vertices, v.ID)
					if slices.ContainsFunc(next, func(b Vertex) bool { return b.Metrics.Backpressured >= 0.5 }) || len(next) == 0 {
						continue
					}
					return []Finding{{Subject: "vertex " + v.Name, Means: fmt.Sprintf("%s is held up %d%% of the time by what comes after it (%s)", oneLine(v.Name), share100(v.Metrics.Backpressured), oneLine(next[0].Name)), Evidence: []Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("backpressured %d%%", share100(v.Metrics.Backpressured))}}, Cures: look("see what the next vertex waits for", j.flink("top %s", j.target())), Confidence: Possible}}
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-FLOW-SKEW", Severity: Warning, Title: "one subtask gets most of the records", Link: docPressure,
		Explain: "The records of a vertex are spread unevenly over its subtasks: a few keys have most of them. More parallelism doesn't help; another key, a salted one, or a first aggregation before the shuffle (for SQL: table.optimizer.agg-phase-strategy TWO_PHASE) does.",
		job: func(j *job) []Finding {
			var out []Finding
			for _, v := range j.flowing() {
				r := v.Metrics.Records
				most, sum := skewed(v)
				if sum == 0 || v.Metrics.Busy < 0.5 {
					continue
				}
				out = append(out, Finding{Subject: "vertex " + v.Name, Means: fmt.Sprintf("one of the %d subtasks of %s has got %d%% of its records", len(r), oneLine(v.Name), int(100*most/sum)), Evidence: []Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("%d records of %d in one subtask, busy %d%%", most, sum, share100(v.Metrics.Busy))}}, Cures: look("spread the key; see the subtasks", j.flink("top %s", j.target())), Confidence: Likely})
			}
			return out
		},
	},
	{
		ID: "FLINK-FLOW-IDLE", Severity: Info, Title: "subtasks of a source get nothing", Link: docWatermarks,
		Explain:  "Some subtasks of a source read nothing: there are fewer partitions than subtasks, or some partitions are empty. Where the job goes by event time, they hold back its watermark, unless they are marked idle (withIdleness, table.exec.source.idle-timeout).",
		Explains: []string{"FLINK-FLOW-WATERMARK"},
		job: func(j *job) []Finding {
			var out []Finding
			held := slices.ContainsFunc(j.flowing(), standsStill)
			for _, v := range j.flowing() {
				if !v.Source() || v.Metrics.SubtasksIdle == 0 || v.Metrics.SubtasksIdle >= v.Parallelism || v.Metrics.Out == 0 {
					continue
				}
				f := Finding{Subject: "vertex " + v.Name, Means: fmt.Sprintf("%d of %d subtasks of %s read nothing", v.Metrics.SubtasksIdle, v.Parallelism, oneLine(v.Name)), Evidence: []Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("%d subtasks without records", v.Metrics.SubtasksIdle)}}}
				if held {
					f.Severity = Warning
					f.Means += ", and the watermark stands still"
					f.Cures = []Cure{{Text: "mark idle partitions: withIdleness in the watermark strategy, for SQL table.exec.source.idle-timeout"}}
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-FLOW-WATERMARK", Severity: Warning, Title: "the watermark stands still", Link: docWatermarks,
		Explain: "Records come in, and the watermark of a vertex doesn't move: windows and timers of event time don't fire, and their state grows. One input or partition that gets no records holds it back, or records without (or with wrong) timestamps.",
		job: func(j *job) []Finding {
			var out []Finding
			for _, v := range j.flowing() {
				if standsStill(v) {
					at := time.UnixMilli(v.Metrics.Watermark).UTC()
					out = append(out, Finding{Subject: "vertex " + v.Name, Means: fmt.Sprintf("the watermark of %s has stood at %s for %s while records came in", oneLine(v.Name), at.Format(time.RFC3339), ago(v.Metrics.Between)), Evidence: []Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("watermark %d, %.0f records/s", v.Metrics.Watermark, v.Metrics.In)}}, Cures: []Cure{{Text: "look for a partition or input without records; mark it idle (withIdleness, for SQL table.exec.source.idle-timeout)"}}, Confidence: Likely})
					break
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-FLOW-LAG", Severity: Warning, Title: "the source falls behind", Link: docKafka,
		Explain: "More records wait in the source than some time ago: they come faster than the job takes them. Where a vertex holds the source up, that one is the cause; else the source itself is at its limit (parallelism up to the number of partitions).",
		job: func(j *job) []Finding {
			var out []Finding
			for _, v := range j.flowing() {
				m := v.Metrics
				if !v.Source() || m.Lag <= 0 || m.LagBefore < 0 || m.Between < 30*time.Second {
					continue
				}
				grown := m.Lag - m.LagBefore
				if grown <= 0 || m.Lag < 1000 || float64(grown) < 0.05*float64(m.LagBefore) {
					continue
				}
				out = append(out, Finding{Subject: "vertex " + v.Name, Means: fmt.Sprintf("%s falls behind: %d records wait, %d more than %s ago", oneLine(v.Name), m.Lag, grown, ago(m.Between)), Evidence: []Evidence{{Source: "vertex " + v.Name, Text: fmt.Sprintf("pendingRecords %d, before %d", m.Lag, m.LagBefore)}}, Cures: look("see where the job is busy, then give it more parallelism", j.flink("top %s", j.target()))})
			}
			return out
		},
	},
}

// skewed is how many records of a vertex its fullest subtask has got, and how many
// there are; both are 0 where they are spread well enough, or too few to say.
func skewed(v Vertex) (most, sum int64) {
	r := v.Metrics.Records
	if v.Source() || len(r) < 2 {
		return 0, 0
	}
	for _, n := range r {
		sum += n
		most = max(most, n)
	}
	mean := float64(sum) / float64(len(r))
	if sum < 10_000 || float64(most) < 3*mean && !(len(r) == 2 && float64(most) > 1.9*mean) {
		return 0, 0
	}
	return most, sum
}

// standsStill reports whether the vertex's watermark didn't move though records
// came in.
func standsStill(v Vertex) bool {
	m := v.Metrics
	return !v.Source() && m.Watermark > 0 && m.Watermark == m.WatermarkBefore && m.Between >= time.Minute && m.In > 0
}
