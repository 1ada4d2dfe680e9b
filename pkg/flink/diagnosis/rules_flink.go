package diagnosis

import "fmt"

// What Flink's own processes say of a port, a file of configuration, a jar's size,
// and of a job that ended between a savepoint and its end.
var (
	portTaken     = pattern(`Could not start \w+ HTTP server on any configured port|BindException|Could not (?:start|bind) .* on any port in port range|Address already in use`)
	confUnread    = pattern(`Failed to parse YAML configuration|Error parsing YAML configuration|snakeyaml\.\S*Exception|^(?:DuplicateKey|Scanner|Parser|Composer|ReaderException|MarkedYamlEngine|YamlEngine)\w*`)
	ofYAML        = pattern(`YAML configuration|snakeyaml`)
	jarTooLarge   = pattern(`HTTP entity too large|413 Request Entity Too Large|Payload Too Large|rest\.server\.max-content-length`)
	closedClasses = pattern(`Trying to access closed classloader`)
	endedStopping = pattern(`A savepoint has been created at: (\S+), but the corresponding job \S+ failed during stopping`)
)

var flinkRules = []Rule{
	thrownRule("FLINK-SNAP-STOPPING", "the savepoint is whole, but the job failed as it stopped", docSavepoints,
		"Stop-with-savepoint has two steps. The savepoint was completed; then the job failed before it had told its sinks to commit. Nothing is lost: what was not committed is in the savepoint, and is committed when a job starts from it.",
		endedStopping, oldestCause, func(_ *job, _ Exception, found []string) string {
			return fmt.Sprintf("the savepoint %s is whole, but the job failed as it stopped: transactions of its sinks may not be committed", found[1])
		}, func(j *job, _ Exception, found []string) []Cure {
			return []Cure{{Text: "start it from that savepoint, which commits them", Command: j.flink("restore %s --from %s", j.target(), word(found[1]))}}
		}),
	thrownRule("FLINK-JOB-JAR-SIZE", "the jar is too large to be uploaded", docConfig,
		"A session job's jar is uploaded to the JobManager's REST endpoint, which takes 100 MiB by default; a proxy or Ingress in between may take less.",
		jarTooLarge, []Where{InOperator, InFetch, Somewhere}, says("the jar is too large to be uploaded"),
		advice("raise rest.server.max-content-length (bytes) in the session cluster's flinkConfiguration, and the body size of a proxy in between; or leave Flink itself out of the jar (scope provided), or put it into the image (jarURI local://…) of an application cluster")),
	thrownRule("FLINK-JOB-PORT", "a port is taken", docConfig,
		"A process of Flink, or a reporter or agent in it, can't listen on its port because something else does: another container of the pod, or another pod on the node's network (hostNetwork).",
		portTaken, []Where{InJobManager, InTaskManager, InMain, InTask, Somewhere}, says("a port that is wanted is taken"),
		advice("give each its own port (metrics.reporter.NAME.port as a range, rest.port, jobmanager.rpc.port, taskmanager.rpc.port, a debugger's or agent's in env.java.opts), or leave hostNetwork out of the pod template")),
	thrownRule("FLINK-CONF-BROKEN", "Flink can't read its configuration", docConfig,
		"Since Flink 1.19 conf/config.yaml has to be valid YAML. What the operator writes there comes from spec.flinkConfiguration and the operator's defaults; an image or a mounted file may bring its own.",
		confUnread, []Where{InJobManager, InTaskManager, Somewhere}, says("Flink can't read its configuration file"),
		func(j *job, _ Exception, _ []string) []Cure {
			return look("find the line that it names; a value with a colon, a brace or a leading * needs quotes", j.flink("config %s", j.target()))
		}).unless(func(e Exception) bool { return !ofYAML.MatchString(e.whole()) }),
	thrownRule("FLINK-JOB-CLASSLOADER", "something of the job goes on after its end", docClasses,
		"A thread, a hook or a static field of a library still used the job's classes after the job had ended or restarted. Mostly it follows from another failure, which is the one to look at.",
		closedClasses, []Where{InTask, InMain, InTaskManager, InJobManager, Somewhere}, says("classes of the job were used after its end"),
		advice("look at the failures before it; close clients and their threads in close(), or put the library into /opt/flink/lib of the image (classloader.check-leaked-classloader: false only hides it)")),
}
