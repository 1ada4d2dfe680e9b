package diagnosis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func operatorSubject(o OperatorFacts) string { return "deployment/" + o.Name }

func operatorSource(o OperatorFacts) string { return "deployment " + o.Namespace + "/" + o.Name }

// stopped reports whether every operator found is scaled to 0.
func stopped(operators []OperatorFacts) bool {
	return len(operators) > 0 && !slices.ContainsFunc(operators, func(o OperatorFacts) bool { return o.Wanted > 0 || o.Ready > 0 })
}

func anyReady(operators []OperatorFacts) bool {
	return slices.ContainsFunc(operators, func(o OperatorFacts) bool { return o.Ready > 0 })
}

// someJobs names the first of some jobs.
func someJobs(jobs []JobInShort) []Evidence {
	var out []Evidence
	for i, job := range jobs {
		if i == 5 {
			out = append(out, Evidence{Source: "jobs", Text: fmt.Sprintf("and %d more", len(jobs)-5)})
			break
		}
		out = append(out, Evidence{Source: strings.ToLower(job.Kind) + " " + job.Namespace + "/" + job.Name, At: job.Changed, Text: fmt.Sprintf("generation %d, observed %d", job.Generation, job.Observed)})
	}
	return out
}

// operatorUp reports whether a pod's containers have run since before a moment.
func operatorUp(facts *PodFacts, now, before time.Time) bool {
	for i := range facts.Pod.Status.ContainerStatuses {
		if r := facts.Pod.Status.ContainerStatuses[i].State.Running; r != nil && !r.StartedAt.Time.Before(before) {
			return false
		}
	}
	return !now.IsZero()
}

// operatorTakes reports whether a release of the operator knows a Flink version.
func operatorTakes(operator, flink int) bool {
	for _, since := range []struct{ flink, operator int }{{203, 116}, {201, 113}, {200, 111}, {120, 110}, {119, 107}, {118, 106}, {117, 104}} {
		if flink >= since.flink {
			return operator >= since.operator
		}
	}
	return flink >= 115 || operator < 107
}

// watched reports whether one of the operators looks after a namespace, or that
// isn't known.
func watched(operators []OperatorFacts, namespace string) bool {
	return len(operators) == 0 || slices.ContainsFunc(operators, func(o OperatorFacts) bool { yes, _ := o.Watches(namespace); return yes })
}

func watchEvidence(operators []OperatorFacts) []Evidence {
	var out []Evidence
	for _, o := range operators {
		what := "all namespaces"
		if len(o.Watched) > 0 {
			what = strings.Join(o.Watched, ", ")
		}
		out = append(out, Evidence{Source: operatorSource(o), Text: "watches " + what})
	}
	return out
}

func watchCure(operators []OperatorFacts, namespace string) []Cure {
	names := slices.Clone(operators[0].Watched)
	names = append(names, namespace)
	return []Cure{{Text: "let the operator watch it, as it was installed by Helm", Command: fmt.Sprintf("helm upgrade %s flink-operator-repo/flink-kubernetes-operator -n %s --reuse-values --set watchNamespaces=%s", word(operators[0].Name), word(operators[0].Namespace), word("{"+strings.Join(names, ",")+"}"))}}
}

func stoppedFinding(operators []OperatorFacts) Finding {
	f := Finding{Subject: operatorSubject(operators[0]), Means: "the operator is not running: its Deployment is scaled to 0"}
	for _, o := range operators {
		f.Evidence = append(f.Evidence, Evidence{Source: operatorSource(o), Text: fmt.Sprintf("%d of %d replicas ready", o.Ready, o.Wanted)})
		f.Cures = append(f.Cures, startFix(o).cure("start it"))
	}
	return f
}

func operatorCrashes(operators []OperatorFacts, now time.Time) []Finding {
	var out []Finding
	for _, o := range operators {
		for k := range o.Pods {
			p, ok := readPod(&o.Pods[k], now)
			if !ok || p.deleting {
				continue
			}
			for n := range p.containers {
				c := &p.containers[n]
				why := ""
				switch {
				case c.failing():
					why = "ended with " + ending(c.end) + withText(c.said(true))
					if e, ok := exceptionIn(c.log); ok {
						why = "ended with " + ending(c.end) + ": " + e.Telling()
					}
				case slices.Contains(imageReasons, c.reason), strings.HasPrefix(c.reason, "CreateContainer"):
					why = c.reason + withText(c.message)
				default:
					continue
				}
				at := time.Time{}
				if c.end != nil {
					at = c.end.FinishedAt.Time
				}
				out = append(out, Finding{
					Subject: "pod/" + p.name, Means: fmt.Sprintf("container %s of operator %s/%s: %s", c.name, o.Namespace, o.Name, why),
					Evidence: []Evidence{{Source: p.source(c), At: at, Text: why + ", restarted " + strconv.Itoa(int(c.restarts)) + " times"}},
					Cures:    look("see what it wrote", fmt.Sprintf("kubectl logs %s -n %s -c %s --previous", word(p.name), word(o.Namespace), word(c.name))),
				})
			}
			if p.unscheduled != "" && p.age > slowSight {
				out = append(out, Finding{Subject: "pod/" + p.name, Means: "the operator's pod finds no node: " + oneLine(p.unscheduled), Evidence: []Evidence{{Source: "pod/" + p.name, Text: oneLine(p.unscheduled)}}, Cures: look("see the scheduler's reasons", fmt.Sprintf("kubectl describe pod %s -n %s", word(p.name), word(o.Namespace)))})
			}
		}
	}
	return out
}
