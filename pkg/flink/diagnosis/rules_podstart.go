package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// badConfig is the container of a pod that can't be made, or whose volume can't
// be mounted, because a named object is missing; with what says so.
func (j *job) badConfig(pattern *lazy, object string, known []Existing) []Finding {
	exists := func(name string) bool {
		return slices.ContainsFunc(known, func(e Existing) bool { return e.Name == name && e.Exists == Read })
	}
	var out []Finding
	at := map[string]bool{}
	add := func(p *pod, where, message string, evidence Evidence) {
		found := pattern.FindStringSubmatch(message)
		if found == nil || at[p.role] {
			return
		}
		var what string
		switch name := found[1]; {
		case found[4] != "":
			what = fmt.Sprintf("key %s of %s %s", found[3], object, found[4])
		case name == "":
			what = "a key of a " + object + " (" + oneLine(message) + ")"
		case exists(name):
			return // it has come since
		default:
			what = object + " " + name
		}
		at[p.role] = true
		f := Finding{Subject: "pod/" + p.name, Means: fmt.Sprintf("%s (%s) waits for %s, which isn't there in namespace %s", p.name, where, what, j.ns), Evidence: []Evidence{evidence}, Cures: look("create it, or correct its name in the spec", j.kubectl("get %s", object+"s"))}
		if strings.HasPrefix(found[1], "flink-config-") || strings.HasPrefix(found[1], "pod-template-") {
			f.Cures = look("the operator makes it together with the pod: where it stays away, see what it says", j.flink("events %s", j.target()))
		}
		out = append(out, f)
	}
	for i := range j.pods {
		p := &j.pods[i]
		if p.deleting || p.ready {
			continue
		}
		for k := range p.containers {
			if c := &p.containers[k]; strings.HasPrefix(c.reason, "CreateContainer") {
				add(p, c.called(), c.message, Evidence{Source: p.source(c), Text: c.reason + ": " + oneLine(c.message)})
			}
		}
		if e, ok := j.podEvent(p, pattern, "FailedMount", "FailedAttachVolume"); ok && p.waits() && p.age > 20*time.Second {
			add(p, "a volume", e.message, e.evidence())
		}
	}
	return out
}

