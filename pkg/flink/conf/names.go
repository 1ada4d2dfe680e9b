package conf

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// rename is the successor of a key and the first Flink version that knows it,
// as in 120 for 1.20; 0 is 1.17 or older.
type rename struct {
	now   string
	since int
}

// renamed are the keys that Flink calls deprecated: ConfigOption.fallbackKeys
// of Flink 1.17.2, 1.18.1, 1.19.1, 1.20.1, 2.0.0, 2.2.0 and 2.3.0. All of them
// are still read.
var renamed = map[string]rename{
	"classloader.parent-first-patterns":                                         {"classloader.parent-first-patterns.default", 0},
	"cleanup-strategy":                                                          {"cleanup-strategy.type", 0},
	"env.java.opts":                                                             {"env.java.opts.all", 0},
	"execution.allow-client-job-configurations":                                 {"execution.program-config.enabled", 0},
	"execution.buffer-timeout":                                                  {"execution.buffer-timeout.interval", 0},
	"execution.checkpointing.alignment-timeout":                                 {"execution.checkpointing.aligned-checkpoint-timeout", 0},
	"execution.checkpointing.approximate-local-recovery":                        {"execution.state-recovery.approximate-local-recovery", 120},
	"execution.checkpointing.checkpoints-after-tasks-finish.enabled":            {"execution.checkpointing.checkpoints-after-tasks-finish", 120},
	"execution.checkpointing.recover-without-channel-state.checkpoint-id":       {"execution.state-recovery.without-channel-state.checkpoint-id", 120},
	"execution.checkpointing.unaligned":                                         {"execution.checkpointing.unaligned.enabled", 0},
	"execution.savepoint-restore-mode":                                          {"execution.state-recovery.claim-mode", 120},
	"execution.savepoint.ignore-unclaimed-state":                                {"execution.state-recovery.ignore-unclaimed-state", 120},
	"execution.savepoint.path":                                                  {"execution.state-recovery.path", 120},
	"high-availability":                                                         {"high-availability.type", 0},
	"high-availability.zookeeper.path.jobgraphs":                                {"high-availability.zookeeper.path.execution-plans", 200},
	"high-availability.zookeeper.path.namespace":                                {"high-availability.cluster-id", 0},
	"high-availability.zookeeper.storageDir":                                    {"high-availability.storageDir", 0},
	"job-manager.max-attempts-history-size":                                     {"jobmanager.execution.attempts-history-size", 0},
	"jobmanager.adaptive-batch-scheduler.avg-data-volume-per-task":              {"execution.batch.adaptive.auto-parallelism.avg-data-volume-per-task", 0},
	"jobmanager.adaptive-batch-scheduler.default-source-parallelism":            {"execution.batch.adaptive.auto-parallelism.default-source-parallelism", 0},
	"jobmanager.adaptive-batch-scheduler.max-parallelism":                       {"execution.batch.adaptive.auto-parallelism.max-parallelism", 0},
	"jobmanager.adaptive-batch-scheduler.min-parallelism":                       {"execution.batch.adaptive.auto-parallelism.min-parallelism", 0},
	"jobmanager.adaptive-batch-scheduler.speculative.block-slow-node-duration":  {"execution.batch.speculative.block-slow-node-duration", 0},
	"jobmanager.adaptive-batch-scheduler.speculative.enabled":                   {"execution.batch.speculative.enabled", 0},
	"jobmanager.adaptive-batch-scheduler.speculative.max-concurrent-executions": {"execution.batch.speculative.max-concurrent-executions", 0},
	"jobmanager.adaptive-scheduler.resource-stabilization-timeout":              {"jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout", 200},
	"jobmanager.adaptive-scheduler.resource-wait-timeout":                       {"jobmanager.adaptive-scheduler.submission.resource-wait-timeout", 200},
	"jobmanager.adaptive-scheduler.scaling-interval.min":                        {"jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling", 200},
	"jobstore.cache-size":                                                       {"completed-application-store.cache-size", 203},
	"jobstore.max-capacity":                                                     {"completed-application-store.max-capacity", 203},
	"jobstore.type":                                                             {"completed-application-store.type", 203},
	"kubernetes.container.image":                                                {"kubernetes.container.image.ref", 0},
	"kubernetes.jobmanager.cpu":                                                 {"kubernetes.jobmanager.cpu.amount", 0},
	"kubernetes.pod-template-file":                                              {"kubernetes.pod-template-file.default", 0},
	"kubernetes.taskmanager.cpu":                                                {"kubernetes.taskmanager.cpu.amount", 0},
	"library-cache-manager.cleanup.interval":                                    {"blob.service.cleanup.interval", 0},
	"local.number-taskmanager":                                                  {"minicluster.number-of-taskmanagers", 119},
	"metrics.scope.jm.job":                                                      {"metrics.scope.jm-job", 0},
	"metrics.scope.tm.job":                                                      {"metrics.scope.tm-job", 0},
	"pipeline.operator-chaining":                                                {"pipeline.operator-chaining.enabled", 118},
	"restart-strategy":                                                          {"restart-strategy.type", 0},
	"savepoints.state.backend.fs.dir":                                           {"execution.checkpointing.savepoint-dir", 120},
	"security.kerberos.fetch.delegation-token":                                  {"security.delegation.tokens.enabled", 0},
	"security.kerberos.tokens.renewal.retry.backoff":                            {"security.delegation.tokens.renewal.retry.backoff", 0},
	"security.kerberos.tokens.renewal.time-ratio":                               {"security.delegation.tokens.renewal.time-ratio", 0},
	"security.keytab":                                                           {"security.kerberos.login.keytab", 0},
	"security.principal":                                                        {"security.kerberos.login.principal", 0},
	"security.ssl.close-notify-flush-timeout":                                   {"security.ssl.internal.close-notify-flush-timeout", 0},
	"security.ssl.handshake-timeout":                                            {"security.ssl.internal.handshake-timeout", 0},
	"security.ssl.session-cache-size":                                           {"security.ssl.internal.session-cache-size", 0},
	"security.ssl.session-timeout":                                              {"security.ssl.internal.session-timeout", 0},
	"slotmanager.taskmanager-timeout":                                           {"resourcemanager.taskmanager-timeout", 0},
	"state.backend":                                                             {"state.backend.type", 0},
	"state.backend.changelog.enabled":                                           {"state.changelog.enabled", 120},
	"state.backend.changelog.max-failures-allowed":                              {"state.changelog.max-failures-allowed", 120},
	"state.backend.changelog.periodic-materialize.enabled":                      {"state.changelog.periodic-materialize.enabled", 120},
	"state.backend.changelog.periodic-materialize.interval":                     {"state.changelog.periodic-materialize.interval", 120},
	"state.backend.changelog.storage":                                           {"state.changelog.storage", 120},
	"state.backend.fs.checkpointdir":                                            {"execution.checkpointing.dir", 120},
	"state.backend.fs.memory-threshold":                                         {"execution.checkpointing.data-inline-threshold", 120},
	"state.backend.fs.write-buffer-size":                                        {"execution.checkpointing.write-buffer-size", 120},
	"state.backend.incremental":                                                 {"execution.checkpointing.incremental", 120},
	"state.backend.latency-track.history-size":                                  {"state.latency-track.history-size", 120},
	"state.backend.latency-track.keyed-state-enabled":                           {"state.latency-track.keyed-state-enabled", 120},
	"state.backend.latency-track.sample-interval":                               {"state.latency-track.sample-interval", 120},
	"state.backend.latency-track.state-name-as-variable":                        {"state.latency-track.state-name-as-variable", 120},
	"state.backend.local-recovery":                                              {"execution.state-recovery.from-local", 120},
	"state.checkpoint-storage":                                                  {"execution.checkpointing.storage", 120},
	"state.checkpoint.cleaner.parallel-mode":                                    {"execution.checkpointing.cleaner.parallel-mode", 120},
	"state.checkpoints.create-subdir":                                           {"execution.checkpointing.create-subdir", 120},
	"state.checkpoints.dir":                                                     {"execution.checkpointing.dir", 120},
	"state.checkpoints.num-retained":                                            {"execution.checkpointing.num-retained", 120},
	"state.savepoints.dir":                                                      {"execution.checkpointing.savepoint-dir", 120},
	"state.storage.fs.memory-threshold":                                         {"execution.checkpointing.data-inline-threshold", 120},
	"state.storage.fs.write-buffer-size":                                        {"execution.checkpointing.write-buffer-size", 120},
	"task.cancellation-interval":                                                {"task.cancellation.interval", 0},
	"taskmanager.debug.memory.logIntervalMs":                                    {"taskmanager.debug.memory.log-interval", 0},
	"taskmanager.debug.memory.startLogThread":                                   {"taskmanager.debug.memory.log", 0},
	"taskmanager.maxRegistrationDuration":                                       {"taskmanager.registration.timeout", 0},
	"taskmanager.memory.size":                                                   {"taskmanager.memory.managed.size", 0},
	"taskmanager.network.memory.exclusive-buffers-request-timeout-ms":           {"taskmanager.network.memory.buffers-request-timeout", 120},
	"taskmanager.network.memory.fraction":                                       {"taskmanager.memory.network.fraction", 0},
	"taskmanager.network.memory.max":                                            {"taskmanager.memory.network.max", 0},
	"taskmanager.network.memory.min":                                            {"taskmanager.memory.network.min", 0},
	"taskmanager.runtime.fs_timeout":                                            {"taskmanager.runtime.fs-timeout", 119},
	"taskmanager.state.local.root-dirs":                                         {"execution.checkpointing.local-backup.dirs", 120},
	"taskmanager.tmp.dirs":                                                      {"io.tmp.dirs", 0},
	"timerservice.exceptional.shutdown.timeout":                                 {"task.cancellation.timers.timeout", 0},
	"web.port": {"rest.port", 0},
	"yarn.security.kerberos.additionalFileSystems": {"security.kerberos.access.hadoopFileSystems", 0},
}

