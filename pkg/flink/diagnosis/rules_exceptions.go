package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var (
	sqlInvalid    = pattern(`^(?:ValidationException|SqlParserException|SqlParserEOFException|SqlValidateException|SqlParseException|CalciteContextException|ParseException|TableException): ?(.*)`)
	sqlNotFault   = pattern(databaseUnset.text + `|Multiple factories for identifier|planner module|Could not instantiate the executor|Could not find any factor`)
	manyFactories = pattern(`Multiple factories for identifier '([^']*)' that implements? '([^']*)'`)
	noFactory     = pattern(`Could not find any (?:format )?factory for identifier '([^']+)'`)
	// noClass has the class in its second group. A Kafka client names one for its login.
	noClass = pattern(`^(ClassNotFoundException: |NoClassDefFoundError: |IOException: Could not find class '|LoginException: (?:unable to find LoginModule class: |No LoginModule found for ))((?:[\w$-]+[./])+[\w$-]+|[\w$]+$)`)
	ofFlink = pattern(`^org[./]apache[./]flink[./]`)
	// ofModule are parts of Flink that its distribution doesn't have.
	ofModule      = pattern(`^org[./]apache[./]flink[./](?:dropwizard|state[./]api|ml|statefun|hadoopcompatibility)[./]`)
	ofConnector   = pattern(`^org[./]apache[./]flink[./](?:streaming[./]connectors|connector|formats|cdc)[./]`)
	noMethod      = pattern(`^(NoSuchMethodError|NoSuchFieldError|IncompatibleClassChangeError|AbstractMethodError|VerifyError|LinkageError|InvalidClassException)(?:: (.*))?`)
	classCast     = pattern(`ClassCastException: (?:(?:class )?([\w.$\[;]+) cannot be cast to (?:class )?([\w.$\[;]+)|cannot assign instance of (\S+) to field \S+ of type (\S+))`)
	oldJava       = pattern(`UnsupportedClassVersionError: (.*)`)
	javaModules   = pattern(`InaccessibleObjectException|Can not register process function transformation translator|module java\.base does not "?opens|does not "?opens [\w.]+"? to unnamed module|IllegalAccessError: class .* cannot access class`)
	notOpen       = pattern(`module ([\w.]+) does not "?opens ([\w.]+)"? to`)
	stateMap      = pattern(`Cannot map (?:checkpoint/)?savepoint state|setting the --allowNonRestoredState option`)
	stateBackend  = pattern(`Unexpected state handle type`)
	stateSchema   = pattern(`Encountered unregistered class ID|restored TimerService with incompatible serializers|StateMigrationException|new (?:state|key|namespace) serializer.* (?:must not be incompatible|incompatible)|InvalidClassException|The new key serializer`)
	stateBroken   = pattern(`RocksDBException: Corruption|Unrecognized checkpoint version number|Cannot deserialize checkpoint|EOFException.*(?:_metadata|savepoint)|unsupported savepoint version`)
	newerState    = pattern(`checkpoint version number|savepoint version`)
	severalJobs   = pattern(`Cannot have more than one execute\(\) or executeAsync\(\) call`)
	unstableKey   = pattern(`Key group \d+ is not in KeyGroupRange`)
	stateDivided  = pattern(`with max parallelism (\d{1,5}) to new program|maximum parallelism \((\d{1,5})\) with which the latest checkpoint .*current maximum parallelism`)
	maxParallel   = pattern(`(?i)max(?:imum)? parallelism (?:mismatch|\(\d+\)).*(?:lower|smaller|less|higher|exceed|changed|cannot)|parallelism .*(?:greater|higher|larger|exceeds) than (?:the )?max(?:imum)? ?parallelism`)
	noSlots       = pattern(`NoResourceAvailableException|Could not acquire the minimum required resources|Slot request bulk is not fulfillable`)
	frameSize     = pattern(`exceeds the maximum (?:pekko|akka) framesize|maximum (?:akka|pekko) framesize`)
	taskLost      = pattern(`Heartbeat of TaskManager with id (\S+) timed out|TaskManager with id (\S+) is no longer reachable|RemoteTransportException: .*(?:Connection unexpectedly closed|Lost connection)|Connection unexpectedly closed by remote task manager|The TaskExecutor is shutting down|TaskExecutor .* has no more allocated slots|container termination statuses|Pod terminated|TaskExecutorGateway.*(?:recipient is unreachable|timed out)`)
	noProgram     = pattern(`Cannot run program "([^"]+)"`)
	noRestart     = pattern(`Recovery is suppressed by NoRestartBackoffTimeStrategy`)
	attemptsUp    = pattern(`Recovery is suppressed by (\w+)(\(.*\))?`)
	watermarkNone = pattern(`Rowtime timestamp is (?:not defined|null)|Record has (?:Java )?Long\.MIN_VALUE timestamp|no timestamp marker`)
	notSerial     = pattern(`NotSerializableException: (\S+)|is not serializable\. The (?:object|implementation)`)
	ofScala       = pattern(`^NoSuch(?:Method|Field)Error: .*\bscala[./]`)
	jarBroken     = pattern(`^ZipException: (?:zip END header|error in opening zip file|zip file is empty|invalid \w+ header)|Invalid signature file digest|Error while opening jar file`)
	jarSigned     = pattern(`Invalid signature file digest`)
	noOperators   = pattern(`No operators defined in streaming topology|No execution jobs? (?:was|were)? ?found|ProgramMissingJobException|did not contain a Flink job|No jobs included in application`)
	servicesNot   = pattern(`services "([^"]+)" is forbidden`)
	jobDuplicate  = pattern(`DuplicateJobSubmissionException|Job has already been submitted|already been globally-terminated`)
	oldestCause   = []Where{InMain, InTask, InJobManager, InTaskManager, InOperator, InRestore, InCheckpoint, Somewhere}
)