// podStartRules are about pods that never get as far as running Flink.
var podStartRules = []Rule{
	{
		ID: "FLINK-POD-IMAGE", Severity: Error, Title: "an image can't be had", Link: kubernetesDocs + "concepts/containers/images/",
		Explain:  "The node can't get a container's image: the name or tag is wrong, the registry wants a login (imagePullSecrets in the pod template, or in the service account), or doesn't answer.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if !slices.Contains(imageReasons, c.reason) {
					return "", nil, false
				}
				message := j.pullMessage(p, c)
				return fmt.Sprintf("%s can't get the image %s of %s", p.name, c.image, c.called()) + withText(message), []Evidence{{Source: p.source(c), At: p.created, Text: c.reason + ": " + oneLine(message)}}, true
			}, func(p *pod, c *container) []Cure {
				return []Cure{pullCure(j.pullMessage(p, c), c, text(j.cluster, "image"))}
			})
		},
	},
	{
		ID: "FLINK-POD-ARCH", Severity: Error, Title: "the image is for another processor", Link: kubernetesDocs + "concepts/containers/images/",
		Explain:  "\"exec format error\": the container's program was built for another processor architecture than the node has, as an image of amd64 on an arm64 node.",
		Explains: []string{"FLINK-POD-INIT", "FLINK-POD-SIDECAR", "FLINK-POD-CRASH", "FLINK-POD-ENTRYPOINT", theRest},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				said := c.said(true)
				if c.end == nil || !c.down && c.ready || !execFormat.MatchString(said) && !execFormat.MatchString(c.message) {
					return "", nil, false
				}
				return fmt.Sprintf("the image %s of %s is built for another processor than the node has", c.image, p.name), []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: cmp.Or(said, oneLine(c.message))}}, true
			}, func(*pod, *container) []Cure {
				return look("use an image for the node's architecture, or a nodeSelector for the image's", "kubectl get nodes -L kubernetes.io/arch")
			})
		},
	},
	{
		ID: "FLINK-POD-INIT", Severity: Error, Title: "an init container fails", Link: docTemplate,
		Explain:  "An init container of the pod template ends with an error, so that Flink never starts. For a TaskManager in native mode Flink deletes the pod at once and makes another: Init:CrashLoopBackOff never stays, the pods' numbers grow, and the JobManager's log says only \"container termination statuses: []\".",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			out := j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if !c.init || !c.failing() || execFormat.MatchString(c.said(true)) {
					return "", nil, false
				}
				return fmt.Sprintf("init container %s of %s ended with %s", c.name, p.name, ending(c.end)) + withText(c.said(true)), []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end) + withText(c.said(true))}}, true
			}, func(_ *pod, c *container) []Cure {
				cures := append(look("see what it writes, pod after pod", j.flink("logs %s -c %s -f", clusterTarget(j), word(c.name))), Cure{Text: "correct the init container in the pod template"})
				if mesh := j.meshed(); mesh != "" && noNetwork.MatchString(c.said(true)) {
					cures = append(cures, Cure{Text: "or let it do without the mesh, whose sidecar " + mesh + " takes the pod's connections and runs only after init containers: have it run as user 1337 (Istio), leave its ports out (traffic.sidecar.istio.io/excludeOutboundPorts), or use sidecars that are init containers themselves"})
				}
				return cures
			})
			if len(out) > 0 || !j.starting() {
				return out
			}
			// Pods that are gone: those that come have init containers, and end
			// before Flink's runs.
			ended := j.endsLike(func(e workerEnd) bool { return e.reason == neverRan })
			for i := range j.pods {
				p := &j.pods[i]
				if p.role != taskManager || len(p.Spec.InitContainers) == 0 || len(ended) < 3 {
					continue
				}
				name := p.Spec.InitContainers[0].Name
				return []Finding{{Subject: "pod/" + p.name, Means: fmt.Sprintf("%d TaskManagers ended before their containers ran; init container %s comes first", len(ended), name), Evidence: []Evidence{{Source: "the JobManager's log", At: ended[0].at, Text: oneLine(ended[0].line)}}, Cures: look("see what it writes, pod after pod", j.flink("logs %s -c %s -f", clusterTarget(j), word(name))), Confidence: Likely}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-POD-INIT-WAITS", Severity: Warning, Title: "an init container doesn't come to its end", Link: docTemplate,
		Explain:  "Flink's container is started only after all init containers have ended, and one of them runs for minutes: it waits for something that doesn't come (a service, a secret of Vault's), or fetches something large. A sidecar that is an init container itself (restartPolicy Always) keeps the others back until its startup probe succeeds.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if !c.init || !c.running || c.started || j.age(c.since) < slowStart {
					return "", nil, false
				}
				what, how := c.called(), " and hasn't come to its end"
				if c.stays {
					what, how = "sidecar "+c.name, ", before Flink, and isn't ready"
				}
				return fmt.Sprintf("%s of %s runs for %s%s", what, p.name, ago(j.age(c.since)), how), []Evidence{{Source: p.source(c), At: c.since, Text: "running; Flink's container waits for it"}}, true
			}, func(_ *pod, c *container) []Cure {
				return look("see what it waits for", j.flink("logs %s -c %s", clusterTarget(j), word(c.name)))
			})
		},
	},
	{
		ID: "FLINK-POD-SECRET", Severity: Error, Title: "a Secret is missing", Link: docTemplate,
		Explain:  "A container reads an environment variable from, or mounts, a Secret or a key of one that isn't there in the job's namespace. For a TaskManager only its own pod's events say so.",
		Explains: whatFollows,
		job:      func(j *job) []Finding { return j.badConfig(missingSecret, "secret", j.Secrets) },
	},
	{
		ID: "FLINK-POD-CONFIGMAP", Severity: Error, Title: "a ConfigMap is missing", Link: docTemplate,
		Explain:  "A container reads an environment variable from, or mounts, a ConfigMap or a key of one that isn't there in the job's namespace. For some seconds after a start that is normal for those that Flink makes itself: the pod is made before them.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.badConfig(missingConfig, "configmap", j.ConfigMaps)
		},
	},
	{
		ID: "FLINK-POD-VOLUME", Severity: Error, Title: "a volume can't be mounted", Link: kubernetesDocs + "concepts/storage/volumes/",
		Explain:  "The kubelet can't mount a volume of the pod: a hostPath of the wrong type, a CSI driver that isn't installed, a volume that is attached to another node (ReadWriteOnce), a network filesystem that doesn't answer.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			var out []Finding
			for i := range j.pods {
				p := &j.pods[i]
				if !p.waits() || p.age < 30*time.Second {
					continue
				}
				e, ok := j.podEvent(p, nil, "FailedMount", "FailedAttachVolume")
				if !ok || missingSecret.MatchString(e.message) || missingConfig.MatchString(e.message) {
					continue
				}
				cure := Cure{Text: mountCure(e.message), Command: j.kubectl("describe pod %s", p.name), Safe: true}
				return append(out, Finding{Subject: "pod/" + p.name, Means: p.name + " can't mount a volume: " + oneLine(e.message), Evidence: []Evidence{e.evidence()}, Cures: []Cure{cure}})
			}
			return out
		},
	},
	{
		ID: "FLINK-POD-CONTAINER", Severity: Error, Title: "a container can't be made", Link: docTemplate,
		Explain:  "The container runtime can't make the container, for another reason than a missing Secret or ConfigMap: a security context that the image doesn't fit (runAsNonRoot), a wrong subPath, an invalid variable; or it can't make the pod's sandbox, because the node's network plugin has no address or doesn't work.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-ENTRYPOINT", theRest},
		job: func(j *job) []Finding {
			if out := j.noSandbox(); len(out) > 0 {
				return out
			}
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if c.end != nil && c.failing() && notMade.MatchString(c.end.Message) {
					return fmt.Sprintf("%s of %s can't be made: %s", c.called(), p.name, oneLine(c.end.Message)), []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end) + withText(oneLine(c.end.Message))}}, true
				}
				if !strings.HasPrefix(c.reason, "CreateContainer") || missingSecret.MatchString(c.message) || missingConfig.MatchString(c.message) {
					return "", nil, false
				}
				return fmt.Sprintf("%s of %s can't be made: %s", c.called(), p.name, oneLine(c.message)), []Evidence{{Source: p.source(c), Text: c.reason + ": " + oneLine(c.message)}}, true
			}, func(p *pod, c *container) []Cure {
				return look(madeCure(c), j.kubectl("describe pod %s", p.name))
			})
		},
	},
	{
		ID: "FLINK-POD-JVM", Severity: Error, Title: "the JVM doesn't start", Link: docConfig + "#environment",
		Explain:  "Java itself gives up before Flink begins: a -javaagent in env.java.opts whose jar isn't in the image, an option that it doesn't know, more heap than the machine gives. There is no exception in the log, only the JVM's own lines.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-PROBE", theRest},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if !c.main || !c.failing() {
					return "", nil, false
				}
				said := j.jvmSaid(c)
				if !jvmFails.MatchString(said) {
					return "", nil, false
				}
				what := "the JVM of %s doesn't start: %s"
				if jvmMemory.MatchString(said) {
					what = "the JVM of %s doesn't get the memory that it asks for: %s"
				}
				return fmt.Sprintf(what, p.name, oneLine(said)), []Evidence{{Source: "log of " + p.source(c), At: c.end.FinishedAt.Time, Text: oneLine(said)}}, true
			}, func(p *pod, c *container) []Cure {
				if jvmMemory.MatchString(j.jvmSaid(c)) {
					return look(fmt.Sprintf("ask for less in spec.%s.resource.memory, or see that the container's limit and the node leave so much: what Java asked for isn't there", podField(p.role)), "kubectl describe node "+word(p.Spec.NodeName))
				}
				if noFlink.MatchString(j.jvmSaid(c)) {
					return []Cure{{Text: "Flink's own jars aren't found: use an image that has them, and mount no volume over /opt/flink or its lib"}}
				}
				for _, key := range []string{"env.java.opts." + p.role, "env.java.opts.all", "env.java.opts"} {
					if value := j.conf[key]; strings.Contains(value, "-javaagent") || strings.Contains(value, "-XX") {
						return []Cure{{Text: fmt.Sprintf("put the file into the image, or correct %s (%s)", key, oneLine(value))}}
					}
				}
				return []Cure{{Text: "correct env.java.opts.* and the container's environment"}}
			})
		},
	},
	{
		ID: "FLINK-POD-USER", Severity: Error, Title: "the entry point can't become another user", Link: kubernetesDocs + "tasks/configure-pod-container/security-context/",
		Explain:  "Flink's images begin as root and change to the user flink (9999). A container without capabilities (drop: ALL, as policies ask for), or one that may not gain privileges, isn't allowed to.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-PROBE", "FLINK-POD-ENTRYPOINT", theRest},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				said := lastWords(c.log, false)
				if !c.main || !c.failing() || !noSwitch.MatchString(said) {
					return "", nil, false
				}
				return fmt.Sprintf("the entry point of %s can't change to Flink's user: %s", p.name, oneLine(said)), []Evidence{{Source: "log of " + p.source(c), At: c.end.FinishedAt.Time, Text: oneLine(said)}}, true
			}, func(*pod, *container) []Cure {
				return []Cure{{Text: "begin as that user: securityContext with runAsUser 9999, runAsGroup 9999 and fsGroup 9999 in the pod template"}}
			})
		},
	},
	{
		ID: "FLINK-POD-NATIVE", Severity: Error, Title: "a native library ends the JVM", Link: docBackends,
		Explain:  "The JVM wrote \"A fatal error has been detected by the Java Runtime Environment\" and ended: not an exception, but code outside of Java, mostly of a library (RocksDB, compression, Python, an agent), that used memory which isn't its own. The line below \"Problematic frame\" names the library.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-KILLED", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if c.end == nil || !c.main || j.age(c.end.FinishedAt.Time) > time.Hour && c.ready {
					return "", nil, false
				}
				signal, frame, ok := jvmCrash(c.log)
				if !ok {
					return "", nil, false
				}
				return fmt.Sprintf("code outside of Java ended the JVM of %s: %s", p.name, strings.TrimSpace(signal+" "+frame)), []Evidence{{Source: "log of " + p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end) + withText(strings.TrimSpace(signal+" "+frame))}}, true
			}, func(*pod, *container) []Cure {
				return []Cure{{Text: "use another version of the library that the frame names, on an image with the C library and Java that it was built for; its makers want the report hs_err_pid*.log, which the JVM writes into its working directory (-XX:ErrorFile=PATH puts it onto a volume)"}}
			})
		},
	},
	{
		ID: "FLINK-POD-ENTRYPOINT", Severity: Error, Title: "the image isn't one that Flink can be started in", Link: docNative,
		Explain:  "The operator starts Flink by /docker-entrypoint.sh (kubernetes.entry.path) and the scripts in the image's path, as Flink's own images have them. This image has something else there: another entry point, no Flink in $FLINK_HOME, or a program that can't be executed.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-PROBE", theRest},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if !c.main || c.end == nil || !c.failing() && c.reason != "RunContainerError" || c.exception != nil {
					return "", nil, false
				}
				said := cmp.Or(lastWords(c.log, false), oneLine(c.end.Message))
				if notMade.MatchString(said) {
					return "", nil, false
				}
				if c.end.ExitCode != 126 && c.end.ExitCode != 127 && c.end.ExitCode != 128 && c.end.Reason != "StartError" && c.end.Reason != "ContainerCannotRun" || execFormat.MatchString(said) || said != "" && !entryFails.MatchString(said) {
					return "", nil, false
				}
				return fmt.Sprintf("Flink can't be started in image %s", c.image) + withText(said), []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end) + withText(said)}}, true
			}, func(*pod, *container) []Cure {
				return []Cure{{Text: "build the image on one of Flink's (flink:VERSION), or set kubernetes.entry.path to the script in it that runs its arguments"}}
			})
		},
	},
}