// removed are keys that Flink 1.20 reads, deprecated, and Flink 2.0 ignores,
// with what to use instead; "" where nothing takes their place.
var removed = map[string]string{
	"taskmanager.refused-registration-pause":                                "",
	"taskmanager.network.hybrid-shuffle.spill-index-segment-size":           "",
	"taskmanager.network.blocking-shuffle.compression.enabled":              "",
	"taskmanager.max-registration-pause":                                    "",
	"taskmanager.initial-registration-pause":                                "",
	"cluster.evenly-spread-out-slots":                                       "taskmanager.load-balance.mode: SLOTS",
	"execution.checkpointing.force":                                         "",
	"fine-grained.shuffle-mode.all-blocking":                                "",
	"high-availability.job.delay":                                           "",
	"high-availability.zookeeper.path.running-registry":                     "",
	"jobmanager.heap.mb":                                                    "jobmanager.memory.process.size",
	"jobmanager.heap.size":                                                  "jobmanager.memory.process.size",
	"pipeline.auto-type-registration":                                       "",
	"pipeline.default-kryo-serializers":                                     "pipeline.serialization-config",
	"pipeline.registered-kryo-types":                                        "pipeline.serialization-config",
	"pipeline.registered-pojo-types":                                        "pipeline.serialization-config",
	"pipeline.time-characteristic":                                          "",
	"resourcemanager.taskmanager-release.wait.result.consumed":              "",
	"security.ssl.enabled":                                                  "security.ssl.internal.enabled and security.ssl.rest.enabled",
	"state.backend.async":                                                   "",
	"taskmanager.exit-on-fatal-akka-error":                                  "",
	"taskmanager.heap.mb":                                                   "taskmanager.memory.process.size",
	"taskmanager.heap.size":                                                 "taskmanager.memory.process.size",
	"taskmanager.network.batch-shuffle.compression.enabled":                 "",
	"taskmanager.network.blocking-shuffle.type":                             "",
	"taskmanager.network.hybrid-shuffle.enable-new-mode":                    "",
	"taskmanager.network.hybrid-shuffle.num-retained-in-memory-regions-max": "",
	"taskmanager.network.hybrid-shuffle.spill-index-region-group-size":      "",
	"taskmanager.network.max-num-tcp-connections":                           "",
	"taskmanager.network.memory.buffers-per-channel":                        "",
	"taskmanager.network.memory.floating-buffers-per-gate":                  "",
	"taskmanager.network.memory.max-buffers-per-channel":                    "",
	"taskmanager.network.memory.max-overdraft-buffers-per-gate":             "",
	"taskmanager.network.netty.client.numThreads":                           "",
	"taskmanager.network.netty.num-arenas":                                  "",
	"taskmanager.network.netty.sendReceiveBufferSize":                       "",
	"taskmanager.network.netty.server.backlog":                              "",
	"taskmanager.network.netty.server.numThreads":                           "",
	"taskmanager.network.netty.transport":                                   "",
	"taskmanager.network.numberOfBuffers":                                   "",
	"taskmanager.network.sort-shuffle.min-parallelism":                      "",
	"taskmanager.registration.initial-backoff":                              "",
	"taskmanager.registration.max-backoff":                                  "",
	"taskmanager.registration.refused-backoff":                              "",
	"web.address":                            "rest.bind-address",
	"web.backpressure.cleanup-interval":      "",
	"web.backpressure.delay-between-samples": "",
	"web.backpressure.num-samples":           "",
	"web.backpressure.refresh-interval":      "",
	"web.ssl.enabled":                        "security.ssl.rest.enabled",
}

