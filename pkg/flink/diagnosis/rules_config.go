package diagnosis

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// forbiddenKeys are those that the operator sets itself and refuses.
var forbiddenKeys = []string{"kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id"}

var variable = pattern(`\$\{?[A-Za-z_]`)

var (
	// ofSeconds are durations of which milliseconds make no sense, ofMegabytes
	// sizes of which bytes don't.
	ofSeconds   = pattern(`^(?:execution\.checkpointing\.(?:interval|timeout|min-pause)|restart-strategy\..*(?:delay|interval|backoff)|heartbeat\.(?:interval|timeout)|slot\.\w+\.timeout|resourcemanager\.taskmanager-timeout|(?:akka|pekko)\.ask\.timeout|kubernetes\.operator\..*(?:interval|timeout|ttl|age|period|threshold))$`)
	ofMegabytes = pattern(`^(?:taskmanager|jobmanager)\.memory\.(?:process|flink|heap|task|framework|managed|network|jvm-metaspace|jvm-overhead|off-heap)`)
)

var configRules = []Rule{
	{
		ID: "FLINK-CONF-FORBIDDEN", Severity: Error, Title: "a key that the operator sets itself", Link: docOpConfig,
		Explain: "kubernetes.namespace, kubernetes.cluster-id and high-availability.cluster-id follow from the object's name and namespace; the operator refuses a spec that sets them.",
		spec: func(m *manifest) []Finding {
			var out []Finding
			for _, key := range forbiddenKeys {
				if value, ok := m.own[key]; ok {
					out = append(out, Finding{Subject: key, Means: "the operator refuses a spec that sets " + key, Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: key + ": " + value}}, Cures: []Cure{m.mendConf("take it away", map[string]any{key: nil})}})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-UNKNOWN", Severity: Warning, Title: "an unknown configuration key", Link: docConfig,
		Explain: "The key isn't one of Flink's (1.20, 2.3) or the operator's: it is misspelt, and Flink ignores it without a word. Keys of connectors, metrics reporters, filesystems and of the job's own are not looked at, unless they are a letter or two away from a real one.",
		spec: func(m *manifest) []Finding {
			var out []Finding
			for _, key := range sortedKeys(m.own) {
				if isKnown(key) || inAny(key, open) {
					continue
				}
				near := nearestKey(key)
				f := Finding{Subject: key, Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: secretLine(key, m.own[key])}}}
				switch {
				case near != "":
					f.Means = fmt.Sprintf("there is no key %s; is %s meant?", key, near)
					f.Confidence = Likely
					if _, set := m.own[near]; !set {
						f.Cures = []Cure{{Text: "use the real key", Command: m.patchConf(map[string]any{key: nil, near: m.own[key]}), Safe: m.keepsState()}}
						if secretLine(key, m.own[key]) != key+": "+m.own[key] {
							f.Cures = []Cure{{Text: "use the real key, " + near}}
						}
					}
				case inAny(key, closed):
					f.Severity, f.Confidence = Info, Possible
					f.Means = "neither Flink nor the operator is known to read the key " + key
				default:
					continue
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-VALUE", Severity: Error, Title: "a value of the wrong kind", Link: docConfig,
		Explain: "The value can't be read as what the key takes: a number, a duration (10 s, 5 min), a size (512m), true or false, one of a few words. Flink fails on it when it reads the key, mostly at start.",
		spec: func(m *manifest) []Finding {
			all, _ := keys()
			var out []Finding
			for _, key := range sortedKeys(m.own) {
				k, ok := all[key]
				if !ok {
					continue
				}
				value := m.own[key]
				if why := wrongValue(k.kind, value); why != "" {
					out = append(out, Finding{Subject: key, Means: fmt.Sprintf("%s: %q is no %s", key, secret.Value(key, value), why), Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: secretLine(key, value)}}, Cures: []Cure{{Text: "give it " + article(why)}}})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-UNIT", Severity: Warning, Title: "a value without its unit", Link: docConfig,
		Explain: "A duration without a unit is in milliseconds to Flink, and a size in bytes. So few of them are hardly meant: checkpoints every 10 milliseconds, state that is forgotten after 3.6 seconds, a process of 2 kB.",
		spec: func(m *manifest) []Finding {
			all, _ := keys()
			var out []Finding
			for _, key := range sortedKeys(m.own) {
				n, err := strconv.ParseInt(strings.TrimSpace(m.own[key]), 10, 64)
				if err != nil || n <= 0 {
					continue
				}
				f := Finding{Subject: key, Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: secretLine(key, m.own[key])}}}
				switch kind := all[key].kind; {
				case kind == "duration" && n < 1000 && ofSeconds.MatchString(key), key == "table.exec.state.ttl" && n < 60_000:
					f.Means = fmt.Sprintf("%s: %d is %d milliseconds", key, n, n)
					f.Cures = []Cure{{Text: fmt.Sprintf("write the unit that is meant: %d s, %d min, %d h", n, n, n)}}
				case kind == "memory" && n < 1<<20 && ofMegabytes.MatchString(key):
					f.Means = fmt.Sprintf("%s: %d is %d bytes", key, n, n)
					f.Cures = []Cure{{Text: fmt.Sprintf("write the unit that is meant: %dm, %dg", n, n)}}
				default:
					continue
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-REMOVED", Severity: Warning, Title: "a key that this Flink doesn't read any more", Link: docConfig,
		Explain: "Flink 2 dropped many keys that 1.x had called deprecated. It ignores them without a word: what they set falls back to its default.",
		spec: func(m *manifest) []Finding {
			if m.version() < 200 {
				return nil
			}
			all, _ := keys()
			var out []Finding
			for _, key := range sortedKeys(m.own) {
				k, ok := all[key]
				if !ok || k.two || k.now != "" {
					continue
				}
				f := Finding{Subject: key, Means: fmt.Sprintf("Flink %s doesn't read %s", versionText(m.version()), key), Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: secretLine(key, m.own[key])}}}
				if k.instead != "" {
					f.Means += "; use " + k.instead
				}
				f.Cures = []Cure{{Text: "take it away", Command: m.patchConf(map[string]any{key: nil}), Safe: m.keepsState()}}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-DEPRECATED", Severity: Info, Title: "a key with a newer name", Link: docConfig,
		Explain: "Flink has renamed the key and still reads the old name. Where both are set, the new one counts.",
		spec: func(m *manifest) []Finding {
			all, _ := keys()
			var out []Finding
			for _, key := range sortedKeys(m.own) {
				k, ok := all[key]
				if !ok || k.now == "" || m.version() < 120 && !all[k.now].one || m.version() >= 200 && !all[k.now].two {
					continue
				}
				f := Finding{Subject: key, Means: fmt.Sprintf("%s is called %s now", key, k.now), Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: secretLine(key, m.own[key])}}}
				if other, both := m.own[k.now]; both && other != m.own[key] {
					f.Severity = Warning
					f.Means = fmt.Sprintf("%s and %s, its new name, are both set and differ: %s counts", key, k.now, k.now)
					f.Cures = []Cure{{Text: "keep the new one", Command: m.patchConf(map[string]any{key: nil}), Safe: m.keepsState()}}
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-NO-EFFECT", Severity: Warning, Title: "a key without effect", Link: docConfig,
		Explain: "The key is right, and something else has to be set for it to count: options of a restart strategy, state backend or high availability that isn't chosen; options of the autoscaler while it is off.",
		spec: func(m *manifest) []Finding {
			var out []Finding
			add := func(key, why string) {
				out = append(out, Finding{Subject: key, Means: key + " has no effect: " + why, Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: secretLine(key, m.own[key])}}, Confidence: Likely, Cures: []Cure{{Text: "take it away, or choose what it belongs to"}}})
			}
			strategy := m.conf.get("restart-strategy.type", "restart-strategy")
			backend := m.conf.get("state.backend.type", "state.backend")
			for _, key := range sortedKeys(m.own) {
				switch {
				case strings.HasPrefix(key, "restart-strategy.") && key != "restart-strategy.type":
					name, _, _ := strings.Cut(strings.TrimPrefix(key, "restart-strategy."), ".")
					if strategy != "" && foldName(strategy) != foldName(name) && (name == "fixed-delay" || name == "exponential-delay" || name == "failure-rate") {
						add(key, "restart-strategy.type is "+strategy)
					} else if strategy == "" && (name == "fixed-delay" || name == "failure-rate") {
						add(key, "restart-strategy.type isn't set")
					}
				case strings.HasPrefix(key, "state.backend.rocksdb.") && backend != "" && backend != "rocksdb" && !strings.Contains(backend, "."):
					add(key, "state.backend.type is "+backend)
				case key == haDirKey && m.conf.ha() == "":
					add(key, "high-availability.type isn't set")
				case strings.HasPrefix(key, "job.autoscaler.") && key != "job.autoscaler.enabled" && m.conf["job.autoscaler.enabled"] != "true":
					out = append(out, Finding{Severity: Info, Subject: key, Means: key + " has no effect while job.autoscaler.enabled isn't true", Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: key + ": " + m.own[key]}}, Confidence: Possible})
				case (key == "jobmanager.memory.process.size" && text(m.cluster, "jobManager", "resource", "memory") != "" || key == "taskmanager.memory.process.size" && text(m.cluster, "taskManager", "resource", "memory") != "") && m.isCluster():
					if have, ok := memory(m.own[key]); ok {
						if want, ok := memory(m.conf[key]); ok && have != want {
							add(key, "the operator sets it from spec."+podField(strings.SplitN(key, ".", 2)[0])+".resource.memory")
						}
					}
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-CONF-SECRET", Severity: Warning, Title: "a credential in clear text", Link: docS3,
		Explain: "A password or key stands in the spec, where everybody who may read the object, its ConfigMap and its last reconciled spec sees it. Environment variables from a Secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), the service account's identity, or a mounted file keep it out.",
		spec: func(m *manifest) []Finding {
			var names []string
			for _, key := range sortedKeys(m.own) {
				value := m.own[key]
				if value != "" && !variable.MatchString(value) && secret.Name(key) && secret.Value(key, value) == secret.Hidden {
					names = append(names, key)
				}
			}
			if len(names) == 0 {
				return nil
			}
			return []Finding{{Subject: "spec.flinkConfiguration", Means: "credentials stand in clear text in the spec: " + strings.Join(names, ", "), Evidence: []Evidence{{Source: "spec.flinkConfiguration", Text: names[0] + ": " + secret.Hidden}}, Cures: []Cure{{Text: "have them in a Secret, as environment variables of the pod template"}}}}
		},
	},
	{
		ID: "FLINK-CONF-SAVEPOINT-FORMAT", Severity: Info, Title: "canonical savepoints on Flink 2", Link: docSavepoints,
		Explain: "The operator takes canonical savepoints unless kubernetes.operator.savepoint.format.type says NATIVE. Jobs of Flink 2 whose operators use asynchronous state can't write canonical ones: the attempt fails and restarts the job.",
		spec: func(m *manifest) []Finding {
			if !m.runsJob() || m.version() < 200 || m.mode() != api.UpgradeSavepoint || m.conf["kubernetes.operator.savepoint.format.type"] != "" {
				return nil
			}
			return []Finding{{Subject: "kubernetes.operator.savepoint.format.type", Means: "savepoints of upgrades are canonical; a job with asynchronous state (Flink 2) can't write these", Evidence: []Evidence{field("flinkVersion", text(m.cluster, "flinkVersion")), field("job.upgradeMode", api.UpgradeSavepoint)}, Cures: []Cure{m.setConf("take native ones", map[string]any{"kubernetes.operator.savepoint.format.type": "NATIVE"})}, Confidence: Possible}}
		},
	},
	{
		ID: "FLINK-CONF-CLAIM", Severity: Info, Title: "Flink may delete what the job starts from", Link: docSavepoints,
		Explain: "With claim mode CLAIM (or LEGACY) Flink owns the savepoint that the job starts from, and deletes it when it isn't needed any more: it can't be started from again, nor by another job.",
		spec: func(m *manifest) []Finding {
			value, key := m.conf.find("execution.state-recovery.claim-mode", "execution.savepoint-restore-mode")
			if !m.runsJob() || !strings.EqualFold(value, "CLAIM") && !strings.EqualFold(value, "LEGACY") {
				return nil
			}
			return []Finding{{Subject: key, Means: "Flink owns, and may delete, the savepoint that the job starts from", Evidence: []Evidence{m.key(key)}}}
		},
	},
}

// secretLine is a key and its value, fit to be read.
func secretLine(key, value string) string { return key + ": " + secret.Value(key, value) }

func foldName(name string) string {
	name = fold(name)
	if name == "fixeddelay" || name == "exponentialdelay" || name == "failurerate" {
		return name
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "restartbackofftimestrategyfactory"), "restartstrategy")
}

func article(noun string) string {
	if strings.HasPrefix(noun, "one of") || strings.Contains(noun, " or ") {
		return noun
	}
	return "a " + noun
}

// wrongValue is what a value isn't; "" where it is right, or can't be judged.
func wrongValue(kind, value string) string {
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	if value == "" || variable.MatchString(value) {
		return ""
	}
	switch {
	case kind == "bool":
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return "switch (true or false)"
		}
	case kind == "int":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			if f, err := strconv.ParseFloat(value, 64); err != nil || f != float64(int64(f)) {
				return "whole number"
			}
		}
	case kind == "float":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "number"
		}
	case kind == "duration":
		if _, ok := duration(value); !ok {
			return "duration (10 s, 5 min)"
		}
	case kind == "memory":
		if _, ok := memory(value); !ok {
			return "size (512m, 1g)"
		}
	case strings.HasPrefix(kind, "enum:"):
		for word := range strings.SplitSeq(strings.TrimPrefix(kind, "enum:"), ",") {
			if fold(word) == fold(value) {
				return ""
			}
		}
		return "one of " + strings.TrimPrefix(kind, "enum:")
	}
	return ""
}
