package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var (
	pluginNamed = pattern(`The scheme is directly supported by Flink through the following plugins?(?:\(s\))?: ([\w-]+(?:, [\w-]+)*)`)
	pluginNone  = pattern(`Could not find a file system implementation for scheme '?"?(s3a?|s3p|gs|abfss?|wasbs?|oss)\b`)
	// hadoopNone is Flink's word for a scheme that only Hadoop serves, hadoopLacks
	// that of Hadoop itself, which doesn't see Flink's plugins.
	hadoopNone  = pattern(`Could not find a file system implementation for scheme '?"?(hdfs|viewfs|webhdfs)\b`)
	hadoopLacks = pattern(`No FileSystem for scheme:? '?"?([a-z][a-z0-9+.-]*)`)
	noWriter    = pattern(`UnsupportedOperationException: (?:.*\b(?:not support|do(?:es)? not support)\w* recoverable writers|Recoverable writers on \w+ are only supported|.*[Rr]ecoverable ?[Ww]riters? .*(?:only supported|not supported|unsupported))`)
	s3Denied    = pattern(`(?i)Status Code: 403|KMS\.\w+Exception|AccessDenied|Access Denied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|provided token has expired|Unable to load (?:AWS )?credentials|No AWS Credentials|NoAwsCredentialsException|[Nn]ot authorized to perform:? sts:|AWSBadRequestException.*403|Forbidden \(Service: (?:Amazon )?S3`)
	// s3Allowed are refusals with 403 that no other credentials help against.
	s3Allowed = pattern(`QuotaExceeded|InvalidObjectState|not valid for the object's (?:storage class|access tier)`)
	s3Bucket  = pattern(`NoSuchBucket|The specified (?:bucket|filesystem|container) does not exist|Container \S+ in account \S+ not found`)
	// s3Broke are connections that were made.
	s3Broke   = pattern(`Read timed out|Connection reset|failed to respond`)
	s3Clock   = pattern(`RequestTimeTooSkewed|difference between the request time and the (?:current|server's) time is too large`)
	s3Pool    = pattern(`Timeout waiting for connection from pool|Acquire operation took longer than the configured maximum time`)
	s3Away    = pattern(`Unable to execute HTTP request(?:: (.*))?|(?:Sdk|Amazon)ClientException.*(?:connect|timed? ?out|refused|UnknownHost)`)
	cantWrite = pattern(`Mkdirs failed|Permission denied|Failed to create (?:savepoint|checkpoint) directory|Read-only file system|ReadOnlyFileSystem|AccessDeniedException|not exist and could not be created|Could not create target|Failed to create directory`)
	ownCode   = pattern(`[Rr]ecoverable ?[Ww]riter|\b(SinkWriter|SinkFunction|SourceReader|FileSink|CommitterOperator)\b`)
	// operatorFails is what Flink says around what an operator throws while its
	// state is taken.
	operatorFails = pattern(`Could not (?:complete snapshot|perform checkpoint) \d+ for operator`)
	statePath     = pattern(`/(?:chk-\d+|savepoint-\w+|shared|taskowned)\b`)
	namesPath     = pattern(`\b[a-z][a-z0-9]*:/`)
	localFile     = pattern(`^(?:AccessDenied|FileNotFound|FileSystem)Exception: (/[^\s:]+)`)
	localDirs     = pattern(`No local storage directories available.*`)
	unknownHost   = pattern(`UnknownHostException: (?:[\w.]+Exception: )?(?:(?:Unable|Failed) to resolve (?:host )?['"]?|Invalid host name:.* destination host is: ['"(]*)?([A-Za-z0-9][\w.-]*)`)
	// noHostName are words, and the server that Google's clients ask outside of its cloud, too.
	noHostName  = pattern(`^(?:Invalid|Unable|Unknown|Name|Temporary|No|null|Failed|Could|Cannot|The|DNS|Host|metadata\.google\.internal)$`)
	noState     = pattern(`Cannot find (?:checkpoint or savepoint file/directory|meta data file)|Could not find checkpoint or savepoint|FileNotFoundException: .*(?:_metadata|savepoint-|chk-\d|/(?:shared|taskowned)/[\da-f-]{4,}(?:$|[\s'")]))`)
	goneKey     = pattern(`NoSuchKey|The specified key does not exist`)
	partOfState = pattern(`FileNotFoundException: \S.*(?:chk-\d+|savepoint-[\w-]+|shared|taskowned)/[\w-]+(?:$|[\s'")])`)
)

