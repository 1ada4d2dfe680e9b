package diagnosis

import (
	"fmt"
	"strings"
)

// What the world outside of Flink says: stores of other clouds, the operating
// system, databases, and the data itself.
var (
	storeDenied = pattern(`does not have (?:storage|serviceusage)\.[\w.]+ access|AuthorizationPermissionMismatch|\bAuthorizationFailure\b|InvalidAuthenticationInfo|Server failed to authenticate the request|This request is not authorized to perform this operation|NoAuthenticationInformation|Error getting access token from metadata server|failed for getting token from AzureAD|Invalid configuration value detected for fs\.azure\.account\.key|Configuration property \S+\.core\.windows\.net not found|(?:401 Unauthorized|403 Forbidden)[\s\S]*(?:storage\.googleapis\.com|(?:blob|dfs)\.core\.windows\.net)|Public access is not permitted on this storage account|` + otherStore.text)
	// otherStore are refusals of Alibaba's, Tencent's and Huawei's stores.
	otherStore  = pattern(`\[ErrorCode\]: (?:AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|SecurityTokenExpired)|^(?:CosServiceException|ObsException): [\s\S]*(?:\b403\b|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch)`)
	googleStore = pattern(`google|storage\.\w+\.\w+ access|\bgs://`)
	storeSlow   = pattern(`[Tt]imed out|TimeoutException|Too Many Requests|429|503|Service Unavailable|rate limit|backend error|ServerBusy|OperationTimedOut|TooManyRequests`)
	storeNames  = pattern(`Could not (?:flush|open output stream|close)|file system output stream|[Cc]heckpoint(?:Storage|StateOutput|StreamFactory|MetadataOutput)|\b(?:s3[anp]?|gs|abfss?|wasbs?|hdfs|viewfs|oss|cosn?|obs)://|storage\.googleapis|core\.windows\.net|[Gg]oogle(?:Json|Cloud)`)
	readOnly    = pattern(`Read-only file system|SafeModeException|[Nn]ame node is in safe mode`)
	safeMode    = pattern(`SafeMode|safe mode`)
	noFiles     = pattern(`Too many open files`)
	nativeFails = pattern(`UnsatisfiedLinkError`)
	noExec      = pattern(`failed to map segment|Operation not permitted|cannot execute`)
	noLibrary   = pattern(`ld-linux|ld-musl|libc\.musl|GLIBC_|GLIBCXX_|Error (?:loading shared library|relocating)|cannot open shared object file`)
	otherCPU    = pattern(`wrong ELF class|wrong architecture|Can't load .* \.so on a|Exec format error`)
	badRecord   = pattern(`Error deserializing Avro message for id|Error deserializing (?:key/value|VALUE|KEY|key|value) for partition|[Ff]ailed to deserialize (?:consumer record|(JSON|CSV|Avro|Protobuf|Debezium|Canal|Maxwell|Ogg)\b)|Corrupt (Debezium|Canal|Maxwell|Ogg|CSV|JSON)\b`)
	logGone     = pattern(`purged required binary log|could not find next log|do not contain the offset scn|binlog .*(?:is no longer available|no longer available on the server)|Could not find first log file name in binary log index file|requested WAL segment \S+ has already been removed|replication slot "?[\w-]+"? (?:does not exist|is active|has been invalidated)|can no longer get changes from replication slot|ORA-01291|resume token was not found|ChangeStreamHistoryLost`)
	noDriver    = pattern(`No suitable driver found for (jdbc:\w+)`)
	loginFails  = pattern(`password authentication failed|Access denied(?: for user|; you need)|permission denied for (?:table|relation|schema|sequence|database)|no pg_hba\.conf entry|ACCESS_REFUSED|ORA-01017|Login failed for user|401 Unauthorized|Unauthorized; error code: 401|security_exception.*(?:authenticat|credentials)|WRONGPASS|NOAUTH Authentication required|MongoSecurityException|must be superuser or|permission denied to start WAL sender|^(?:NotAuthorizedException: Not authorized|ForbiddenException: Forbidden): |PERMISSION_DENIED|UNAUTHENTICATED: |` + awsDenied.text)
	awsDenied   = pattern(`is not authorized to perform:? [a-z]`)
	// databaseUnset is what change data capture says of a database that isn't set up for it.
	databaseUnset = pattern(`same server_uuid/server_id as this|configured with binlog_\w+ \S+ rather than|requires wal_level|all replication slots are in use|exceeds max_wal_senders|SQL Server Agent is running|archive log mode must be enabled|ORA-01325|not enabled for (?:CDC|Change Data Capture)|[Ss]upplemental logging (?:is )?not`)
	sameServer    = pattern(`same server_uuid/server_id`)
	slotsFull     = pattern(`replication slots are in use|exceeds max_wal_senders`)
	slotActive    = pattern(`replication slot "?([\w-]+)"? is active`)
)

