package diagnosis

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

var (
	jobName      = pattern(`^[a-z]([-a-z\d]{0,43}[a-z\d])?$`)
	imageVersion = pattern(`(?:^|[-_:/v])(\d+)\.(\d+)(?:\.\d+)?(?:$|[-_.])`)
	tagVersion   = pattern(`^(\d+)\.(\d+)`)
	placeholder  = pattern(`\{\{\s*(name|namespace)\s*\}\}`)
)

// isCluster reports whether the object has the spec of a FlinkDeployment.
func (m *manifest) isCluster() bool {
	return (m.kind == kindDeployment || m.kind == kindBlueGreen) && m.cluster != nil
}

// newestFlink is the newest version among the CRD's words for spec.flinkVersion.
const newestFlink = 204

var specRules = []Rule{
	{
		ID: "FLINK-SPEC-NAME", Severity: Error, Title: "the name can't be used", Link: docReference,
		Explain: "Names of other objects are made of a deployment's name (NAME-rest, NAME-taskmanager-1-1), so that it has at most 45 lower-case letters, digits and dashes, and begins with a letter. The colors of a blue/green deployment add \"-green\" to it.",
		spec: func(m *manifest) []Finding {
			name := m.name
			if m.kind == kindBlueGreen {
				name += "-green"
			}
			if m.kind != kindDeployment && m.kind != kindBlueGreen || m.name == "" || jobName.MatchString(name) {
				return nil
			}
			return []Finding{{Subject: "metadata.name", Means: fmt.Sprintf("the operator refuses the name %q: at most 45 lower-case letters, digits and dashes, a letter first", name), Evidence: []Evidence{{Source: "metadata.name", Text: m.name}}, Cures: []Cure{{Text: "use a shorter, plainer name"}}}}
		},
	},
	{
		ID: "FLINK-SPEC-ACCOUNT", Severity: Error, Title: "no service account", Link: docRBAC,
		Explain: "spec.serviceAccount is required: Flink's pods run as it, and make TaskManagers and ConfigMaps with its rights. The operator's chart makes one called flink.",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() || text(m.cluster, "serviceAccount") != "" {
				return nil
			}
			return []Finding{{Subject: "spec.serviceAccount", Means: "spec.serviceAccount is missing, and the operator requires it", Evidence: []Evidence{field("serviceAccount", "not set")}, Cures: []Cure{m.mend("use the account that the operator's chart makes", map[string]any{"serviceAccount": "flink"})}}}
		},
	},
	{
		ID: "FLINK-SPEC-VERSION", Severity: Error, Title: "the Flink version isn't supported", Link: docReference,
		Explain: "spec.flinkVersion has the form v1_20 or v2_0. The operator has refused versions before 1.15 since its release 1.7, and warns about those before 1.19.",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() {
				return nil
			}
			value, v := text(m.cluster, "flinkVersion"), m.version()
			f := Finding{Subject: "spec.flinkVersion", Evidence: []Evidence{field("flinkVersion", value)}}
			switch {
			case value == "":
				f.Means = "spec.flinkVersion is missing"
				f.Cures = []Cure{{Text: "name the version of the image, as in v1_20"}}
			case !strings.HasPrefix(value, "v") || !strings.Contains(value, "_") || v == 0:
				f.Means = fmt.Sprintf("spec.flinkVersion %q isn't of the form v1_20", value)
				if v > 0 {
					f.Cures = []Cure{{Text: "write it as the operator does", Command: m.patch(map[string]any{"flinkVersion": fmt.Sprintf("v%d_%d", v/100, v%100)}), Safe: m.keepsState()}}
				}
			case v > newestFlink && m.inFile:
				f.Severity, f.Means = Warning, fmt.Sprintf("Flink %s isn't a version that operators up to 1.16 know: they refuse the object", versionText(v))
				f.Cures = []Cure{{Text: "use an operator that knows it, or correct the version"}}
			case v < 115:
				f.Means = fmt.Sprintf("Flink %s is too old: the operator refuses versions before 1.15", versionText(v))
			case v < 119:
				f.Severity, f.Means = Info, fmt.Sprintf("Flink %s is old: the operator will drop versions before 1.19", versionText(v))
			default:
				return nil
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-SPEC-IMAGE", Severity: Warning, Title: "the image is of another Flink version", Link: docReference,
		Explain: "The image's tag names another Flink version than spec.flinkVersion. The operator writes the configuration and speaks to the JobManager as it is right for flinkVersion: with another Flink in the image keys and files don't fit (config.yaml since 2.0).",
		spec: func(m *manifest) []Finding {
			image := text(m.cluster, "image")
			if !m.isCluster() || image == "" || m.version() == 0 {
				return nil
			}
			path, _, _ := strings.Cut(image, "@")
			repository, tag := path, ""
			if i := strings.LastIndex(path, ":"); i > strings.LastIndex(path, "/") {
				repository, tag = path[:i], path[i+1:]
			}
			// Only a tag that is plainly Flink's counts: of an image called
			// flink, one that begins with a version; else one that says flink.
			base := repository[strings.LastIndex(repository, "/")+1:]
			var found []string
			if base == "flink" || base == "cp-flink" {
				if parts := tagVersion.FindStringSubmatch(tag); parts != nil {
					found = parts
				}
			} else if i := strings.Index(tag, "flink"); i >= 0 {
				found = imageVersion.FindStringSubmatch(tag[i:])
			}
			if found == nil {
				return nil
			}
			major, _ := strconv.Atoi(found[1])
			minor, _ := strconv.Atoi(found[2])
			if v := major*100 + minor; v != m.version() && major > 0 && major < 3 {
				f := Finding{Subject: "spec.flinkVersion", Means: fmt.Sprintf("the image is of Flink %s and spec.flinkVersion says %s", versionText(v), versionText(m.version())), Evidence: []Evidence{field("image", image), field("flinkVersion", text(m.cluster, "flinkVersion"))}, Confidence: Likely}
				f.Cures = []Cure{{Text: "name the image's version", Command: m.patch(map[string]any{"flinkVersion": fmt.Sprintf("v%d_%d", major, minor)}), Safe: m.keepsState()}}
				return []Finding{f}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SPEC-JAR", Severity: Error, Title: "the job names no jar", Link: docJobs,
		Explain: "A FlinkDeployment's job runs a jar of the image (local:///opt/flink/usrlib/job.jar) or, with an entryClass that is on Flink's class path, none. A session job's jar is fetched by the operator: local:// names a file of nobody there.",
		spec: func(m *manifest) []Finding {
			uri := text(m.spec, "job", "jarURI")
			if !m.runsJob() {
				return nil
			}
			switch {
			case uri == "" && text(m.spec, "job", "entryClass") == "":
				return []Finding{{Subject: "spec.job.jarURI", Means: "the job names neither a jar nor an entry class", Evidence: []Evidence{field("job", "no jarURI, no entryClass")}, Cures: []Cure{{Text: "set spec.job.jarURI"}}}}
			case m.kind == kindSessionJob && strings.HasPrefix(uri, "local:"):
				return []Finding{{Subject: "spec.job.jarURI", Means: "a session job's jar is fetched by the operator: local:// names a file of an application's own image", Evidence: []Evidence{field("job.jarURI", uri)}, Cures: []Cure{{Text: "serve the jar by https, or use file:// for one in the operator's own pod"}}}}
			case m.kind == kindSessionJob && strings.HasPrefix(uri, "http://"):
				return []Finding{{Severity: Warning, Subject: "spec.job.jarURI", Means: "operators since 1.16 only fetch jars by https unless they are told otherwise", Evidence: []Evidence{field("job.jarURI", uri)}, Cures: []Cure{{Text: "use https, or allow http in the operator's configuration (kubernetes.operator.user.artifacts.allowed-schemes)"}}, Confidence: Possible}}
			case m.kind != kindSessionJob && strings.HasPrefix(uri, "file:") && !m.standalone():
				return []Finding{{Severity: Warning, Subject: "spec.job.jarURI", Means: "an application's jar in its own image is named by local://, not by file://", Evidence: []Evidence{field("job.jarURI", uri)}, Cures: []Cure{{Text: "write it as local://", Command: m.patch(map[string]any{"job": map[string]any{"jarURI": "local://" + strings.TrimPrefix(strings.TrimPrefix(uri, "file:"), "//")}}), Safe: m.keepsState()}}, Confidence: Likely}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SPEC-CLUSTER", Severity: Error, Title: "the session job names no cluster", Link: docReference,
		Explain: "spec.deploymentName of a FlinkSessionJob names the session cluster (a FlinkDeployment without spec.job, in the same namespace) that runs it. It can't be changed later.",
		spec: func(m *manifest) []Finding {
			if m.kind != kindSessionJob || text(m.spec, "deploymentName") != "" {
				return nil
			}
			return []Finding{{Subject: "spec.deploymentName", Means: "spec.deploymentName is missing", Evidence: []Evidence{field("deploymentName", "not set")}, Cures: []Cure{{Text: "name the session cluster"}}}}
		},
	},
}

// haDirOf is a directory for HA data beside those that are configured.
func haDirOf(m *manifest) string {
	dir := m.conf.checkpointDir()
	if dir == "" {
		return "file:///flink-data/ha"
	}
	dir = strings.TrimRight(dir, "/")
	if i := strings.LastIndex(dir, "/"); i > strings.Index(dir, "://")+3 {
		return dir[:i] + "/ha"
	}
	return dir + "/ha"
}

// specClusterRules are about what a spec says of pods, storage and snapshots.
var specClusterRules = []Rule{
	{
		ID: "FLINK-SPEC-MOUNT", Severity: Error, Title: "a mount names no volume", Link: docTemplate,
		Explain: "A container of the pod template mounts a volume that the template doesn't have. Templates of the deployment and of a role are merged, lists by their position unless kubernetes.operator.pod-template.merge-arrays-by-name is true.",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() {
				return nil
			}
			var out []Finding
			seen := map[string]bool{}
			for _, role := range []string{jobManager, taskManager} {
				spec := m.podSpec(role)
				have := map[string]bool{}
				for _, v := range list(spec, "volumes") {
					have[text(v, "name")] = true
				}
				for _, kind := range []string{"containers", "initContainers"} {
					for _, c := range list(spec, kind) {
						for _, at := range list(c, "volumeMounts") {
							name := text(at, "name")
							if name == "" || have[name] || seen[name] || strings.HasPrefix(name, "flink-config") || name == "hadoop-config-volume" || name == "pod-template-volume" || strings.HasPrefix(name, "kube-api-access") {
								continue
							}
							seen[name] = true
							out = append(out, Finding{Subject: podField(role) + " pod template", Means: fmt.Sprintf("container %s mounts volume %s, which the pod template doesn't have", text(c, "name"), name), Evidence: []Evidence{{Source: "pod template", Text: fmt.Sprintf("volumeMounts %s at %s", name, text(at, "mountPath"))}}, Cures: []Cure{{Text: "add the volume to the pod template, or correct its name"}}})
						}
					}
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-SPEC-MAIN-CONTAINER", Severity: Warning, Title: "the pod template doesn't name Flink's container", Link: docTemplate,
		Explain: "What a pod template says of the container flink-main-container is merged into Flink's own. A template whose only container has another name adds a sidecar of that name instead; its mounts and variables don't reach Flink.",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() {
				return nil
			}
			var out []Finding
			for _, role := range []string{jobManager, taskManager} {
				containers := list(m.podSpec(role), "containers")
				if len(containers) != 1 || text(containers[0], "name") == mainContainer || text(containers[0], "image") != "" {
					continue
				}
				out = append(out, Finding{Subject: podField(role) + " pod template", Means: fmt.Sprintf("the only container of the pod template is called %q and has no image: what it says doesn't reach Flink", text(containers[0], "name")), Evidence: []Evidence{{Source: "pod template", Text: "containers[0].name: " + text(containers[0], "name")}}, Cures: []Cure{{Text: "call it flink-main-container"}}, Confidence: Likely})
				break
			}
			return out
		},
	},
	{
		ID: "FLINK-SPEC-S3", Severity: Error, Title: "S3 without its plugin", Link: docS3,
		Explain: "A state directory is in S3, and the environment variable ENABLE_BUILT_IN_PLUGINS enables another plugin than its scheme needs: s3a needs flink-s3-fs-hadoop, s3p flink-s3-fs-presto, s3 either of them. The jar's name has to carry the image's Flink version.",
		spec: func(m *manifest) []Finding {
			plugins := m.builtIn()
			if plugins == "" || m.cluster == nil {
				return nil
			}
			var out []Finding
			for _, keys := range [][]string{checkpointDirKeys, savepointDirKeys, {haDirKey}} {
				dir, key := m.conf.find(keys...)
				scheme, _, _ := strings.Cut(dir, ":")
				wrong := scheme == "s3a" && !strings.Contains(plugins, "s3-fs-hadoop") || scheme == "s3p" && !strings.Contains(plugins, "s3-fs-presto") || scheme == "s3" && !strings.Contains(plugins, "s3-fs-")
				if wrong {
					return []Finding{{Subject: key, Means: fmt.Sprintf("%s is in %s, and ENABLE_BUILT_IN_PLUGINS enables only %s", key, scheme, plugins), Evidence: []Evidence{m.key(key), {Source: "pod template", Text: "ENABLE_BUILT_IN_PLUGINS=" + plugins}}, Cures: []Cure{{Text: "enable the plugin of the scheme, or use the scheme of the plugin"}}, Confidence: Likely}}
				}
			}
			if image := imageVersion.FindStringSubmatch(text(m.cluster, "image")); image != nil {
				for jar := range strings.SplitSeq(plugins, ";") {
					found := imageVersion.FindStringSubmatch(jar)
					if found != nil && strings.HasPrefix(jar, "flink-s3-fs-") && (found[1] != image[1] || found[2] != image[2]) {
						out = append(out, Finding{Severity: Warning, Subject: "ENABLE_BUILT_IN_PLUGINS", Means: fmt.Sprintf("ENABLE_BUILT_IN_PLUGINS names %s, and the image is of Flink %s.%s", jar, image[1], image[2]), Evidence: []Evidence{{Source: "pod template", Text: "ENABLE_BUILT_IN_PLUGINS=" + plugins}, field("image", text(m.cluster, "image"))}, Cures: []Cure{{Text: "name the jar with the image's version"}}, Confidence: Likely})
					}
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-SPEC-S3-STYLE", Severity: Warning, Title: "S3 endpoint without path style", Link: docS3,
		Explain: "s3.endpoint leads to a store of your own (MinIO, Ceph), and s3.path.style.access isn't true: the client makes the bucket a part of the host's name (bucket.minio…), which mostly can't be resolved.",
		spec: func(m *manifest) []Finding {
			endpoint := m.conf.get("s3.endpoint", "fs.s3a.endpoint")
			if endpoint == "" || strings.Contains(endpoint, "amazonaws.com") || m.conf.get("s3.path.style.access", "s3.path-style-access", "fs.s3a.path.style.access") != "" {
				return nil
			}
			return []Finding{{Subject: "s3.path.style.access", Means: "s3.endpoint is " + endpoint + ", and path style isn't set: the bucket becomes part of the host's name", Evidence: []Evidence{{Source: "configuration", Text: "s3.endpoint: " + endpoint}}, Cures: []Cure{m.setConf("keep the bucket in the path", map[string]any{"s3.path.style.access": "true"})}, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-SPEC-PARALLELISM", Severity: Error, Title: "the parallelism doesn't fit", Link: docParallelism,
		Explain: "In standalone mode spec.taskManager.replicas times taskmanager.numberOfTaskSlots is all that there is: a job of higher parallelism waits for slots for ever, unless the adaptive scheduler takes what there is. Nor can it be more than pipeline.max-parallelism.",
		spec: func(m *manifest) []Finding {
			if !m.runsJob() {
				return nil
			}
			n := number(m.spec, "job", "parallelism")
			if m.inFile && n < 1 && (m.kind == kindSessionJob || text(m.cluster, "taskManager", "replicas") == "") {
				return []Finding{{Subject: "spec.job.parallelism", Means: fmt.Sprintf("parallelism %d: the operator refuses jobs without a parallelism of at least 1", n), Evidence: []Evidence{field("job.parallelism", cmp.Or(text(m.spec, "job", "parallelism"), "not set"))}, Cures: []Cure{m.mend("set spec.job.parallelism", map[string]any{"job": map[string]any{"parallelism": 1}})}}}
			}
			if m.cluster == nil {
				return nil
			}
			if most, err := strconv.ParseInt(m.conf["pipeline.max-parallelism"], 10, 64); err == nil && most > 0 && n > most {
				return []Finding{{Subject: "spec.job.parallelism", Means: fmt.Sprintf("parallelism %d is more than pipeline.max-parallelism %d", n, most), Evidence: []Evidence{field("job.parallelism", fmt.Sprint(n)), m.key("pipeline.max-parallelism")}, Cures: []Cure{m.mend("lower spec.job.parallelism", map[string]any{"job": map[string]any{"parallelism": most}})}}}
			}
			replicas := number(m.cluster, "taskManager", "replicas")
			slots := max(number(map[string]any{"n": m.conf["taskmanager.numberOfTaskSlots"]}, "n"), 1)
			if !m.standalone() || replicas == 0 || n <= replicas*slots || strings.EqualFold(m.conf["jobmanager.scheduler"], "adaptive") || m.conf["scheduler-mode"] != "" {
				return nil
			}
			return []Finding{{Subject: "spec.job.parallelism", Means: fmt.Sprintf("parallelism %d needs as many slots, and %d TaskManagers of %d slots have %d", n, replicas, slots, replicas*slots), Evidence: []Evidence{field("job.parallelism", fmt.Sprint(n)), field("taskManager.replicas", fmt.Sprint(replicas))}, Cures: []Cure{m.mend("have more TaskManagers", map[string]any{"taskManager": map[string]any{"replicas": (n + slots - 1) / slots}})}}}
		},
	},
	{
		ID: "FLINK-SPEC-REDEPLOY", Severity: Error, Title: "a redeployment without a path", Link: docJobs,
		Explain: "savepointRedeployNonce has the operator start the job from initialSavepointPath, without saving its state first. Without the path it is refused.",
		spec: func(m *manifest) []Finding {
			if text(m.spec, "job", "savepointRedeployNonce") == "" || text(m.spec, "job", "initialSavepointPath") != "" {
				return nil
			}
			return []Finding{{Subject: "spec.job.initialSavepointPath", Means: "savepointRedeployNonce is set, and initialSavepointPath isn't: the operator refuses that", Evidence: []Evidence{field("job.savepointRedeployNonce", text(m.spec, "job", "savepointRedeployNonce"))}, Cures: []Cure{{Text: "name the savepoint, or take the nonce away"}}}}
		},
	},
	{
		ID: "FLINK-SPEC-RESOURCES", Severity: Warning, Title: "resource and resources are both set", Link: docReference,
		Explain: "Since operator 1.16 jobManager and taskManager take Kubernetes' own resources; the old field resource is deprecated. With both it isn't plain which of them counts.",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() {
				return nil
			}
			var out []Finding
			for _, f := range []string{"jobManager", "taskManager"} {
				if section(m.cluster, f, "resource") != nil && section(m.cluster, f, "resources") != nil {
					out = append(out, Finding{Subject: "spec." + f, Means: "spec." + f + " has both resource and resources", Evidence: []Evidence{field(f+".resource", asJSON(section(m.cluster, f, "resource"))), field(f+".resources", asJSON(section(m.cluster, f, "resources")))}, Cures: []Cure{{Text: "keep resources (operator 1.16 and newer) or resource (older)"}}})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-SPEC-INGRESS", Severity: Warning, Title: "the ingress template is the same for every job", Link: docIngress,
		Explain: "spec.ingress.template is a host or path in which {{name}} and {{namespace}} stand for the deployment's. Without them two deployments with the same template share one address; and a template that is only a path with a rewrite needs the controller's annotations.",
		spec: func(m *manifest) []Finding {
			template := text(m.spec, "ingress", "template")
			if m.kind == kindBlueGreen {
				template = text(m.whole, "ingress", "template")
			}
			if section(m.whole, "ingress") == nil && section(m.spec, "ingress") == nil {
				return nil
			}
			if template == "" {
				return []Finding{{Severity: Error, Subject: "spec.ingress.template", Means: "spec.ingress has no template", Evidence: []Evidence{field("ingress", "no template")}, Cures: []Cure{{Text: "set it, as in \"{{name}}.{{namespace}}.flink.example.com\""}}}}
			}
			if placeholder.MatchString(template) {
				return nil
			}
			return []Finding{{Severity: Info, Subject: "spec.ingress.template", Means: "the ingress template has neither {{name}} nor {{namespace}}: another deployment with it would get the same address", Evidence: []Evidence{field("ingress.template", template)}}}
		},
	},
	{
		ID: "FLINK-SPEC-HA-DIR", Severity: Error, Title: "high availability without a directory", Link: docHA,
		Explain: "high-availability.type is set, and high-availability.storageDir isn't: the JobManager keeps pointers in ConfigMaps and what they point to in that directory, and doesn't start without it.",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() || m.conf.ha() == "" || m.conf.get(haDirKey, "high-availability.zookeeper.storageDir") != "" {
				return nil
			}
			return []Finding{{Subject: haDirKey, Means: "high availability is on and has no storageDir: the JobManager doesn't start", Evidence: []Evidence{{Source: "configuration", Text: "high-availability.type: " + m.conf.ha()}}, Cures: []Cure{{Text: "set high-availability.storageDir to a directory that all pods share"}}}}
		},
	},
	{
		ID: "FLINK-SPEC-ROLLBACK", Severity: Error, Title: "rollback without high availability", Link: docJobs,
		Explain: "kubernetes.operator.deployment.rollback.enabled and …cluster.health-check.enabled restart a job from its last state, which needs high availability (and checkpoints): the operator refuses them without.",
		spec: func(m *manifest) []Finding {
			for _, key := range []string{"kubernetes.operator.deployment.rollback.enabled", "kubernetes.operator.cluster.health-check.enabled"} {
				if m.isCluster() && m.runsJob() && m.conf[key] == "true" && m.conf.ha() == "" {
					return []Finding{{Subject: key, Means: key + " needs high availability", Evidence: []Evidence{m.key(key)}, Cures: []Cure{m.mendConf("turn high availability on, or take the key away", map[string]any{key: nil})}}}
				}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SPEC-SNAPSHOT", Severity: Error, Title: "the snapshot's spec isn't valid", Link: docSnapshots,
		Explain: "A FlinkStateSnapshot has exactly one of savepoint and checkpoint, and refers to a job of its namespace (unless it only registers a savepoint that exists, with alreadyExists). Otherwise it stays TRIGGER_PENDING for ever; only an event says why.",
		spec: func(m *manifest) []Finding {
			if m.kind != kindSnapshot {
				return nil
			}
			_, savepoint := m.spec["savepoint"]
			_, checkpoint := m.spec["checkpoint"]
			exists := text(m.spec, "savepoint", "alreadyExists") == "true"
			f := Finding{Subject: "spec", Evidence: []Evidence{{Source: "spec", Text: asJSON(m.spec)}}}
			switch {
			case savepoint == checkpoint:
				f.Means = "exactly one of spec.savepoint and spec.checkpoint has to be set"
			case text(m.spec, "jobReference", "name") == "" && !exists:
				f.Means = "spec.jobReference names no job"
			case text(m.spec, "jobReference", "namespace") != "" && text(m.spec, "jobReference", "namespace") != m.ns:
				f.Severity, f.Means = Warning, "spec.jobReference has no namespace: the job has to be in the snapshot's"
			case exists && text(m.spec, "savepoint", "path") == "":
				f.Means = "a savepoint that alreadyExists needs its path"
			default:
				return nil
			}
			f.Cures = []Cure{{Text: "correct the snapshot and create it again"}}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-SPEC-SNAPSHOT-DISPOSE", Severity: Warning, Title: "deleting the snapshot deletes the savepoint", Link: docSnapshots,
		Explain: "disposeOnDelete is true unless it is set: kubectl delete of the snapshot deletes the savepoint's data. That is right for those that are taken in passing, and not for those that are to be kept.",
		spec: func(m *manifest) []Finding {
			if m.kind != kindSnapshot || section(m.spec, "savepoint") == nil || text(m.spec, "savepoint", "disposeOnDelete") != "" {
				return nil
			}
			return []Finding{{Severity: Info, Subject: "spec.savepoint.disposeOnDelete", Means: "disposeOnDelete isn't set and is true by default: deleting the snapshot deletes the savepoint", Evidence: []Evidence{field("savepoint.disposeOnDelete", "not set")}, Cures: []Cure{{Text: "say false to keep the data", Command: m.kubectl("patch flinkstatesnapshot %s --type merge -p %s", m.name, `{"spec":{"savepoint":{"disposeOnDelete":false}}}`), Safe: true}}}}
		},
	},
	{
		ID: "FLINK-SPEC-SNAPSHOT-BACKOFF", Severity: Info, Title: "backoffLimit means two things", Link: docSnapshots, Source: "FLINK-39967",
		Explain: "backoffLimit -1, the default, is documented as \"no limit\", and means \"no second try\" up to operator 1.15 (FLINK-39967). 0 means that everywhere.",
		spec: func(m *manifest) []Finding {
			if m.kind != kindSnapshot || text(m.spec, "backoffLimit") != "" && number(m.spec, "backoffLimit") >= 0 {
				return nil
			}
			return []Finding{{Subject: "spec.backoffLimit", Means: "backoffLimit is " + map[bool]string{true: "not set", false: "negative"}[text(m.spec, "backoffLimit") == ""] + ": up to operator 1.15 the first failure is final, later it is tried for ever", Evidence: []Evidence{field("backoffLimit", text(m.spec, "backoffLimit"))}, Cures: []Cure{{Text: "say how often it is to be tried again, as in 0 or 3"}}}}
		},
	},
	{
		ID: "FLINK-SPEC-FINALIZER", Severity: Warning, Title: "a manifest has finalizers of its own", Link: kubernetesDocs + "concepts/overview/working-with-objects/finalizers/",
		Explain: "metadata.finalizers in a manifest are put there by whoever copied it from a cluster. The operator sets and removes its own; others keep the object from being deleted until somebody removes them, and applying the manifest again can bring back one that the operator has removed.",
		spec: func(m *manifest) []Finding {
			if section(m.object.Object, "status") != nil || m.object.GetUID() != "" || len(m.object.GetFinalizers()) == 0 {
				return nil
			}
			return []Finding{{Subject: "metadata.finalizers", Means: "the manifest has finalizers: " + strings.Join(m.object.GetFinalizers(), ", "), Evidence: []Evidence{{Source: "metadata.finalizers", Text: strings.Join(m.object.GetFinalizers(), ", ")}}, Cures: []Cure{{Text: "leave them out of the manifest; the operator sets its own"}}}}
		},
	},
}