// thrownRule is a rule about an exception of the job's own.
func thrownRule(id, title, link, explain string, pattern *lazy, places []Where, means func(j *job, e Exception, found []string) string, cure func(j *job, e Exception, found []string) []Cure) Rule {
	return Rule{
		ID: id, Severity: Error, Title: title, Link: link, Explain: explain,
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", theRest},
		job: func(j *job) []Finding {
			e, found, ok := j.unexplained(pattern, places)
			if !ok || !j.matters(e) {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: means(j, e, found), Evidence: []Evidence{e.evidence()}, Cures: cure(j, e, found)}
			if j.running() && e.Source != "status.error" {
				f.Severity = Warning
			}
			return []Finding{f}
		},
	}
}

// pythonRule is about facts written from what Flink's sources print.
var pythonRule = sourced("apache/flink, PythonDriver and BeamPythonFunctionRunner",
	thrownRule("FLINK-JOB-PYTHON", "the Python program fails", docPython,
		"The job is a Python program, and it, or a function of it in a TaskManager's worker, ended with an error. What Flink throws names an exit code or quotes a whole traceback; the error is the traceback's last line, in the JobManager's log.",
		pythonFails, oldestCause, says("the Python program failed"), pythonCure))

// sourced names what a rule's facts were written from.
//
//go:noinline
func sourced(source string, r Rule) Rule {
	r.Source = source
	return r
}

// look is the cure of looking at what a command shows.
//
//go:noinline
func look(text, command string) []Cure { return []Cure{{Text: text, Command: command, Safe: true}} }

//go:noinline
func advice(text string) func(*job, Exception, []string) []Cure {
	return func(*job, Exception, []string) []Cure { return []Cure{{Text: text}} }
}

// says isn't inlined: each call would have a function of its own.
//
//go:noinline
func says(what string) func(*job, Exception, []string) string {
	return func(_ *job, e Exception, _ []string) string { return what + ": " + e.Telling() }
}