// notOfRecord reports whether a record wasn't read for another reason than what
// stands in it: the schema registry wasn't reached, or a class is missing.
func notOfRecord(e Exception) bool {
	switch root := e.Root(); root.Name() {
	case "ConnectException", "UnknownHostException", "SocketTimeoutException", "NoRouteToHostException", "TimeoutException", "RestClientException", "ClassNotFoundException", "SocketException":
		return true
	default:
		return strings.HasPrefix(root.Name(), "SSL") || strings.HasSuffix(root.Name(), "Error")
	}
}

// ofStateStore reports whether an exception is about files of the job's state, and
// not about a sink that writes out what it has before a checkpoint.
func ofStateStore(e Exception) bool { return e.match(storeNames) != nil }

var outsideRules = []Rule{
	{
		ID: "FLINK-STORE-DENIED", Severity: Error, Title: "the object store refuses the credentials", Link: docFiles,
		Explain:  "Google's or Azure's object store answers that the pods may not do this, or doesn't know who they are. They come as the service account that workload identity binds to the Kubernetes one, or with a key in Flink's configuration.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			google, other := false, false
			out := j.thrown(storeDenied, nil, func(e Exception, _ []string) string {
				google, other = googleStore.MatchString(e.whole()), e.match(otherStore) != nil
				return "the object store refuses the credentials of the job's pods: " + e.Telling()
			}, Cure{Text: "check the account's key (fs.azure.account.key.…) or the identity of the pods, and its role for the container: Storage Blob Data Contributor"})
			if len(out) > 0 && other {
				out[0].Cures[0].Text = "check the key of the store in Flink's configuration (for Alibaba's fs.oss.accessKeyId and fs.oss.accessKeySecret), or the role that the pods have, and what it may do with the bucket"
			} else if len(out) > 0 && google {
				out[0].Cures[0].Text = "check which Google service account the pods have (workload identity, or the key file of the configuration), and its role for the bucket: storage.objectAdmin has all that Flink needs"
			}
			return out
		},
	},
	Rule{
		ID: "FLINK-STORE-SLOW", Severity: Error, Title: "the store of the job's state answers too slowly", Link: docFiles,
		Explain:  "What is written to or read from the checkpoint directory's store (an object store, HDFS, NFS) doesn't get an answer in time, or the store limits requests. The checkpoint fails, and the next one tries again.",
		Explains: []string{"FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			return j.thrown(storeSlow, []Where{InCheckpoint, InRestore}, func(e Exception, _ []string) string {
				return "the store of the job's state answers too slowly, or limits requests: " + e.Telling()
			}, Cure{Text: "see how the store and the way to it do; have fewer and larger files (incremental checkpoints, execution.checkpointing.file-merging.enabled: true since Flink 1.20, a larger state.storage.fs.memory-threshold, a longer interval), and where it is only slow now and then, let some checkpoints fail (execution.checkpointing.tolerable-failed-checkpoints)"})
		},
	}.unless(func(e Exception) bool { return !ofStateStore(e) }),
	{
		ID: "FLINK-STORE-READONLY", Severity: Error, Title: "the store takes no writes", Link: docFiles,
		Explain:  "The filesystem or store is there and readable, and takes no writes: a volume that is mounted read-only, or went so after an error of its disk; HDFS in safe mode.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			hdfs := false
			out := j.thrown(readOnly, nil, func(e Exception, _ []string) string {
				hdfs = e.match(safeMode) != nil
				return "the filesystem takes no writes: " + e.Telling()
			}, Cure{Text: "give what is written a volume that is mounted writable (readOnly: false; with readOnlyRootFilesystem an emptyDir for /tmp, /opt/flink/log and io.tmp.dirs); if it was writable before, see the node's disk"})
			if len(out) > 0 && hdfs {
				out[0].Cures[0].Text = "see why the NameNode is in safe mode (hdfs dfsadmin -safemode get, hdfs dfsadmin -report): it starts, blocks or DataNodes are missing, or its disk is full"
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-FILES", Severity: Error, Title: "no more files can be opened", Link: docBackends,
		Explain:  "A process of the job has as many files and connections open as it may. RocksDB keeps the files of its state open, all of them by default (state.backend.rocksdb.files.open: -1); else something isn't closed: a client made for each record.",
		Explains: []string{"FLINK-POD-CRASH", theRest},
		job: func(j *job) []Finding {
			return j.thrown(noFiles, nil, func(e Exception, _ []string) string {
				return "no more files can be opened: " + e.Telling()
			}, Cure{Text: "look for clients that are opened again and again; bound RocksDB's files (state.backend.rocksdb.files.open: 5000, for instance), or raise the limit of the nodes' container runtime (LimitNOFILE)"})
		},
	},
	{
		ID: "FLINK-JOB-NATIVE", Severity: Error, Title: "a native library can't be loaded", Link: docBackends,
		Explain:  "RocksDB, compression and some connectors bring a library that isn't Java. It is unpacked into a temporary directory and loaded from there: that directory may not be mounted noexec, and the image needs the C library and the processor that it was built for.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", theRest},
		job: func(j *job) []Finding {
			var text string
			out := j.thrown(nativeFails, nil, func(e Exception, _ []string) string {
				switch whole := e.text(); {
				case otherCPU.MatchString(whole):
					text = "use a version of the library for the nodes' processors, or choose nodes by nodeSelector (kubernetes.io/arch)"
				case noLibrary.MatchString(whole):
					text = "use an image with the library that it names: Flink's own have Debian's or Ubuntu's C library; Alpine's isn't enough"
				case noExec.MatchString(whole):
					text = "give the pods a temporary directory that may hold programs: an emptyDir, named by io.tmp.dirs and -Djava.io.tmpdir (env.java.opts.all)"
				default:
					text = "put the library that it names into the image, and its directory into java.library.path"
				}
				return "a native library can't be loaded: " + e.Telling()
			}, Cure{})
			for i := range out {
				out[i].Cures = []Cure{{Text: text}}
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-LOG-GONE", Severity: Error, Title: "the source can't go on from its place in the database's log", Link: flinkDocs + "ops/state/savepoints/",
		Explain:  "A change data capture source goes on from a position in the database's log (binlog, WAL, oplog) that the database has removed meanwhile, or from a replication slot that is gone or in use. The job can't go on from its state without losing changes.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			out := j.thrown(logGone, nil, func(e Exception, _ []string) string {
				return "the database no longer has the changes that the job goes on from: " + e.Telling()
			}, Cure{Text: "start the source again from a snapshot of the tables (a new uid for it and --allow-non-restored-state, or without state), and have the database keep its log for longer than the job may stand still"})
			for i := range out {
				if found := slotActive.FindStringSubmatch(out[i].Means); found != nil {
					out[i].Means = fmt.Sprintf("the replication slot %s is in use: another job, or the run before, still reads from it", found[1])
					out[i].Cures = []Cure{{Text: "give each job a slot of its own (slot.name), or end what reads from it"}}
				}
			}
			return out
		},
	},
	sourced("debezium/debezium, the connectors' checks", thrownRule("FLINK-JOB-CDC", "the database isn't set up for change data capture", docRecovery,
		"A change data capture source reads a database's log as a replica does. The database has to write that log in full, to have room for one more reader, and every reader needs an id of its own.",
		databaseUnset, oldestCause, says("the database isn't set up for what the source asks"), func(_ *job, e Exception, _ []string) []Cure {
			text := "set it up as the connector asks (MySQL: binlog_format=ROW, binlog_row_image=FULL; Postgres: wal_level=logical; SQL Server: its Agent runs, and the table is enabled; Oracle: ARCHIVELOG and supplemental logging)"
			switch {
			case e.match(sameServer) != nil:
				text = "give each parallel source a server id of its own that no other job, tool or replica has ('server-id' = '5400-5407' for eight)"
			case e.match(slotsFull) != nil:
				text = "raise the database's max_replication_slots or max_wal_senders, or drop the replication slots that nothing will read from again (pg_replication_slots says which are active)"
			}
			return []Cure{{Text: text}}
		})),
	{
		ID: "FLINK-JOB-RECORD", Severity: Error, Title: "a record can't be read", Link: docTable,
		Explain:  "A source got a record that isn't in the format that the job expects. Where it comes again after each restart, the job can't get past it.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			if e, _, ok := j.findAnywhere(badRecord); ok && notOfRecord(e) {
				return nil
			}
			format := ""
			out := j.thrown(badRecord, []Where{InTask, InCheckpoint, InRestore, Somewhere}, func(e Exception, found []string) string {
				for _, name := range found[1:] {
					if name != "" {
						format = name
					}
				}
				if format == "" {
					return "a record can't be read: " + e.Telling()
				}
				return fmt.Sprintf("a record can't be read as %s: %s", format, e.Telling())
			})
			for i := range out {
				skip := "in a program a DeserializationSchema that gives nothing for such a record skips it"
				switch format {
				case "JSON", "CSV", "Debezium", "Canal", "Maxwell", "Ogg":
					skip = "in SQL 'FORMAT.ignore-parse-errors' = 'true' (json., csv., debezium-json. …) skips such records; in a program a DeserializationSchema that gives nothing for them"
				}
				if strings.Contains(out[i].Means, "Magic number") {
					skip = "a format of the schema registry (avro-confluent) reads only what was written with it"
				}
				out[i].Cures = []Cure{{Text: "see what the producer writes; " + skip}}
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-DRIVER", Severity: Error, Title: "the database's driver isn't in the image", Link: docClasses,
		Explain:  "A JDBC URL names a database for which no driver is on the class path. Flink's JDBC connector brings none.",
		Explains: []string{"FLINK-JOB-MAIN", theRest},
		job: func(j *job) []Finding {
			return j.thrown(noDriver, nil, func(_ Exception, found []string) string {
				return "no jar has the driver for " + found[1]
			}, Cure{Text: "put the database's JDBC driver into the job's jar or into /opt/flink/lib of the image (with lib, where DriverManager is asked: it sees no classes of the job's own loader)"})
		},
	},
	Rule{
		ID: "FLINK-JOB-LOGIN", Severity: Error, Title: "a service refuses the job's user", Link: docRecovery,
		Explain:  "A database or service that the job uses answers that user and password, or the token, aren't right, or that this user may not do it. It was reached, and nothing is wrong with the job's state.",
		Explains: []string{"FLINK-JOB-MAIN", theRest},
		job: func(j *job) []Finding {
			cloud := false
			out := j.thrown(loginFails, []Where{InTask, InMain, InJobManager, InCheckpoint, InRestore, Somewhere}, func(e Exception, _ []string) string {
				cloud = e.match(awsDenied) != nil
				return "a service that the job uses refuses its user: " + e.Telling()
			}, Cure{Text: "check user and password as the pods have them (a Secret that changed reaches a pod's environment only when the pod is made again), and what that user may do"})
			if len(out) > 0 && cloud {
				out[0].Cures[0].Text = "let the user or role that it names do this (its policy), or give the pods another one: by the service account in the pod template, or by keys"
			}
			return out
		},
	}.unless(inS3),
}