// Deprecation is what Flink has against a key.
type Deprecation struct {
	// Successor is the key to use instead; "" where there is none.
	Successor string `json:"successor,omitempty"`
	// Since is the first Flink version that knows the successor; "" for those
	// before 1.18.
	Since string `json:"since,omitempty"`
	// Ignored says that the job's Flink version no longer reads the key.
	Ignored bool `json:"ignored,omitempty"`
}

// Deprecated says what Flink of a version has against a key; version is as in
// spec.flinkVersion (v1_20) or as Flink says it (1.20.5). ok is false where
// nothing is known against it.
func Deprecated(key, version string) (d Deprecation, ok bool) {
	at := flinkNumber(version)
	if r, found := renamed[key]; found {
		return Deprecation{Successor: r.now, Since: spelled(r.since)}, at >= r.since
	}
	if rest, found := strings.CutPrefix(key, "akka."); found {
		// Flink 1.18 left Akka for Pekko; the watch options went with 2.0.
		if strings.HasPrefix(rest, "watch.") {
			return Deprecation{Ignored: at >= 200}, at >= 118
		}
		if rest == "client.timeout" {
			return Deprecation{Successor: rest}, true
		}
		return Deprecation{Successor: "pekko." + rest, Since: spelled(118)}, at >= 118
	}
	if successor, found := removed[key]; found {
		return Deprecation{Successor: successor, Ignored: at >= 200}, true
	}
	return Deprecation{}, false
}

