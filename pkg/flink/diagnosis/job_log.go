package diagnosis

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// takenForEnded is what a JobManager logs of a job whose end it has on record.
// Flink 1.20 speaks of a JobGraph, 2.x of an ExecutionPlan.
const takenForEnded = "already reached a globally-terminal state"

// logged is the last line of the JobManager's log with some words in it.
func (j *job) logged(words string) (LogLine, bool) {
	for _, line := range slices.Backward(j.Flink.Log) {
		if strings.Contains(line.Text, words) {
			return line, true
		}
	}
	return LogLine{}, false
}

// workerEnd is a TaskManager that ended, as the JobManager's log tells. In
// native mode Flink deletes the pod at once.
type workerEnd struct {
	pod, container, reason string
	// message is the node's, where it ended the pod.
	message string
	code    int
	at      time.Time
	line    string
}

// refusal is a pod that the JobManager couldn't create.
type refusal struct {
	at   time.Time
	why  string
	line string
}

var (
	toStateless  = pattern(`upgradeMode : \S+ -> stateless\b`)
	toItsEnd     = pattern(`changed from \w+ to (?:CANCELED|FAILED|FINISHED)$`)
	workerEnded  = pattern(`Worker (\S+) is terminated\. Diagnostics: (.*)$`)
	terminations = pattern(`container termination statuses: \[(.*?)\](?:, pod status: (\w+)(?:\(reason=([^,)]*), message=(.*)\))?|$|\s)`)
	containerEnd = pattern(`([\w.-]+)\(exitCode=(-?\d+), reason=([^,]*), message=`)
	notCreated   = pattern(`Could not create pod (\S+?),? exception: (.*)$`)
	serversWord  = pattern(`Message: (.*?)\.? Received status`)
)

// neverRan is the reason of a pod that ended before its containers ran.
const neverRan = "BeforeItsContainers"

// readLog finds the pods that ended, and those that couldn't be created, in a
// JobManager's log; newest first.
func readLog(log []LogLine) (ends []workerEnd, refused []refusal) {
	for _, line := range slices.Backward(log) {
		if found := notCreated.FindStringSubmatch(line.Text); found != nil {
			why := ReadException(found[2], line.At, InScheduler).Root().String()
			if said := serversWord.FindStringSubmatch(found[2]); said != nil {
				why = said[1]
			}
			refused = append(refused, refusal{line.At, why, line.Text})
			continue
		}
		found := workerEnded.FindStringSubmatch(line.Text)
		if found == nil {
			continue
		}
		end := workerEnd{pod: found[1], at: line.At, line: line.Text}
		if inner := terminations.FindStringSubmatch(found[2]); inner != nil {
			for _, c := range containerEnd.FindAllStringSubmatch(inner[1], -1) {
				code, err := strconv.Atoi(c[2])
				if err != nil || code == 0 && end.container != "" || end.container == mainContainer {
					continue
				}
				if end.container == "" || code != 0 {
					end.container, end.code, end.reason = c[1], code, c[3]
				}
			}
			if inner[1] == "" && inner[2] == "Failed" {
				end.reason = neverRan
			}
			if slices.Contains(nodeReasons, inner[3]) {
				end.container, end.code, end.reason, end.message = "", 0, inner[3], inner[4]
			}
		}
		if end.reason != "" {
			ends = append(ends, end)
		}
	}
	return ends, refused
}

// stillRefused is the newest refusal, if no TaskManager was let in since.
func (j *job) stillRefused() (refusal, bool) {
	if len(j.refused) == 0 || j.over() {
		return refusal{}, false
	}
	r := j.refused[0]
	if !r.at.IsZero() && (j.age(r.at) > 5*time.Minute || slices.ContainsFunc(j.pods, func(p pod) bool { return p.role == taskManager && p.created.After(r.at) })) {
		return refusal{}, false
	}
	return r, true
}

// endsLike are the TaskManagers that ended in a way in the last hour, newest
// first.
func (j *job) endsLike(fits func(workerEnd) bool) []workerEnd {
	var out []workerEnd
	for _, e := range j.ends {
		if fits(e) && (e.at.IsZero() || j.age(e.at) < time.Hour) {
			out = append(out, e)
		}
	}
	return out
}
