package diagnosis

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// specStateRules are about where a spec keeps state, and whether it is carried over.
var specStateRules = []Rule{
	{
		ID: "FLINK-SPEC-CHECKPOINT-DIR", Severity: Error, Title: "the upgrade mode needs a checkpoint directory", Link: docJobs,
		Explain: "upgradeMode savepoint and last-state carry state over, and the operator refuses them without execution.checkpointing.dir (state.checkpoints.dir before Flink 1.20). Directories that the operator's own default configuration gives aren't seen in a manifest.",
		spec: func(m *manifest) []Finding {
			if !m.runsJob() || m.cluster == nil || m.mode() == api.UpgradeStateless || m.conf.checkpointDir() != "" {
				return nil
			}
			f := Finding{Subject: "spec.flinkConfiguration", Means: "upgradeMode " + m.mode() + " needs a checkpoint directory, and none is configured", Evidence: []Evidence{field("job.upgradeMode", m.mode())}, Cures: []Cure{{Text: "set execution.checkpointing.dir (state.checkpoints.dir before Flink 1.20)"}}, Confidence: Likely}
			if observed := number(m.object.Object, "status", "observedGeneration"); observed > 0 {
				f.Severity = Info // the operator has accepted one: its defaults have it
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-SPEC-SAVEPOINT-DIR", Severity: Error, Title: "the upgrade mode needs a savepoint directory", Link: docJobs,
		Explain: "upgradeMode savepoint, periodic savepoints and savepointTriggerNonce need execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20); the operator refuses them without. One in the operator's default configuration isn't seen in a manifest.",
		spec: func(m *manifest) []Finding {
			why := ""
			var evidence Evidence
			switch {
			case !m.runsJob() || m.cluster == nil || m.conf.savepointDir() != "":
				return nil
			case m.mode() == api.UpgradeSavepoint:
				why, evidence = "upgradeMode savepoint", field("job.upgradeMode", api.UpgradeSavepoint)
			case m.conf["kubernetes.operator.periodic.savepoint.interval"] != "" && m.conf["kubernetes.operator.periodic.savepoint.interval"] != "0":
				why, evidence = "kubernetes.operator.periodic.savepoint.interval", m.key("kubernetes.operator.periodic.savepoint.interval")
			case m.conf["kubernetes.operator.job.savepoint-on-deletion"] == "true":
				why, evidence = "kubernetes.operator.job.savepoint-on-deletion", m.key("kubernetes.operator.job.savepoint-on-deletion")
			default:
				return nil
			}
			f := Finding{Subject: "spec.flinkConfiguration", Means: why + " needs a savepoint directory, and none is configured", Evidence: []Evidence{evidence}, Cures: []Cure{{Text: "set execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20)"}}, Confidence: Likely}
			if number(m.object.Object, "status", "observedGeneration") > 0 {
				f.Severity = Info
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-SPEC-LAST-STATE", Severity: Warning, Title: "last-state without high availability or checkpoints", Link: docJobs,
		Explain: "upgradeMode last-state goes on from the last checkpoint. Without checkpoints there is none. Without high availability the way to it is only known while the JobManager runs: if it is down when an upgrade comes, the job can't be carried over.",
		spec: func(m *manifest) []Finding {
			if !m.runsJob() || m.mode() != api.UpgradeLastState || m.cluster == nil || m.kind == kindSessionJob {
				return nil
			}
			if m.conf.ha() == "" {
				return []Finding{{Subject: "spec.job.upgradeMode", Means: "upgradeMode last-state without high availability: where the last checkpoint is is only known while the JobManager runs", Evidence: []Evidence{field("job.upgradeMode", api.UpgradeLastState), {Source: "configuration", Text: "high-availability.type: not set"}}, Cures: []Cure{m.setConf("turn high availability on", map[string]any{"high-availability.type": "kubernetes", haDirKey: haDirOf(m)})}}}
			}
			if m.conf["execution.checkpointing.interval"] == "" && m.conf["kubernetes.operator.periodic.checkpoint.interval"] == "" {
				return []Finding{{Severity: Info, Subject: "spec.job.upgradeMode", Means: "upgradeMode last-state, and no checkpoint interval is configured; if the job's code sets none either, an upgrade never finds a checkpoint", Evidence: []Evidence{field("job.upgradeMode", api.UpgradeLastState), {Source: "configuration", Text: "execution.checkpointing.interval: not set"}}, Cures: []Cure{m.setConf("take one every minute", map[string]any{"execution.checkpointing.interval": "1 min"})}, Confidence: Possible}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SPEC-STATELESS", Severity: Info, Title: "an upgrade starts without state", Link: docJobs,
		Explain: "upgradeMode is stateless (the default), and the job takes checkpoints: every change of the spec that redeploys it, and every suspend, throws its state away. That is right for jobs that can begin from nothing; for others use last-state or savepoint.",
		spec: func(m *manifest) []Finding {
			if !m.runsJob() || m.mode() != api.UpgradeStateless || m.conf["execution.checkpointing.interval"] == "" || !m.streaming() {
				return nil
			}
			f := Finding{Subject: "spec.job.upgradeMode", Means: "upgradeMode stateless on a job that takes checkpoints: an upgrade or suspend throws its state away", Evidence: []Evidence{field("job.upgradeMode", api.UpgradeStateless), m.key("execution.checkpointing.interval")}}
			if m.conf.savepointDir() != "" && m.conf.checkpointDir() != "" {
				f.Cures = []Cure{{Text: "carry the state over by savepoints", Command: m.patch(map[string]any{"job": map[string]any{"upgradeMode": api.UpgradeSavepoint}}), Safe: true}}
			} else {
				f.Cures = []Cure{{Text: "set upgradeMode to savepoint or last-state, and the directories that they need"}}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-SPEC-STATELESS-RESUME", Severity: Warning, Title: "the suspended job would resume without its state", Link: docJobs,
		Explain: "The job was suspended with its state saved, and upgradeMode is stateless now: when it is resumed it starts empty. So it happens when a manifest in Git with upgradeMode stateless is applied again.",
		job: func(j *job) []Finding {
			path := text(j.object.Object, "status", "jobStatus", "upgradeSavepointPath")
			if !j.runsJob() || j.lifecycle != api.LifecycleSuspended || j.mode() != api.UpgradeStateless || path == "" {
				return nil
			}
			cure := j.mend("have it resume from its savepoint", map[string]any{"job": map[string]any{"upgradeMode": api.UpgradeSavepoint}})
			cure.Safe = true
			if j.conf.savepointDir() == "" {
				cure.Fix = nil // the operator asks for the directory
			}
			return []Finding{{Subject: "spec.job.upgradeMode", Means: "when it is resumed the job starts without its state: upgradeMode is stateless, and " + path + " is not used", Evidence: []Evidence{field("job.upgradeMode", api.UpgradeStateless), {Source: "status.jobStatus.upgradeSavepointPath", Text: path}}, Cures: []Cure{cure}}}
		},
	},
	{
		ID: "FLINK-SPEC-VOLUME", Severity: Error, Title: "state is kept where it goes with the pods", Link: docCheckpoints,
		Explain: "A state directory is a file path, and it isn't in a volume that the JobManager and all TaskManagers share: on each pod's own disk, in an emptyDir, in a volume of one role only. Checkpoints can't be read by another pod, and are gone with it. A relative path is one of each pod's own.",
		spec: func(m *manifest) []Finding {
			if m.kind == kindSnapshot || m.cluster == nil {
				return nil
			}
			var out []Finding
			for _, keys := range [][]string{checkpointDirKeys, savepointDirKeys, {haDirKey}} {
				dir, key := m.conf.find(keys...)
				if dir == "" || key == haDirKey && m.conf.ha() == "" {
					continue
				}
				why := m.stays(dir)
				if why == "" || strings.Contains(why, "read-only") {
					if why != "" {
						out = append(out, Finding{Subject: key, Means: why, Evidence: []Evidence{m.key(key)}, Cures: []Cure{{Text: "mount it writable"}}})
					}
					continue
				}
				f := Finding{Severity: Warning, Risk: true, Subject: key, Means: why, Evidence: []Evidence{m.key(key)}, Cures: []Cure{{Text: "mount a volume there in the JobManager and in every TaskManager (podTemplate, ReadWriteMany), or use an object store (s3://…)"}}}
				if m.mode() != api.UpgradeStateless && m.runsJob() {
					f.Severity = Error
				}
				out = append(out, f)
			}
			return out
		},
	},
}