// aboutStorage reports whether an exception was thrown by Flink's own reading or
// writing of state, not by a sink or source of the job.
func aboutStorage(e Exception) bool {
	if text := e.text(); operatorFails.MatchString(text) && !e.passes("FsCheckpoint", "FsMergingCheckpoint") && !statePath.MatchString(text) {
		return false // a function of the job failed at it, whatever it wrote to
	}
	return (e.Where == InCheckpoint || e.Where == InRestore || e.Where == InJobManager || e.Where == InOperator) && !ownCode.MatchString(e.text()) && !e.passes("SinkWriter", "SourceReader", "FileSink", "api.connector.")
}

var storageRules = []Rule{
	{
		ID: "FLINK-FS-PLUGIN", Severity: Error, Title: "the image lacks a filesystem's plugin", Link: docPlugins,
		Explain:  "Flink knows the scheme of a path (s3, gs, abfs …) but its plugin isn't in the image's plugins folder. Flink's own images have the S3 plugins in opt/ and put them in place by the environment variable ENABLE_BUILT_IN_PLUGINS, which has to name the jar with its version.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			out := j.thrown(pluginNamed, nil, func(_ Exception, found []string) string {
				return "the image lacks the plugin of a filesystem: " + found[1]
			}, Cure{Text: "put it into a folder of its own in the image's plugins folder, or name its jar in the environment variable ENABLE_BUILT_IN_PLUGINS of the pod template"})
			if len(out) == 0 {
				out = j.thrown(pluginNone, nil, func(_ Exception, found []string) string {
					return "the image lacks the plugin of the filesystem " + found[1]
				}, Cure{Text: "put Flink's jar for it into a folder of its own in the image's plugins folder, or name the jar in the environment variable ENABLE_BUILT_IN_PLUGINS of the pod template"})
			}
			if len(out) == 0 {
				out = j.thrown(hadoopNone, nil, func(_ Exception, found []string) string {
					return "the image lacks Hadoop, by which Flink reads and writes " + found[1]
				}, Cure{Text: "put Hadoop's client into the image and name its jars in the environment variable HADOOP_CLASSPATH: Flink has no plugin of its own for it"})
			}
			if len(out) == 0 {
				return j.thrown(hadoopLacks, nil, func(_ Exception, found []string) string {
					return "Hadoop's classes, by which a catalog or connector of the job works, know no filesystem for the scheme " + found[1]
				}, Cure{Text: "put Hadoop's module for it (for s3a hadoop-aws, for s3 with fs.s3.impl) where those classes are, or have the catalog use a file access of its own: Hadoop doesn't see Flink's plugins"})
			}
			for i := range out {
				if plugins := j.builtIn(); plugins != "" {
					out[i].Evidence = append(out[i].Evidence, Evidence{Source: "environment of the pods", Text: "ENABLE_BUILT_IN_PLUGINS=" + plugins})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-FS-WRITER", Severity: Error, Title: "FileSink can't write to this filesystem", Link: docFileSink,
		Explain:  "FileSink writes so that a file can be gone on with after a failure (a recoverable writer). The presto plugin of S3 (s3p), and most Hadoop filesystems that aren't HDFS, can't do that; flink-s3-fs-hadoop (s3a) can. No savepoint is involved.",
		Source:   "apache/flink, FileSystem.createRecoverableWriter",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", "FLINK-SNAP-FORMAT", theRest},
		job: func(j *job) []Finding {
			return j.thrown(noWriter, nil, func(e Exception, _ []string) string {
				return "this filesystem can't be written with FileSink: " + e.Telling()
			}, Cure{Text: "for S3 use flink-s3-fs-hadoop (scheme s3a); else a filesystem with recoverable writers"})
		},
	},
	{
		ID: "FLINK-S3-DENIED", Severity: Error, Title: "S3 refuses the credentials", Link: docS3,
		Explain:  "The object store answers that the access key is unknown, the signature is wrong, or the key may not do this. Keys are set by s3.access-key and s3.secret-key, better by environment variables from a Secret, or come from the pod's service account (IAM).",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			e, _, ok := j.find(s3Denied)
			if !ok || !j.matters(e) || !inS3(e) && !aboutStorage(e) {
				return nil
			}
			if !inS3(e) || e.match(s3Clock) != nil || e.match(s3Allowed) != nil {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "S3 refuses the credentials of the job's pods: " + e.Telling(), Evidence: []Evidence{e.evidence()}, Cures: []Cure{{Text: deniedCure(e)}}}
			if said, _ := e.fitting(s3Denied); said.String() != e.Root().String() {
				f.Means += " (" + oneLine(said.String()) + ")"
			}
			if byConnector(e) {
				f.Cures[0].Text = "check the credentials of the connector or catalog that was at work, and what they may do with the bucket: it has settings of its own, and doesn't read Flink's s3.access-key"
				return []Finding{f}
			}
			if endpoint := j.conf.get("s3.endpoint", "fs.s3a.endpoint"); endpoint != "" {
				f.Evidence = append(f.Evidence, Evidence{Source: "configuration", Text: "s3.endpoint: " + endpoint})
			}
			f.Evidence = append(f.Evidence, j.keptIn(e)...)
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-S3-CLOCK", Severity: Error, Title: "the clocks of S3 and the pods differ", Link: docS3,
		Explain:  "Requests to S3 are signed with the time, and the object store takes none that differ by more than 15 minutes from its own clock. The clock of the node (or of a MinIO's node) is wrong; the credentials are not.",
		Source:   "Amazon S3, list of error codes",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			return j.thrown(s3Clock, nil, func(e Exception, _ []string) string {
				return "S3 refuses requests because its clock and that of the job's pods differ: " + e.Telling()
			}, Cure{Text: "set the clocks of the nodes (NTP), and of the object store"})
		},
	},
	{
		ID: "FLINK-S3-POOL", Severity: Error, Title: "the S3 client has too few connections", Link: docS3,
		Explain:  "All connections of the S3 client in a pod are in use, and none became free in time: many tasks in one TaskManager write or read at once, or streams aren't closed. The object store itself answers.",
		Source:   "apache/hadoop, S3A troubleshooting",
		Explains: []string{"FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			return j.thrown(s3Pool, nil, func(e Exception, _ []string) string {
				return "the S3 client of a pod has no free connection: " + e.Telling()
			}, Cure{Text: "raise the pool (fs.s3a.connection.maximum, for presto s3.max-connections), or have fewer slots in a TaskManager"})
		},
	},
	{
		ID: "FLINK-S3-BUCKET", Severity: Error, Title: "the bucket isn't there", Link: docS3,
		Explain:  "The object store answers that there is no such bucket. Its name is misspelt, it was never made, or s3.endpoint leads to another store than it is in (the default is AWS).",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			var kept []Evidence
			elsewhere := false
			out := j.thrown(s3Bucket, nil, func(e Exception, _ []string) string {
				kept, elsewhere = j.keptIn(e), !inS3(e) || byConnector(e)
				return "the bucket isn't there: " + e.Telling()
			}, Cure{Text: "make the bucket, or correct its name or s3.endpoint"})
			for i := range out {
				if elsewhere {
					out[i].Cures = []Cure{{Text: "make the bucket, or correct its name"}}
					continue
				}
				out[i].Evidence = append(out[i].Evidence, kept...)
			}
			return out
		},
	},
	{
		ID: "FLINK-S3-AWAY", Severity: Error, Title: "S3 can't be reached", Link: docS3,
		Explain:  "The S3 client of the job's pods gets no answer: s3.endpoint is wrong or missing (then it is AWS), the bucket's name is made part of the host's name (s3.path.style.access: true keeps it in the path, as MinIO wants it), or the network lets nothing through.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", "FLINK-JOB-UNKNOWN-HOST", theRest},
		job: func(j *job) []Finding {
			e, inHost, ok := j.s3Unanswered()
			if !ok || !j.matters(e) || e.match(s3Pool) != nil || e.match(s3Denied) != nil {
				return nil
			}
			endpoint := j.conf.get("s3.endpoint", "fs.s3a.endpoint")
			if byConnector(e) {
				return []Finding{{Subject: j.ref(), Means: "S3 can't be reached from the job's pods: " + e.Telling(), Evidence: []Evidence{e.evidence()}, Cures: []Cure{{Text: "check the endpoint that the connector or catalog is given, and the network: it doesn't read Flink's s3.endpoint"}}}}
			}
			f := Finding{Subject: j.ref(), Means: "S3 can't be reached from the job's pods: " + e.Telling(), Evidence: []Evidence{e.evidence(), {Source: "configuration", Text: "s3.endpoint: " + endpoint}}, Cures: []Cure{{Text: "check s3.endpoint and the network"}}}
			switch {
			case e.match(s3Broke) != nil:
				inHost, f.Cures[0].Text = false, "S3 takes the connection, and breaks it off or is too slow: see how it does, and what stands between"
			case e.match(tlsFails) != nil:
				inHost, f.Cures = e.match(tlsName) != nil, tlsCure(j, e, nil)
			}
			if style := j.conf.get("s3.path.style.access", "s3.path-style-access", "fs.s3a.path.style.access"); inHost && endpoint != "" && style != "true" {
				f.Cures = append([]Cure{j.mendConf("keep the bucket's name in the path (MinIO and most others want that)", map[string]any{"s3.path.style.access": "true"})}, f.Cures...)
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-STATE-WRITE", Severity: Error, Title: "the state directory can't be written", Link: docCheckpoints,
		Explain:  "The job's pods can't write where checkpoints, savepoints or HA data go: the volume's owner or mode (Flink runs as user 9999), a read-only mount, or it is mounted in the JobManager only.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-SNAP-FAILED", "FLINK-CKPT-FAILING", theRest},
		job: func(j *job) []Finding {
			e, _, ok := j.find(cantWrite)
			if !ok || !j.matters(e) || !aboutStorage(e) || inS3(e) || j.otherFile(e) {
				return nil
			}
			evidence := []Evidence{e.evidence()}
			if j.attempt == nil || !namesPath.MatchString(e.Root().Message) {
				evidence = append(evidence, j.directories()...) // else it may be another
			}
			cure := "check its owner and mode (Flink runs as user 9999: fsGroup 9999 in the pod template), and that it is mounted in the JobManager and in every TaskManager"
			if remoteDenied.MatchString(e.text()) {
				cure = "check as whom the pods come to that filesystem (its credentials in the configuration, the service account, HADOOP_USER_NAME), and what that user may do there"
			}
			return []Finding{{Subject: j.ref(), Means: "the job's pods can't write to " + j.writtenTo(e) + ": " + e.Telling(), Evidence: evidence, Cures: []Cure{{Text: cure}}}}
		},
	},
	{
		ID: "FLINK-STATE-LOCAL", Severity: Error, Title: "RocksDB has no local directory", Link: docBackends,
		Explain:  "The RocksDB (or ForSt) backend keeps its working state in local directories: state.backend.rocksdb.localdir, else io.tmp.dirs. None of them exists or can be made by Flink's user.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			if len(j.seen) == 0 {
				return nil
			}
			key := "state.backend.rocksdb.localdir"
			cures := []Cure{{Text: "let " + key + " name a directory that Flink's user can make, in a volume with room"}}
			if j.conf[key] != "" {
				cures = append([]Cure{j.mendConf("take the key away, so that io.tmp.dirs is used", map[string]any{key: nil})}, cures...)
			}
			out := j.thrown(localDirs, nil, func(e Exception, _ []string) string {
				return "RocksDB has no directory for its working state: " + oneLine(e.Root().Message)
			}, cures...)
			for i := range out {
				if j.conf[key] != "" {
					out[i].Evidence = append(out[i].Evidence, j.key(key))
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-STATE-NOT-FOUND", Severity: Error, Title: "there is no savepoint at that path", Link: docSavepoints,
		Explain:  "The job is to start from a savepoint or checkpoint, and its pods find none at that path: it was deleted, is in a volume that these pods don't mount, or the path is misspelt. A path names the directory that holds _metadata.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", theRest},
		job: func(j *job) []Finding {
			means := func(e Exception, _ []string) string {
				if (e.match(partOfState) != nil || e.match(goneKey) != nil) && !strings.Contains(e.text(), "_metadata") {
					return "a file of the state that the job starts from is gone: " + e.Telling()
				}
				return "there is no savepoint at that path, as the job's pods see it: " + e.Telling()
			}
			cures := []Cure{{Text: "see what is saved", Command: j.flink("snapshot list"), Safe: true}, {Text: "start it from one of them", Command: j.flink("restore %s --from PATH", j.target())}}
			out := j.thrown(noState, []Where{InRestore, InJobManager, InMain, InOperator, Somewhere}, means, cures...)
			if len(out) == 0 {
				out = j.thrown(goneKey, []Where{InRestore}, means, cures...)
			}
			for i := range out {
				if path := text(j.object.Object, "status", "jobStatus", "upgradeSavepointPath"); path != "" {
					out[i].Evidence = append(out[i].Evidence, Evidence{Source: "status.jobStatus.upgradeSavepointPath", Text: path})
				}
				if path := text(j.spec, "job", "initialSavepointPath"); path != "" {
					out[i].Evidence = append(out[i].Evidence, field("job.initialSavepointPath", path))
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-UNKNOWN-HOST", Severity: Error, Title: "a host's name can't be resolved", Link: kubernetesDocs + "concepts/services-networking/dns-pod-service/",
		Explain:  "A name can't be resolved where the exception was thrown: that of a broker, a database, a store or a Service. It is misspelt, its Service or host doesn't exist (a Service of another namespace needs NAME.NAMESPACE), or the cluster's DNS doesn't answer.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", "FLINK-JOB-KAFKA", theRest},
		job: func(j *job) []Finding {
			e, found, ok := j.find(unknownHost)
			if !ok || noHostName.MatchString(found[1]) || e.Where == InFetch || !j.matters(e) {
				return nil
			}
			by := "the job's pods"
			if e.Where == InOperator {
				by = "the operator or the job's pods"
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("%s can't resolve the name %s", by, found[1]), Evidence: []Evidence{e.evidence()}, Cures: look("check how it is spelled, that its Service or host exists, and the cluster's DNS", j.kubectl("run dns-look --rm -it --restart Never --image %s --command -- getent hosts %s", text(j.cluster, "image"), found[1]))}}
		},
	},
}