var exceptionRules = []Rule{
	thrownRule("FLINK-JOB-CONNECTOR", "a connector or format isn't in the image", docTable,
		"A table names a connector or format that no jar on the class path has. Flink's images bring no connectors: the jar (flink-sql-connector-…) has to be in the image's lib folder, or in the job's own jar with its META-INF/services files merged.",
		noFactory, oldestCause, func(_ *job, _ Exception, found []string) string {
			return fmt.Sprintf("no jar has the connector or format %q", found[1])
		}, connectorCure),
	thrownRule("FLINK-JOB-SQL", "the job's SQL isn't valid", docSQL,
		"Flink's SQL planner refuses a statement of the job: a column or table that isn't there, a syntax error. The exception is thrown by the job's main method; the operator has accepted the spec, and nothing in the YAML is to be corrected.",
		sqlInvalid, []Where{InMain}, func(_ *job, e Exception, _ []string) string {
			return "the job's main method failed: " + oneLine(e.Root().String())
		}, advice("correct the statement in the job")).unless(notSQL),
	thrownRule("FLINK-JOB-MODULES", "Java keeps Flink from its own classes", docJava,
		"Java 17 and newer open packages of the JDK only to those that are named by --add-opens. Flink's own configuration has the list under env.java.opts.all; the operator replaces that file, so that the list has to be in the operator's default configuration (as in its chart) or in the spec.",
		javaModules, oldestCause, says("Java 17 keeps Flink from classes of the JDK"), func(_ *job, e Exception, _ []string) []Cure {
			text := "put the --add-exports and --add-opens list of the distribution's conf/config.yaml into env.java.opts.all"
			if found := e.match(notOpen); found != nil {
				text += fmt.Sprintf(", and beside it, if a library of the job's needs it, --add-opens=%s/%s=ALL-UNNAMED", found[1], found[2])
			}
			return []Cure{{Text: text}}
		}),
	thrownRule("FLINK-JOB-JAVA", "the jar is built for a newer Java", docJava,
		"A class was compiled for a newer Java than the image has: class file version 55 is Java 11, 61 is 17, 65 is 21.",
		oldJava, oldestCause, func(_ *job, _ Exception, found []string) string {
			return "a class is compiled for a newer Java than the image has: " + oneLine(found[1])
		}, advice("build with --release for the image's Java, or use an image with a newer one (flink:VERSION-java17)")),
	thrownRule("FLINK-JOB-CLASS", "a class isn't found", docClasses,
		"A class is on neither the job's nor Flink's class path. Classes of connectors have to be in the job's jar; what both the job and a plugin use goes by Flink's parent-first patterns; Hadoop's are in no image.",
		noClass, oldestCause, func(_ *job, _ Exception, found []string) string {
			return "class " + strings.ReplaceAll(found[2], "/", ".") + " is neither in the job's jar nor in the image"
		}, classCure),
	thrownRule("FLINK-JOB-LINKAGE", "the jar doesn't fit this Flink", docClasses,
		"A method or field that a class was compiled against isn't there: the job or a connector is built for another version of Flink or of a library than the one that is loaded first.",
		noMethod, oldestCause, says("the job's jar doesn't fit the libraries that it meets"), func(j *job, e Exception, _ []string) []Cure {
			if e.match(ofScala) != nil {
				return []Cure{{Text: "have Scala in the jar in the one version that everything in it is built for: the end of a library's name (_2.12, _2.13) says which"}}
			}
			return []Cure{{Text: fmt.Sprintf("build the job and its connectors for Flink %s (Flink itself with scope provided), and have no second copy of the library in lib", cmp.Or(j.Flink.Version, versionText(j.version())))}}
		}).unless(ofState),
	thrownRule("FLINK-JOB-CAST", "a class is loaded twice", docClasses,
		"One class was loaded by two class loaders, Flink's and the job's, and isn't the same to Java. It is in lib and in the job's jar; or a cache kept it from the run before.",
		classCast, oldestCause, says("one class was loaded twice"), advice("have the library in one place only, or list its packages in classloader.parent-first-patterns.additional")).unless(otherCast),
	thrownRule("FLINK-JOB-JAR-BROKEN", "the jar can't be read", docClasses,
		"Java can't read the job's jar: it was cut off on its way (a download that broke off, an error page that was stored under its name), or it is a fat jar that has the signature of a library in it, which isn't right for the whole.",
		jarBroken, []Where{InMain, InJobManager, InOperator, InFetch, Somewhere}, says("the job's jar can't be read"), func(j *job, e Exception, _ []string) []Cure {
			if e.match(jarSigned) != nil {
				return []Cure{{Text: "leave META-INF/*.SF, *.DSA and *.RSA of the libraries out of the fat jar (a filter of the shade plugin)"}}
			}
			return []Cure{{Text: "bring it again, and compare its size with the one that was built: " + oneLine(text(j.spec, "job", "jarURI"))}}
		}).unless(func(e Exception) bool { return !strings.Contains(e.text(), ".jar") && e.match(jarSigned) == nil }),
	thrownRule("FLINK-JOB-FACTORIES", "two jars bring the same", docClasses,
		"Flink found a connector, a format or its own planner twice on the class path, and doesn't choose one: a jar is both in /opt/flink/lib and in the job's jar, or in lib in two versions.",
		manyFactories, oldestCause, func(_ *job, e Exception, found []string) string {
			return fmt.Sprintf("there are several %q on the class path: %s", found[1], e.Telling())
		}, func(_ *job, _ Exception, found []string) []Cure {
			if found[1] == "default" || strings.Contains(found[2], "Planner") || strings.Contains(found[2], "ExecutorFactory") {
				return []Cure{{Text: "leave flink-table-planner and flink-table-planner-loader out of the job's jar (scope provided): the image has one"}}
			}
			return []Cure{{Text: "have it in one jar: in the job's (scope compile) or in /opt/flink/lib of the image (scope provided), in one version"}}
		}),
	thrownRule("FLINK-JOB-PROGRAM", "a program isn't in the image", docConfig,
		"The job starts a program of the operating system (Python, for instance) that the image doesn't have at that path, or that isn't executable.",
		noProgram, oldestCause, func(_ *job, _ Exception, found []string) string {
			return fmt.Sprintf("the image has no program %s", found[1])
		}, advice("install it in the image, or correct its path (for Python: python.executable and python.client.executable)")),
	pythonRule,
	thrownRule("FLINK-STATE-MAP", "the savepoint has state that the job doesn't know", docSavepoints,
		"The savepoint has state of an operator that the job doesn't have any more, or whose uid changed. Flink refuses to start rather than to lose it.",
		stateMap, oldestCause, says("the savepoint has state of an operator that the job doesn't have"), func(j *job, _ Exception, _ []string) []Cure {
			return []Cure{{Text: "give the operator its old uid; it is in the message"}, {Text: "or leave its state out", Command: j.flink("restore %s --from PATH --allow-non-restored-state", j.target())}}
		}),
	thrownRule("FLINK-STATE-BROKEN", "the state can't be read", docSavepoints,
		"What the job starts from is there, and isn't what this Flink can read: a file was damaged or cut off, or a newer version of Flink wrote it. State goes from an older Flink to a newer one, not back.",
		stateBroken, []Where{InRestore, InJobManager, InTask, Somewhere}, says("the state can't be read"), func(j *job, e Exception, _ []string) []Cure {
			out := []Cure{{Text: "start it from another savepoint or checkpoint: see what there is", Command: j.flink("storage ls %s", j.target()), Safe: true}, {Text: "and take one before it", Command: j.flink("restore %s --from PATH --no-savepoint", j.target())}}
			if e.match(newerState) != nil {
				out = append([]Cure{{Text: "or go back to the image of the Flink that wrote it"}}, out...)
			}
			return out
		}),
	thrownRule("FLINK-STATE-BACKEND", "the state was written by another state backend", docBackends,
		"Checkpoints, and savepoints in native format, can be read only by the state backend that wrote them: that of RocksDB not by hashmap, and the other way round. Savepoints in canonical format are read by all of them.",
		stateBackend, oldestCause, says("the state was written by another state backend"), advice("start it with the state backend of before (state.backend.type; before Flink 1.19 state.backend), take a savepoint in canonical format, and change the backend with that")),
	thrownRule("FLINK-STATE-SCHEMA", "the state's types don't fit", docSchema,
		"The state was written with other types than the job now has, and its serializer can't read the old form. POJOs and Avro types may change in bounds; Kryo's and Java's own may not.",
		stateSchema, oldestCause, says("the state was written with other types than the job has now"), advice("go back to the old types, or give the state a new name or the operator a new uid and leave the old state out")).unless(notOfState),
	thrownRule("FLINK-JOB-MAX-PARALLELISM", "the parallelism is more than the state can be divided into", docParallelism,
		"Keyed state is divided into as many key groups as the maximum parallelism says (128 or 1.5 times the first parallelism, unless it is set). The parallelism can't be more, and the maximum can't be changed with a savepoint.",
		maxParallel, oldestCause, says("the parallelism doesn't fit the maximum parallelism"), func(_ *job, e Exception, _ []string) []Cure {
			if had := e.match(stateDivided); had != nil {
				return []Cure{{Text: fmt.Sprintf("set the max parallelism to %s again (pipeline.max-parallelism, or what the program sets), into which the state is divided; another one needs a start without state", cmp.Or(had[1], had[2]))}}
			}
			return []Cure{{Text: "lower spec.job.parallelism; pipeline.max-parallelism can only be changed by a start without state"}}
		}),
	thrownRule("FLINK-JOB-NO-JOB", "the main method starts no job", docJobs,
		"The job's main method came to its end, and no job was defined or executed in it.",
		noOperators, []Where{InMain, InJobManager, InOperator, Somewhere}, says("the main method ended without a job"), advice("see that main calls execute(), or an INSERT; and that its arguments (spec.job.args) are as it wants them")),
	thrownRule("FLINK-JOB-SEVERAL", "the main method starts more than one job", docHA,
		"With high availability (and for the operator's upgrades) an application has one job. A main method that calls execute() twice, or executes several INSERTs one by one, is refused.",
		severalJobs, []Where{InMain, InJobManager, InOperator, Somewhere}, says("the main method starts more than one job"), advice("call execute() once (a StatementSet takes several INSERTs together), or make a job object of each")),
	thrownRule("FLINK-JOB-KEYS", "keys don't stay the same", docParallelism,
		"Records go to tasks by the hash of their key, and arrived at a task that this key doesn't belong to: hashCode or equals of the key isn't the same in every JVM. Enums and arrays have Java's default, which isn't; so have objects without a hashCode of their own.",
		unstableKey, []Where{InTask, InCheckpoint, InRestore, Somewhere}, says("keys don't stay the same"), advice("use keys whose hashCode depends on their value alone: strings, numbers, tuples or POJOs of them; of an enum its name()")),
	thrownRule("FLINK-JOB-SERIALIZABLE", "something of the job can't be sent to tasks", docParallelism,
		"Functions are sent to the tasks as serialized objects, and one of them holds something that can't be serialized: a client, a connection, an outer class.",
		notSerial, []Where{InMain, InJobManager, InOperator, Somewhere}, says("a function of the job holds something that can't be serialized"), advice("make the field transient and create it in open()")),
	thrownRule("FLINK-JOB-TIMESTAMP", "records have no timestamp", docWatermarks,
		"Event time needs a timestamp in each record, and these have none: no watermark strategy assigns them, or a rowtime column is null.",
		watermarkNone, []Where{InTask, Somewhere}, says("records have no timestamp"), advice("assign timestamps (WatermarkStrategy.withTimestampAssigner), or filter rows whose rowtime is null")),
	thrownRule("FLINK-JOB-SERVICES", "a client in the pod may not read Services", docRBAC,
		"A client that runs in a pod of the cluster (SQL client, flink run) looks for the REST Service through the Kubernetes API, as the job's service account, which mostly may not read Services. With -Dexecution.target=remote -Drest.address=localhost it asks the JobManager directly.",
		servicesNot, oldestCause, says("a client in the pod may not read Services"), advice("use -Dexecution.target=remote -Drest.address=localhost -Drest.port=8081, as kubectl flink sql does")),
	thrownRule("FLINK-JOB-DUPLICATE", "the job's id was used before", docHA,
		"Flink doesn't start a job of an id that has already come to its end or still runs. With high availability the job result store (below high-availability.storageDir) remembers ended jobs; a fixed id ($internal.pipeline.job-id) or a directory that was kept from an older deployment makes a new job look like one.",
		jobDuplicate, oldestCause, says("Flink has had a job of this id before"), advice("take the entry of the job out of the job result store, or use another high-availability.storageDir")),
	thrownRule("FLINK-JOB-FRAME", "a message is too large for Flink's RPC", docConfig,
		"A message between JobManager and TaskManagers is larger than pekko.ask framesize allows: a huge job graph, or metadata of very many state handles, or user objects in it.",
		frameSize, oldestCause, says("a message is too large for Flink's RPC"), func(j *job, _ Exception, _ []string) []Cure {
			key := "pekko.framesize"
			if v := j.version(); v > 0 && v < 118 {
				key = "akka.framesize"
			}
			return []Cure{j.setConf("allow larger ones (10485760b by default)", map[string]any{key: "41943040b"})}
		}),
	thrownRule("FLINK-JOB-KAFKA", "Kafka refuses or doesn't answer", docKafka,
		"The Kafka client of the job can't work with its cluster: a topic isn't there, credentials or rights are wrong, or brokers aren't reached by the names that they advertise.",
		kafkaWords, []Where{InTask, InMain, InJobManager, InCheckpoint, InRestore, Somewhere, InOperator}, kafkaMeans, kafkaCure),
	{
		ID: "FLINK-JOB-NO-SLOTS", Severity: Error, Title: "there aren't enough slots", Link: docParallelism,
		Explain:  "The job needs more slots than there are, and none came in slot.request.timeout (5 min): in a session cluster or in standalone mode the TaskManagers are too few for its parallelism; in native mode new ones don't come up.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-RESTARTS", "FLINK-CKPT-*", "FLINK-JOB-EXCEPTION", "FLINK-JOB-FAILED"},
		job: func(j *job) []Finding {
			e, _, ok := j.find(noSlots)
			if !ok || !j.matters(e) || j.running() {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "there aren't enough slots for the job", Evidence: []Evidence{e.evidence()}}
			needs := number(j.spec, "job", "parallelism")
			if j.Flink.SlotsTotal > 0 || j.Mark(FromJobManager) == Read {
				f.Evidence = append(f.Evidence, Evidence{Source: "the JobManager", Text: fmt.Sprintf("%d slots, %d free, %d TaskManagers", j.Flink.SlotsTotal, j.Flink.SlotsFree, len(j.Flink.TaskManagers))})
				f.Means = fmt.Sprintf("there aren't enough slots for the job: parallelism %d, %d slots free of %d", needs, j.Flink.SlotsFree, j.Flink.SlotsTotal)
			}
			switch {
			case j.standalone():
				f.Cures = []Cure{{Text: "have more TaskManagers (spec.taskManager.replicas), or a smaller parallelism"}}
			default:
				f.Cures = look("see why no TaskManager comes", j.flink("logs %s --jm --level warn", j.target()))
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-MAIN", Severity: Error, Title: "the job's main method fails", Link: docJobs,
		Explain:  "The job's main method threw an exception before a job was running. It is the job's own code; the innermost cause is shown as it is.",
		Explains: []string{"FLINK-POD-CRASH", theRest},
		job: func(j *job) []Finding {
			for i, e := range j.seen {
				if e.Where != InMain || j.claimed[i] || !j.matters(e) {
					continue
				}
				j.touched = append(j.touched, i)
				return []Finding{{Subject: j.ref(), Means: "the job's main method failed: " + e.Telling(), Evidence: chainEvidence(e)}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-JOB-NO-RESTART", Severity: Error, Title: "the job isn't restarted after a failure", Link: docRecovery,
		Explain: "The job has no restart strategy, so that the first failure of a task ends it. Without checkpoints that is Flink's default; with them it restarts by exponential delay. What failed is shown beside this.",
		job: func(j *job) []Finding {
			e, _, ok := j.findAnywhere(noRestart)
			if !ok || j.state != api.JobFailed && j.lifecycle != api.LifecycleFailed {
				return nil
			}
			f := Finding{Severity: Warning, Subject: j.ref(), Means: "the job has no restart strategy: its first failure ended it", Evidence: []Evidence{{Source: e.Source, At: e.At, Text: "Recovery is suppressed by NoRestartBackoffTimeStrategy"}}}
			f.Cures = []Cure{j.setConf("let it restart", map[string]any{"restart-strategy.type": "exponential-delay"}), {Text: "turn checkpoints on, which bring a restart strategy and keep the state (execution.checkpointing.interval)"}}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-ATTEMPTS", Severity: Warning, Title: "the job has used up its restarts", Link: docRecovery,
		Explain: "The restart strategy allows a number of restarts (restart-strategy.fixed-delay.attempts, failure-rate …), and they are used up: the job has FAILED for good. The last failure is shown beside this.",
		job: func(j *job) []Finding {
			e, found, ok := j.findAnywhere(attemptsUp)
			if !ok || found[1] == "NoRestartBackoffTimeStrategy" || j.state != api.JobFailed && j.lifecycle != api.LifecycleFailed {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the job has used up its restarts: " + found[1] + found[2], Evidence: []Evidence{{Source: e.Source, At: e.At, Text: "Recovery is suppressed by " + found[1] + found[2]}}, Cures: []Cure{{Text: "mend the cause, then start it again", Command: j.flink("restart %s", j.target())}}}}
		},
	},
	{
		ID: "FLINK-JOB-TASKMANAGER-LOST", Severity: Error, Title: "a TaskManager was lost", Link: docRecovery,
		Explain:  "The JobManager, or another task, lost a TaskManager: its pod ended, its node or the network failed, or long garbage collection kept it from answering (heartbeat.timeout, 50 s).",
		Explains: []string{"FLINK-JOB-RESTARTS", "FLINK-CKPT-FAILING", "FLINK-CKPT-*"},
		job: func(j *job) []Finding {
			e, _, ok := j.find(taskLost)
			if !ok || !j.matters(e) {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "a TaskManager was lost: " + e.Telling(), Evidence: []Evidence{e.evidence()}, Cures: look("see how TaskManagers ended", j.flink("logs %s --jm --grep 'is terminated'", j.target())), Confidence: Likely}
			if j.running() {
				f.Severity = Warning
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-RESTARTS", Severity: Error, Title: "the job restarts again and again", Link: docRecovery,
		Explain: "The job has restarted at least 3 times within an hour, or 6 times within a day: it holds its slots, and each time what was done since the last completed checkpoint is done again. What that cost is counted in slot hours, as far as the JobManager still lists failures and checkpoints. Where the same exception comes again, a restart won't help.",
		job:     restartsOften,
	},
}

// unexplained is find among the exceptions that no rule before has explained.
func (j *job) unexplained(pattern *lazy, places []Where) (e Exception, found []string, ok bool) {
	for i, e := range j.seen {
		if j.claimed[i] || !slices.Contains(places, e.Where) {
			continue
		}
		if found := e.match(pattern); found != nil {
			j.touched = append(j.touched, i)
			return e, found, true
		}
	}
	return e, nil, false
}

// findAnywhere is find without taking the exception for explained.
func (j *job) findAnywhere(pattern *lazy) (e Exception, found []string, ok bool) {
	for _, e := range j.seen {
		if found := e.match(pattern); found != nil {
			return e, found, true
		}
	}
	return e, nil, false
}

// chainEvidence is an exception with the line above its root that names the
// thing, and who wrapped it.
func chainEvidence(e Exception) []Evidence {
	out := []Evidence{e.evidence()}
	root := e.Root().String()
	for _, c := range slices.Backward(e.Chain) {
		if line := oneLine(c.String()); c.Message != "" && line != oneLine(root) && !strings.Contains(out[0].Text, line) && out[len(out)-1].Text != line && len(out) < 3 {
			out = append(out, Evidence{Source: "above it", Text: line})
		}
	}
	return out
}