// Canonical is the newest name of a key that a Flink version knows.
func Canonical(key, version string) string {
	if d, ok := Deprecated(key, version); ok && d.Successor != "" && renamed[key].now == d.Successor {
		return d.Successor
	}
	return key
}

// flinkNumber makes a number of v1_20 or 1.20.5: 120; of 2.3: 203. What it
// can't read is the newest there is.
func flinkNumber(version string) int {
	parts := strings.FieldsFunc(strings.TrimPrefix(version, "v"), func(r rune) bool { return r == '_' || r == '.' || r == '-' })
	if len(parts) < 2 {
		return 999
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err != nil || err2 != nil {
		return 999
	}
	return major*100 + minor
}

func spelled(number int) string {
	if number == 0 {
		return ""
	}
	return strconv.Itoa(number/100) + "." + strconv.Itoa(number%100)
}

// standard are Flink's own values of keys that people ask for, by the newest
// name of the key; the same in Flink 1.17 to 2.3 unless since says otherwise
// (ConfigOption.defaultValue of the releases named above).
var standard = map[string]struct {
	value string
	since int
}{
	"execution.buffer-timeout.interval":                         {"100 ms", 0},
	"execution.checkpointing.aligned-checkpoint-timeout":        {"0 ms", 0},
	"execution.checkpointing.checkpoints-after-tasks-finish":    {"true", 120},
	"execution.checkpointing.externalized-checkpoint-retention": {"NO_EXTERNALIZED_CHECKPOINTS", 0},
	"execution.checkpointing.incremental":                       {"false", 120},
	"execution.checkpointing.local-backup.enabled":              {"false", 120},
	"execution.checkpointing.max-concurrent-checkpoints":        {"1", 0},
	"execution.checkpointing.min-pause":                         {"0 ms", 0},
	"execution.checkpointing.mode":                              {"EXACTLY_ONCE", 0},
	"execution.checkpointing.num-retained":                      {"1", 120},
	"execution.checkpointing.timeout":                           {"10 min", 0},
	"execution.checkpointing.tolerable-failed-checkpoints":      {"0", 119},
	"execution.checkpointing.unaligned.enabled":                 {"false", 0},
	"execution.runtime-mode":                                    {"STREAMING", 0},
	"execution.state-recovery.claim-mode":                       {"NO_CLAIM", 120},
	"execution.state-recovery.from-local":                       {"false", 120},
	"heartbeat.interval":                                        {"10 s", 0},
	"heartbeat.timeout":                                         {"50 s", 0},
	"high-availability.type":                                    {"NONE", 0},
	"jobmanager.execution.failover-strategy":                    {"region", 0},
	"jobmanager.memory.jvm-metaspace.size":                      {"256 mb", 0},
	"jobmanager.memory.jvm-overhead.fraction":                   {"0.1", 0},
	"jobmanager.memory.off-heap.size":                           {"128 mb", 0},
	"jobmanager.scheduler":                                      {"Default", 0},
	"kubernetes.jobmanager.cpu.limit-factor":                    {"1.0", 0},
	"kubernetes.jobmanager.replicas":                            {"1", 0},
	"kubernetes.taskmanager.cpu.limit-factor":                   {"1.0", 0},
	"parallelism.default":                                       {"1", 0},
	"pekko.ask.timeout":                                         {"10 s", 118},
	"pipeline.auto-watermark-interval":                          {"200 ms", 0},
	"pipeline.generic-types":                                    {"true", 0},
	"pipeline.max-parallelism":                                  {"-1", 0},
	"pipeline.object-reuse":                                     {"false", 0},
	"pipeline.operator-chaining.enabled":                        {"true", 118},
	"resourcemanager.taskmanager-timeout":                       {"30 s", 0},
	"rest.flamegraph.enabled":                                   {"false", 0},
	"rest.port":                                                 {"8081", 0},
	"rest.profiling.enabled":                                    {"false", 119},
	"restart-strategy.exponential-delay.backoff-multiplier":     {"1.5", 119},
	"restart-strategy.exponential-delay.initial-backoff":        {"1 s", 0},
	"restart-strategy.exponential-delay.max-backoff":            {"1 min", 119},
	"slot.idle.timeout":                                         {"50 s", 0},
	"slot.request.timeout":                                      {"5 min", 0},
	"state.backend.type":                                        {"hashmap", 119},
	"state.changelog.enabled":                                   {"false", 120},
	"taskmanager.load-balance.mode":                             {"NONE", 119},
	"taskmanager.memory.framework.heap.size":                    {"128 mb", 0},
	"taskmanager.memory.framework.off-heap.size":                {"128 mb", 0},
	"taskmanager.memory.jvm-metaspace.size":                     {"256 mb", 0},
	"taskmanager.memory.jvm-overhead.fraction":                  {"0.1", 0},
	"taskmanager.memory.jvm-overhead.max":                       {"1 gb", 0},
	"taskmanager.memory.jvm-overhead.min":                       {"192 mb", 0},
	"taskmanager.memory.managed.fraction":                       {"0.4", 0},
	"taskmanager.memory.network.fraction":                       {"0.1", 0},
	"taskmanager.memory.network.min":                            {"64 mb", 0},
	"taskmanager.memory.task.off-heap.size":                     {"0 bytes", 0},
	"taskmanager.numberOfTaskSlots":                             {"1", 0},
	"web.checkpoints.history":                                   {"10", 0},
	"web.exception-history-size":                                {"16", 0},
	"web.refresh-interval":                                      {"3 s", 0},
}

// StandardValue is Flink's own value of a key, for a version; ok is false
// where it isn't known here, or there is none.
func StandardValue(key, version string) (value string, ok bool) {
	s, found := standard[Canonical(key, version)]
	return s.value, found && flinkNumber(version) >= s.since
}

// KnownKeys are the keys that completion offers.
func KnownKeys() []string { return slices.Sorted(maps.Keys(standard)) }