// otherFile reports whether a start failed at a file of the pod (a keystore, a
// jar) that is in none of the directories of the job's state.
func (j *job) otherFile(e Exception) bool {
	found := e.match(localFile)
	if found == nil || e.Where == InCheckpoint || e.Where == InRestore {
		return false
	}
	for _, configured := range j.directories() {
		_, dir, _ := strings.Cut(configured.Text, ": ")
		if dir = strings.TrimPrefix(dir, "file:"); strings.HasPrefix(dir, "/") {
			if dir = "/" + strings.Trim(dir, "/"); strings.HasPrefix(found[1], dir) || strings.HasPrefix(dir, found[1]) {
				return false
			}
		}
	}
	return true
}

// builtIn is ENABLE_BUILT_IN_PLUGINS of the pods.
func (m *manifest) builtIn() string {
	for _, role := range []string{jobManager, taskManager} {
		for _, c := range list(m.podSpec(role), "containers") {
			for _, e := range list(c, "env") {
				if text(e, "name") == "ENABLE_BUILT_IN_PLUGINS" {
					return text(e, "value")
				}
			}
		}
	}
	return ""
}

// directories are the state directories of the configuration.
func (j *job) directories() []Evidence {
	var out []Evidence
	for _, keys := range [][]string{checkpointDirKeys, savepointDirKeys, {haDirKey}} {
		if _, key := j.conf.find(keys...); key != "" {
			out = append(out, j.key(key))
		}
	}
	return out
}

// writtenTo names the kind of directory that was to be written, as far as that
// is known.
func (j *job) writtenTo(e Exception) string {
	if j.attempt != nil && e.Where == InCheckpoint { // what is attempted are savepoints
		return "the savepoint directory"
	}
	return "the state directory"
}

// keptIn are the job's directories of state in S3, for an exception about state:
// Flink's words name the bucket rarely.
func (j *job) keptIn(e Exception) (out []Evidence) {
	if e.Where != InCheckpoint && e.Where != InRestore && e.Where != InJobManager {
		return nil
	}
	for _, key := range slices.Concat(api.CheckpointDirKeys, api.SavepointDirKeys, []string{haDirKey}) {
		if strings.HasPrefix(j.conf[key], "s3") {
			out = append(out, j.key(key))
		}
	}
	return out
}
