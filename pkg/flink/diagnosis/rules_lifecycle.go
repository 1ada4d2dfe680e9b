package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var lifecycleRules = []Rule{
	{
		ID: "FLINK-JOB-SUSPENDED-RUNS", Severity: Error, Title: "a suspended job runs all the same", Link: docJobs,
		Explain: "The job is suspended, and its tasks run. Without high availability a suspend with savepoint leaves the JobManager's Deployment in place for kubernetes.operator.jm-deployment.shutdown-ttl (1 day); when its pod is replaced in that time, Flink runs the main method again, from scratch and with the same job id, while the operator goes on saying SUSPENDED (FLINK-41262).",
		job: func(j *job) []Finding {
			if j.wants() != api.WantSuspended || j.lifecycle != api.LifecycleSuspended || j.Flink.State == "" || j.Flink.State == api.JobFinished || j.Flink.State == api.JobCanceled || j.Flink.State == api.JobFailed || j.Flink.State == api.JobSuspended || !j.runsJob() {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("the job is suspended, and its JobManager says that it is %s: it runs without its state", j.Flink.State), Evidence: []Evidence{{Source: "the JobManager", At: j.Now, Text: fmt.Sprintf("job %s %s, %d tasks running", j.Flink.JobID, j.Flink.State, j.Flink.Tasks[api.TaskRunning])}, j.statusField("lifecycleState SUSPENDED, jobStatus.state %s", j.state)}}
			if j.kind != kindSessionJob {
				f.Cures = []Cure{{Text: "take its JobManager away; the savepoint of the suspend stays", Command: j.kubectl("delete deployment %s", j.name)}}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-DELETE-SAVEPOINT", Severity: Error, Title: "the deletion waits for a savepoint", Link: docJobs,
		Explain:  "kubernetes.operator.job.savepoint-on-deletion is true: the object is only deleted after a savepoint, and that fails or can't be taken because the job doesn't run. The operator tries again for ever.",
		Explains: []string{"FLINK-JOB-FINALIZER", "FLINK-SNAP-*"},
		job: func(j *job) []Finding {
			if !j.deleting() || j.age(j.deleted) < 2*time.Minute || j.conf["kubernetes.operator.job.savepoint-on-deletion"] != "true" || j.session {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("it is being deleted for %s: the operator wants a savepoint first (savepoint-on-deletion), and the job is %s", ago(j.age(j.deleted)), cmp.Or(j.state, "not running")), Evidence: []Evidence{j.key("kubernetes.operator.job.savepoint-on-deletion"), {Source: "metadata.deletionTimestamp", At: j.deleted, Text: ago(j.age(j.deleted)) + " ago"}}, Cures: []Cure{{Text: "delete it without a savepoint; its state is what was saved before", Command: j.patchConf(map[string]any{"kubernetes.operator.job.savepoint-on-deletion": "false"})}}, Confidence: Likely}
			if j.failed {
				f.Evidence = append(f.Evidence, j.failure.evidence())
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-DELETE-SESSION", Severity: Error, Title: "the session cluster can't be deleted while jobs run in it", Link: docOverview,
		Explain:  "The operator keeps a session cluster until its FlinkSessionJobs are deleted and the jobs that were submitted directly (SQL, flink run) have ended: kubernetes.operator.session.deletion.block-on-session-jobs and …block-on-unmanaged-jobs, both true by default.",
		Explains: []string{"FLINK-JOB-FINALIZER"},
		job: func(j *job) []Finding {
			if !j.deleting() || !j.session || len(j.SessionJobs) == 0 && len(j.Flink.OtherJobs) == 0 {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "the session cluster is being deleted, and jobs keep it"}
			for _, name := range j.SessionJobs {
				f.Evidence = append(f.Evidence, Evidence{Source: "flinksessionjob/" + name, Text: "runs in this cluster"})
			}
			if len(j.SessionJobs) > 0 {
				f.Cures = append(f.Cures, Cure{Text: "delete its session jobs", Command: j.flink("delete sessionjob/%s", word(j.SessionJobs[0]))})
			}
			for _, id := range j.Flink.OtherJobs {
				f.Evidence = append(f.Evidence, Evidence{Source: "the JobManager", Text: "job " + id + ", of no object of the operator"})
			}
			if len(j.Flink.OtherJobs) > 0 {
				f.Cures = append(f.Cures, Cure{Text: "cancel the jobs that no object stands for", Command: j.flink("jobs %s", j.target()), Safe: true})
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-FINALIZER", Severity: Error, Title: "the object doesn't go", Link: docOverview,
		Explain: "The object is marked for deletion for minutes and is still there: its finalizer waits for the operator, which doesn't run, doesn't watch the namespace any more, or fails to clean up. To take the finalizer away by hand leaves behind what the operator would have deleted.",
		job: func(j *job) []Finding {
			if !j.deleting() || j.age(j.deleted) < slowStart || len(j.object.GetFinalizers()) == 0 {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("it is being deleted for %s, and keeps the finalizer %s", ago(j.age(j.deleted)), strings.Join(j.object.GetFinalizers(), ", ")), Evidence: []Evidence{{Source: "metadata.deletionTimestamp", At: j.deleted, Text: "finalizers: " + strings.Join(j.object.GetFinalizers(), ", ")}}, Cures: look("see what the operator says", j.flink("events %s", j.target())), Confidence: Likely}
			if e, ok := j.event(nil, "CleanupFailed"); ok {
				f.Means += ": " + oneLine(e.message)
				f.Evidence = append(f.Evidence, e.evidence())
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-CLUSTER-MISSING", Severity: Error, Title: "the session cluster isn't there", Link: docOverview,
		Explain:  "spec.deploymentName of the session job names a FlinkDeployment that doesn't exist in its namespace. deploymentName can't be changed; the job waits until there is one.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS", "FLINK-OP-PENDING", "FLINK-JOB-FAILED", "FLINK-OP-IGNORED"},
		job: func(j *job) []Finding {
			if j.kind != kindSessionJob || j.Mark(FromCluster) != NotThere || j.deleting() {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("its session cluster %s doesn't exist", j.clusterRef()), Evidence: []Evidence{field("deploymentName", text(j.spec, "deploymentName"))}, Cures: look("see which session clusters there are", j.flink("list"))}}
		},
	},
	{
		ID: "FLINK-JOB-CLUSTER-IS-JOB", Severity: Error, Title: "the cluster of the session job is no session cluster", Link: docOverview,
		Explain: "spec.deploymentName of the session job names a FlinkDeployment that runs a job of its own (an application cluster). Only a FlinkDeployment without spec.job takes session jobs.",
		spec: func(m *manifest) []Finding {
			if m.kind != kindSessionJob || m.cluster == nil || section(m.cluster, "job") == nil {
				return nil
			}
			return []Finding{{Subject: "spec.deploymentName", Means: fmt.Sprintf("flinkdeployment/%s runs a job of its own and takes no session jobs", text(m.spec, "deploymentName")), Evidence: []Evidence{{Source: "flinkdeployment/" + text(m.spec, "deploymentName"), Text: "spec.job is set"}}, Cures: []Cure{{Text: "name a FlinkDeployment without spec.job"}}}}
		},
	},
	{
		ID: "FLINK-JOB-CLUSTER-DOWN", Severity: Error, Title: "the session cluster isn't up", Link: docOverview,
		Explain:  "The session job waits until the JobManager of its cluster is READY: the operator submits a job only to a JobManager that answers. Why it isn't is the cluster's own matter; look there.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS", "FLINK-OP-PENDING"},
		job: func(j *job) []Finding {
			if j.kind != kindSessionJob || j.Cluster == nil || j.jobManager == api.JobManagerReady || j.over() || j.deleting() || j.standing() < 2*time.Minute {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("its session cluster %s has no JobManager that is READY: it is %s", j.clusterRef(), cmp.Or(j.jobManager, "not deployed yet")), Evidence: []Evidence{{Source: j.clusterRef(), Text: "jobManagerDeploymentStatus " + cmp.Or(j.jobManager, "empty")}}, Cures: look("see why", j.flink("status %s", word(j.Cluster.GetName())))}
			if e, ok := ReadFailure(text(j.Cluster.Object, "status", "error"), time.Time{}); ok {
				f.Means += ": " + e.Telling()
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-BLUEGREEN-STUCK", Severity: Error, Title: "the change of colors doesn't get on", Link: docOverview,
		Explain:  "A blue/green deployment starts the new color beside the old and goes over to it once it is ready. It has not become ready for longer than kubernetes.operator.bluegreen.abort.grace-period (10 min), or the old color can't be left because it isn't READY itself.",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-UPGRADE-HANGS", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS"},
		job: func(j *job) []Finding {
			if j.kind != kindBlueGreen || j.deleting() {
				return nil
			}
			state := text(j.object.Object, "status", "blueGreenState")
			grace := 10 * time.Minute
			if d, ok := duration(text(j.whole, "configuration", "kubernetes.operator.bluegreen.abort.grace-period")); ok && d > 0 {
				grace = d
			}
			since := j.created
			if t, err := time.Parse(time.RFC3339Nano, text(j.object.Object, "status", "lastReconciledTimestamp")); err == nil {
				since = t
			}
			refused := j.failed && strings.Contains(j.failure.text(), "not possible, current Flink Deployment")
			if !(movesColor(state) && j.age(since) > grace+time.Minute) && !refused {
				return nil
			}
			means := fmt.Sprintf("the deployment is %s for %s", state, ago(j.age(since)))
			if j.failed {
				means += ": " + j.failure.Telling()
			}
			return []Finding{{Subject: j.ref(), Means: means, Evidence: []Evidence{{Source: "status.blueGreenState", At: since, Text: state}}, Cures: look("see what keeps the colors", j.kubectl("get flinkdeployments %s-blue %s-green", j.name, j.name))}}
		},
	},
	{
		ID: "FLINK-JOB-BLUEGREEN-MOVES", Severity: Info, Title: "a change of colors is on its way", Link: docOverview,
		Explain: "A blue/green deployment is going over from one color to the other. Both run for a while; in between it may say that the old one is active.",
		job: func(j *job) []Finding {
			state := text(j.object.Object, "status", "blueGreenState")
			if j.kind != kindBlueGreen || !movesColor(state) {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the deployment is " + strings.ToLower(strings.ReplaceAll(state, "_", " ")), Evidence: []Evidence{{Source: "status.blueGreenState", Text: state}}}}
		},
	},
	{
		ID: "FLINK-JOB-ROLLED-BACK", Severity: Warning, Title: "the last change was given up", Link: docJobs,
		Explain: "The last spec didn't become stable within kubernetes.operator.deployment.readiness.timeout, and the operator went back to the one before (kubernetes.operator.deployment.rollback.enabled). The object still has the new spec, which isn't what runs; it is tried again when it changes.",
		job: func(j *job) []Finding {
			if j.lifecycle != api.LifecycleRolledBack && j.lifecycle != api.LifecycleRollingBack && j.reconciliation != api.ReconciliationRolledBack {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "the last change of the spec was given up; the spec before it runs", Evidence: []Evidence{j.statusField("lifecycleState %s", j.lifecycle)}, Cures: look("see why it failed, then correct the spec", j.flink("events %s", j.target()))}
			if j.failed {
				f.Means += ": " + j.failure.Telling()
				f.Evidence = append(f.Evidence, j.failure.evidence())
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-CANCELED", Severity: Error, Title: "the job was canceled outside the operator", Link: docJobs,
		Explain: "The job was canceled through Flink itself (dashboard, flink cancel, REST), not by its spec. Some versions of the operator take it for ended and don't start it again; others do, without state where there is no high availability.",
		job: func(j *job) []Finding {
			if j.state != api.JobCanceled || j.over() || j.deleting() || j.lifecycle == api.LifecycleUpgrading || j.reconciliation == api.ReconciliationUpgrading {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the job was canceled, but not by its spec", Evidence: []Evidence{j.statusField("jobStatus.state CANCELED, spec.job.state %s", j.wants())}, Cures: []Cure{{Text: "start it again", Command: j.flink("restart %s", j.target())}}}}
		},
	},
	{
		ID: "FLINK-JOB-EMPTY-START", Severity: Warning, Title: "the job started again without its state", Link: docJobs,
		Explain: "The run before was ended in Flink itself (dashboard, flink cancel, REST) or failed, and the operator started the job again. It kept the mode of the first start, stateless, though upgradeMode is another: without high availability it restores nothing then, and says RUNNING and STABLE. Seen with operator 1.16 and Flink 1.20.",
		job: func(j *job) []Finding {
			path, c := text(j.object.Object, "status", "jobStatus", "upgradeSavepointPath"), j.Flink.Checkpoints
			started := text(api.Section(api.Job{Object: j.object}.ReconciledSpec(), "job"), "upgradeMode")
			if !j.running() || j.deleting() || path == "" || path == text(j.spec, "job", "initialSavepointPath") || j.mode() == api.UpgradeStateless || started != api.UpgradeStateless || c == nil || c.Restored > 0 || j.Flink.RestoredFrom != "" {
				return nil
			}
			f := Finding{
				Severity: Info, Subject: j.ref(), Means: "it runs without the state of the run before: Flink restored nothing, though " + oneLine(path) + " was known",
				Evidence: []Evidence{{Source: "the JobManager, checkpoints", At: j.Now, Text: "0 restored"}, {Source: "status.jobStatus.upgradeSavepointPath", Text: path}, {Source: "status.reconciliationStatus.lastReconciledSpec", Text: "job.upgradeMode stateless; spec.job.upgradeMode is " + j.mode()}},
				Cures:    look("see what is left of the state: a restore gives up what the job has done since", j.flink("storage ls %s", j.target())),
			}
			// Who asks for it by the spec knows.
			if _, asked := j.event(toStateless, "SpecChanged"); asked {
				return []Finding{f}
			}
			if e, ok := j.event(toItsEnd, "JobStatusChanged"); ok {
				f.Severity = Warning
				f.Evidence = append(f.Evidence, e.evidence())
				f.Cures = append(f.Cures, Cure{Text: "keep it from happening again: high availability makes the operator restart it with state"})
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-JOBMANAGER-GONE", Severity: Info, Title: "the JobManager was taken away after the end", Link: docOpConfig,
		Explain: "The job has come to its end, and the operator took its JobManager away after kubernetes.operator.jm-deployment.shutdown-ttl (1 day by default). Exceptions, checkpoints and logs of it can't be asked for any more.",
		job: func(j *job) []Finding {
			if j.state != api.JobFinished && j.state != api.JobFailed && j.state != api.JobCanceled || j.jobManager != api.JobManagerMissing || j.kind == kindSessionJob || j.wants() == api.WantSuspended || j.lifecycle == api.LifecycleUpgrading || j.reconciliation == api.ReconciliationUpgrading {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the job has %s, and its JobManager was taken away (kubernetes.operator.jm-deployment.shutdown-ttl)", j.state), Evidence: []Evidence{j.statusField("jobStatus.state %s, jobManagerDeploymentStatus MISSING", j.state)}}}
		},
	},
	{
		ID: "FLINK-JOB-UPGRADE-HANGS", Severity: Error, Title: "an upgrade takes very long", Link: docJobs,
		Explain: "The operator has been upgrading the job for more than 15 minutes. It waits for a savepoint (10 minutes at most, then it fails), for the old JobManager to go, or for the new one to come.",
		job: func(j *job) []Finding {
			if j.deleting() || j.lifecycle != api.LifecycleUpgrading && j.reconciliation != api.ReconciliationUpgrading || j.age(j.reconciled) < slowUpgrade || j.wants() == api.WantSuspended && j.lifecycle == api.LifecycleSuspended {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("the operator has been upgrading it for %s", ago(j.age(j.reconciled))), Evidence: []Evidence{{Source: "status.reconciliationStatus", At: j.reconciled, Text: "state UPGRADING, job " + cmp.Or(j.state, "not known")}}, Cures: look("see what the operator says", j.flink("events %s", j.target()))}
			if j.failed {
				f.Means += ": " + j.failure.Telling()
				f.Evidence = append(f.Evidence, j.failure.evidence())
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-NO-ENDPOINTS", Severity: Warning, Title: "the REST Service has no endpoint", Link: docNative,
		Explain:  "The Service NAME-rest has no ready endpoint, though a pod is behind it: the JobManager's pod isn't Ready. What goes by the Service (ingress, dashboard) reaches nothing; this plugin reaches the pod itself.",
		Explains: []string{"FLINK-JOB-INGRESS"},
		job: func(j *job) []Finding {
			s := j.Service
			if s == nil || j.Mark(FromService) != Read || s.Ready > 0 || s.NotReady == 0 || j.age(s.Created) < slowStart || j.over() {
				return nil
			}
			return []Finding{{Subject: "service/" + s.Name, Means: fmt.Sprintf("Service %s has no ready endpoint: the JobManager's pod isn't Ready", s.Name), Evidence: []Evidence{{Source: "service/" + s.Name, Text: fmt.Sprintf("%d endpoints, none ready", s.NotReady)}}, Cures: look("see which of its containers isn't ready", j.kubectl("get pods -l %s", "app="+j.name+",component=jobmanager"))}}
		},
	},
	{
		ID: "FLINK-JOB-BALANCER", Severity: Warning, Title: "the load balancer has no address", Link: docNative,
		Explain: "kubernetes.rest-service.exposed.type is LoadBalancer, and the cluster has given the Service no address for minutes: it has no load balancers, or their quota is used up. NodePort, or ClusterIP with an ingress or port-forward, works without.",
		job: func(j *job) []Finding {
			s := j.Service
			if s == nil || s.Type != "LoadBalancer" || len(s.Addresses) > 0 || j.age(s.Created) < slowStart {
				return nil
			}
			return []Finding{{Subject: "service/" + s.Name, Means: fmt.Sprintf("Service %s waits for a load balancer's address for %s", s.Name, ago(j.age(s.Created))), Evidence: []Evidence{{Source: "service/" + s.Name, At: s.Created, Text: "type LoadBalancer, status.loadBalancer empty"}}, Cures: []Cure{j.setConf("go back to a Service of the cluster alone", map[string]any{"kubernetes.rest-service.exposed.type": "ClusterIP"})}}}
		},
	},
	{
		ID: "FLINK-JOB-INGRESS", Severity: Warning, Title: "the ingress leads nowhere", Link: docIngress,
		Explain: "The operator made an ingress by spec.ingress, and no controller takes it up: its class doesn't exist, none is given and there is no default, or it has no address after minutes.",
		job: func(j *job) []Finding {
			s := j.Service
			if s == nil || !s.HasIngress || len(s.IngressAddresses) > 0 || j.age(s.Created) < slowStart || len(s.Classes) == 0 && s.IngressClass == "" {
				return nil
			}
			means := "the ingress has no address: no controller has taken it up"
			if s.IngressClass != "" && !slices.Contains(s.Classes, s.IngressClass) {
				means = fmt.Sprintf("the ingress is of class %s, which this cluster doesn't have", s.IngressClass)
			}
			return []Finding{{Subject: "ingress/" + j.name, Means: means, Evidence: []Evidence{{Source: "ingress/" + j.name, Text: fmt.Sprintf("class %q, no address", s.IngressClass)}, {Source: "ingress classes", Text: strings.Join(s.Classes, ", ")}}, Cures: look("set spec.ingress.className to one of the cluster's", "kubectl get ingressclasses")}}
		},
	},
	{
		ID: "FLINK-JOB-TIME", Severity: Warning, Title: "clocks differ", Link: docWatermarks,
		Explain: "The JobManager's clock differs by more than some seconds from that of the machine you work on. Processing time, watermarks, tokens and certificates go by it; the ages that are shown here are wrong by as much.",
		job: func(j *job) []Finding {
			if j.Flink.Clock.IsZero() || j.Flink.ClockAsked.IsZero() {
				return nil
			}
			d := j.Flink.Clock.Sub(j.Flink.ClockAsked)
			if d.Abs() < 30*time.Second {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the JobManager's clock and yours differ by %s", ago(d.Abs())), Evidence: []Evidence{{Source: "the JobManager", At: j.Flink.ClockAsked, Text: "says " + j.Flink.Clock.UTC().Format(time.RFC3339)}}, Cures: []Cure{{Text: "set the clock of the one that is wrong (NTP)"}}}}
		},
	},
	{
		ID: "FLINK-JOB-HPA", Severity: Info, Title: "a HorizontalPodAutoscaler owns the size", Link: docOverview,
		Explain: "A HorizontalPodAutoscaler sets spec.taskManager.replicas through the scale subresource. What anybody else sets there is set back; where a manifest in Git has the field, the two fight.",
		job: func(j *job) []Finding {
			if len(j.HPA) == 0 {
				return nil
			}
			h := j.HPA[0]
			f := Finding{Subject: "horizontalpodautoscaler/" + h.Name, Means: fmt.Sprintf("horizontalpodautoscaler/%s sets the number of TaskManagers (%d to %d)", h.Name, h.Min, h.Max), Evidence: []Evidence{{Source: "horizontalpodautoscaler/" + h.Name, Text: fmt.Sprintf("minReplicas %d, maxReplicas %d", h.Min, h.Max)}}}
			switch {
			case j.conf["job.autoscaler.enabled"] == "true":
				f.Severity, f.Means = Warning, f.Means+", and the operator's autoscaler is on as well: they fight"
				f.Evidence = append(f.Evidence, j.key("job.autoscaler.enabled"))
				f.Cures = []Cure{{Text: "have one of them only", Command: j.kubectl("delete hpa %s", h.Name)}}
			case !j.standalone() && j.kind == kindDeployment:
				f.Severity, f.Means = Warning, f.Means+", which has no effect in native mode: Flink sizes itself by its parallelism"
				f.Cures = []Cure{{Text: "use mode standalone with the adaptive scheduler, or the operator's autoscaler"}}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-HA-SHARED", Severity: Error, Title: "two jobs share one HA directory", Link: docHA,
		Explain: "Two jobs keep their high-availability data in the same directory with the same cluster id. Each takes what the other wrote for its own: job graphs, checkpoints' pointers, results. Flink puts the cluster id below the directory, so that the same directory is right as long as names differ.",
		job: func(j *job) []Finding {
			dir := strings.TrimRight(j.conf[haDirKey], "/")
			if dir == "" || j.conf.ha() == "" || j.kind == kindSessionJob {
				return nil
			}
			id := cmp.Or(j.conf["high-availability.cluster-id"], j.conf["kubernetes.cluster-id"], j.name)
			if where := j.stays(dir); where != "" {
				return nil // it isn't shared, though the path is the same
			}
			for _, n := range j.Neighbors {
				if strings.TrimRight(n.HADir, "/") == dir && n.ClusterID == id && n.Name != j.ns+"/"+j.name {
					return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("%s keeps its HA data in the same place: %s, cluster id %s", n.Name, dir, id), Evidence: []Evidence{j.key(haDirKey), {Source: n.Name, Text: haDirKey + ": " + n.HADir}}, Cures: []Cure{{Text: "give each job a directory of its own", Command: j.patchConf(map[string]any{haDirKey: dir + "/" + j.ns})}}, Confidence: Likely}}
				}
			}
			return nil
		},
	},
}

func movesColor(state string) bool {
	return strings.HasPrefix(state, "TRANSITIONING_") || strings.HasPrefix(state, "SAVEPOINTING_") || strings.HasPrefix(state, "INITIALIZING_")
}
