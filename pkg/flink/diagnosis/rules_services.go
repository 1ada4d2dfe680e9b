package diagnosis

import (
	"fmt"
	"strings"
)

// What services that a job uses answer, or don't: databases, search indexes,
// metastores, schema registries, and the tables of a lake.
var (
	// ofFlinkItself are connections of Flink's processes among each other, and to
	// Kubernetes.
	ofFlinkItself = pattern(`^(?:Local|Remote)TransportException|^PartitionConnectionException|Failed to fetch BLOB|BLOB server|rpc endpoint|\b(?:pekko|akka)\.|remote task manager|KubernetesClientException|Could not connect to (?:Resource|Job)Manager`)
	serviceAway   = pattern(`Connection refused|Connect(?:ion)? timed out|connect timed out|No route to host|Network is unreachable|Host is unreachable|Communications link failure|Timed out after \d+ ms while waiting for a server|Failed connecting to|Could not connect to meta ?store|Connection to \S+ refused|Failed to lookup broker|Unable to connect to \S+|Failed to connect to \S+`)
	notListening  = pattern(`Connection refused|Connection to \S+ refused`)
	serviceAt     = pattern(`(?:\bto |refused: |address=|https?://)/?([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?:/[\d.]+)?:(\d{1,5})\b`)
	serviceBusy   = pattern(`Too Many Requests|\b(?:HTTP|status(?: code| line)?|code)\W{1,3}(?:HTTP/[\d.]+ )?(?:429|502|503|504)\b|503 Service Unavailable|es_rejected_execution_exception|circuit_breaking_exception|ProvisionedThroughputExceededException|(?:Connection|Pool) is not available, request timed out|Async function call has timed out|\bRead timed out|HttpTimeoutException`)
	poolEmpty     = pattern(`is not available, request timed out`)
	asyncSlow     = pattern(`Async function call has timed out`)
	serviceFull   = pattern(`too many clients already|Too many connections|remaining connection slots are reserved|ORA-00020|max_user_connections`)
	tlsFails      = pattern(`^SSL\w*Exception|PKIX path|^Cert(?:ificate|Path)\w*Exception|No subject alternative|No name matching .* found|trustAnchors parameter must be non-empty`)
	tlsTrust      = pattern(`PKIX path|valid certification path|No trusted certificate|self.signed`)
	tlsEmpty      = pattern(`trustAnchors parameter must be non-empty`)
	tlsExpired    = pattern(`CertificateExpiredException|NotAfter:|certificate_expired`)
	tlsName       = pattern(`No subject alternative|No name matching|doesn't match any of the subject alternative|SSLPeerUnverifiedException`)
	tlsAlert      = pattern(`Received fatal alert: (?:bad_certificate|certificate_required|certificate_unknown|unknown_ca)`)
	tlsVersion    = pattern(`protocol_version|handshake_failure|no cipher suites in common|No appropriate protocol`)
	tlsPlain      = pattern(`Unsupported or unrecognized SSL message|not an SSL/TLS record|plaintext connection\?`)
	registrySays  = pattern(`^RestClientException: (.*?)\s*; error code: (\d{3,5})`)
	kerberosFails = pattern(`^(?:LoginException|GSSException|KrbException|KerberosAuthException)|Login failure for|Cannot locate KDC|Clock skew too great|Server not found in Kerberos database|Unable to obtain (?:password|Principal Name)|Client not found in Kerberos database|Can't get Kerberos realm|Client cannot authenticate via|_DELEGATION_TOKEN token .*(?:can't be found|is expired)`)
	kerberosNone  = pattern(`Client cannot authenticate via|_DELEGATION_TOKEN token`)
	noLoginClass  = pattern(`^LoginException: (?:unable to find LoginModule class: |No LoginModule found for )`)
	kerberosKey   = pattern(`Unable to obtain|Checksum failed|keytab`)
	kerberosClock = pattern(`Clock skew`)
	kerberosConf  = pattern(`Cannot locate (?:KDC|default realm)|Can't get Kerberos realm`)
	tableWriters  = pattern(`^HoodieLockException|File deletion conflicts detected|^CommitFailedException|Conflicts? (?:detected )?during commits?|^Concurrent(?:Append|DeleteRead|DeleteDelete|Transaction|Write)Exception|^(?:HoodieWriteConflict\w*|CommitStateUnknown)Exception`)
	commitUnknown = pattern(`^CommitStateUnknownException`)
	tableExpired  = pattern(`[Ss]napshot with id \d+ has expired|Cannot find snapshot with id|[Ss]tarting snapshot .* (?:is not an ancestor|has expired)|The changelog with id \d+ has expired`)
	noTable       = pattern(`ORA-12505|ORA-12514|(?:relation|table|view|database|schema) ["']?[\w.$-]+["']? (?:does not|doesn't) exist|Table '[\w.]+' doesn't exist|ORA-0*942|Invalid object name|no such index|index_not_found_exception|Unknown (?:table|database)`)
	noColumn      = pattern(`column ["']?[\w.$-]+["']? (?:of relation \S+ )?does not exist|Unknown column|ORA-0*904|Invalid column name|mapper_parsing_exception|strict_dynamic_mapping_exception`)
	notUnique     = pattern(`duplicate key value violates|Duplicate entry|ORA-00001|Violation of (?:PRIMARY|UNIQUE) KEY|E11000 duplicate key`)
	badValue      = pattern(`violates (?:not-null|foreign key|check) constraint|value too long for type|Data too long for column|Data truncation|cannot be null|ORA-0(?:1400|2291|12899)|numeric field overflow|Out of range value|invalid byte sequence for encoding`)
	deadlock      = pattern(`[Dd]eadlock (?:found|detected)|Lock wait timeout exceeded|ORA-00060|could not serialize access`)
	databaseSays  = pattern(strings.Join([]string{serviceFull.text, noTable.text, noColumn.text, notUnique.text, badValue.text, deadlock.text}, "|"))
	ofDatabase    = pattern(`SQL\w*Exception|^BatchUpdateException|JDBC|ORA-\d|[Mm]ongo|[Ee]lastic|[Oo]pen[Ss]earch`)
	nullWritten   = pattern(`Column '([^']*)' is NOT NULL, however, a null value is being written into it`)
	managedShort  = pattern(`Not enough memory left to reserve from the slot's managed memory|Could not (?:created?|allocate) the shared memory resource`)
)

// servicePlaces are where a job's own code runs.
var servicePlaces = []Where{InTask, InMain, InCheckpoint, InRestore, InJobManager, Somewhere}

// notOfService reports whether an exception is about Flink's own connections, the
// store of its state, or Kafka, which have rules of their own.
func notOfService(e Exception) bool {
	return e.match(kafkaWords) != nil || (e.Where == InCheckpoint || e.Where == InRestore) && ofStateStore(e) || e.match(ofFlinkItself) != nil || e.passes("org.apache.flink.shaded.netty")
}

// otherLogin reports whether a LoginException isn't Java's, or is about the class
// of a login or Kafka's own way to log in.
func otherLogin(e Exception) bool {
	c, _ := e.fitting(kerberosFails)
	return e.match(kafkaWords) != nil || e.match(noLoginClass) != nil || c.Name() == "LoginException" && strings.Contains(c.Type, ".") && !strings.HasPrefix(c.Type, "javax.security.")
}

// notOfDatabase is notOfService, and what no database's client has thrown.
func notOfDatabase(e Exception) bool { return notOfService(e) || e.match(ofDatabase) == nil }

// serviceRule is a rule about an answer of a service that the job uses.
func serviceRule(id, title, explain string, pattern *lazy, means func(j *job, e Exception, found []string) string, cure func(j *job, e Exception, found []string) []Cure) Rule {
	return thrownRule(id, title, docRecovery, explain, pattern, servicePlaces, means, cure).unless(notOfService)
}

// atService is a service's host and port as an exception names them.
func atService(e Exception) (host, port string, ok bool) {
	if _, found := e.fitting(serviceAt); found != nil {
		return found[1], found[2], true
	}
	return "", "", false
}

func awayMeans(_ *job, e Exception, _ []string) string {
	if host, port, ok := atService(e); ok {
		return fmt.Sprintf("a service that the job uses isn't reached at %s:%s: %s", host, port, e.Telling())
	}
	return "a service that the job uses isn't reached: " + e.Telling()
}

func awayCure(j *job, e Exception, _ []string) []Cure {
	c := Cure{Text: "see that it runs, that its address is the one that pods have to use, and that no NetworkPolicy or firewall keeps the job's pods from it"}
	if e.match(notListening) != nil {
		// What answers isn't kept away: a policy or a firewall mostly lets packets vanish.
		c.Text = "nothing listens there: see that the service runs and is ready (a Service without endpoints refuses, too), and that host and port are right (localhost is the pod itself)"
	}
	if host, port, ok := atService(e); ok && text(j.cluster, "image") != "" {
		c.Command = j.kubectl("run reach-look --rm -it --restart Never --image %s --command -- timeout 5 bash -c '</dev/tcp/%s/%s && echo reached'", text(j.cluster, "image"), host, port)
		c.Safe = true
	}
	return []Cure{c}
}

func busyCure(_ *job, e Exception, _ []string) []Cure {
	switch {
	case e.match(poolEmpty) != nil:
		return []Cure{{Text: "each parallel instance of an operator has a pool of its own: give the pool more connections than threads use at once, close them after use, and see whether the database answers slowly"}}
	case e.match(asyncSlow) != nil:
		return []Cure{{Text: "see how long the service takes; raise the async operator's timeout, lower its capacity (requests at once), or handle timeout() without an exception"}}
	}
	return []Cure{{Text: "ask less of it at once (batches, a smaller parallelism of that operator, a rate limit), let the client try again with growing pauses, or give the service more"}}
}

func tlsCure(_ *job, e Exception, _ []string) []Cure {
	text := "see what the server's own log says of the connection, and what stands between (a proxy, a service mesh)"
	switch {
	case e.match(tlsEmpty) != nil:
		text = "the truststore that is named isn't in the pod, or is empty: correct its path (-Djavax.net.ssl.trustStore in env.java.opts.all, or the connector's options)"
	case e.match(tlsExpired) != nil:
		text = "have the certificate renewed: its time is over (and see that the nodes' clocks are right)"
	case e.match(tlsName) != nil:
		text = "use a name of the server that its certificate has, or have that name put into the certificate"
	case e.match(tlsAlert) != nil:
		text = "the server doesn't take the job's certificate, or wants one: give the client its keystore (the connector's options, or -Djavax.net.ssl.keyStore in env.java.opts.all)"
	case e.match(tlsTrust) != nil:
		text = "have the job's JVMs trust the authority that signed the server's certificate: a truststore in the image or a Secret, named by -Djavax.net.ssl.trustStore (env.java.opts.all) or by the connector's own options"
	case e.match(tlsPlain) != nil:
		text = "the server doesn't speak TLS at that port: use its TLS port, or a connection without TLS"
	case e.match(tlsVersion) != nil:
		text = "client and server have no version of TLS or cipher in common: compare what the server offers with the image's Java (jdk.tls.disabledAlgorithms)"
	}
	return []Cure{{Text: text}}
}

func registryCure(_ *job, _ Exception, found []string) []Cure {
	text := "see what the registry answers to the same request, and its log"
	switch found[2] {
	case "40401", "40402", "40403", "404":
		text = "it doesn't have what the job asks for: check the registry's address and the subject's name (TOPIC-value, TOPIC-key), and that the schema was not deleted with which the topic's records were written"
	case "409":
		text = "the job's schema isn't compatible with the one before: change it as the subject's compatibility allows (new fields with defaults), or set that compatibility for this subject"
	case "401", "403", "40101", "40301":
		text = "check the user or key for the registry (avro-confluent.basic-auth.*, for instance), and what it may do"
	case "422", "42201", "42202", "42203":
		text = "the schema itself isn't valid to the registry: check the job's types and names"
	}
	return []Cure{{Text: text}}
}

func kerberosCure(_ *job, e Exception, _ []string) []Cure {
	text := "check principal and keytab (security.kerberos.login.principal, .keytab, .contexts), and that pods reach the KDC"
	switch {
	case e.match(kerberosNone) != nil:
		text = "let the job log in: the service wants Kerberos, and the process has no ticket or only a token that is no longer valid (security.kerberos.login.principal and .keytab, security.delegation.tokens.enabled, and Hadoop's own configuration in the pods)"
	case e.match(kerberosClock) != nil:
		text = "set the nodes' clocks right: Kerberos allows five minutes"
	case e.match(kerberosConf) != nil:
		text = "give the pods the realm's krb5.conf: kubernetes.hadoop.conf.config-map.name and security.kerberos.krb5-conf.path"
	case e.match(kerberosKey) != nil:
		text = "see that the keytab is in the pods, readable by the user that Flink runs as, and holds the key of just this principal (klist -kt FILE)"
	}
	return []Cure{{Text: text}}
}

func writersCure(_ *job, e Exception, _ []string) []Cure {
	if e.match(commitUnknown) != nil {
		return []Cure{{Text: "look at the table whether the commit is in it before data is written again: the catalog didn't answer, so that it may be"}}
	}
	return []Cure{{Text: "let one job write to a table or partition at a time, compaction and other engines included (for Paimon: write-only, and a compaction job of its own), or allow more tries of a commit (commit.retry.num-retries for Iceberg)"}}
}

func databaseCure(_ *job, e Exception, _ []string) []Cure {
	text := "look at the statement and the data that it names in the database"
	switch {
	case e.match(serviceFull) != nil:
		text = "each parallel instance opens connections: lower the parallelism of that operator or its pool's size, or let the database have more"
	case e.match(noTable) != nil:
		text = "make it, or correct the name, schema or database that the job uses; sinks make none by themselves"
	case e.match(noColumn) != nil:
		text = "let the table (index) and what the job writes have the same columns and types"
	case e.match(notUnique) != nil:
		text = "write such that a record may come twice, as after each restart: an upsert (a PRIMARY KEY in the table's DDL for Flink's JDBC connector) instead of an insert"
	case e.match(deadlock) != nil:
		text = "it passes with a new try; let fewer instances write the same rows: key by the primary key before the sink, or write in smaller batches"
	case e.match(badValue) != nil:
		text = "correct or drop such records before the sink, or let the column take them"
	}
	return []Cure{{Text: text}}
}

var serviceRules = []Rule{
	thrownRule("FLINK-MEM-MANAGED", "managed memory doesn't suffice", docMemoryTM,
		"RocksDB, Python and batch operators share the managed memory of a slot, and what one of them wants can't be reserved: there are too many of them in a slot, or the managed part is small.",
		managedShort, oldestCause, says("the slots have too little managed memory"), func(j *job, _ Exception, _ []string) []Cure {
			return []Cure{
				j.setConf("give it a larger part of the memory (0.4 by default)", map[string]any{"taskmanager.memory.managed.fraction": "0.6"}),
				{Text: "or have fewer slots in a TaskManager (taskmanager.numberOfTaskSlots), or larger TaskManagers"},
			}
		}),
	thrownRule("FLINK-JOB-NULL", "a null is written into a column that has none", docTable,
		"A sink's table declares the column NOT NULL, and a row has a null there. By default such a row fails the job (table.exec.sink.not-null-enforcer).",
		nullWritten, []Where{InTask, Somewhere}, says("a row has a null where the sink's table has none"), advice("filter or fill such rows before the INSERT, or declare the column without NOT NULL; 'table.exec.sink.not-null-enforcer' = 'DROP' leaves such rows out, without a word")),
	thrownRule("FLINK-JOB-KERBEROS", "Kerberos refuses the job", docRecovery, "The job logs in with Kerberos (HDFS, Hive, Kafka), and that failed: the keytab, the KDC, its configuration, or the clocks.",
		kerberosFails, servicePlaces, says("the job's login by Kerberos failed"), kerberosCure).unless(otherLogin),
	serviceRule("FLINK-JOB-REGISTRY", "the schema registry refuses", "A format of the schema registry (avro-confluent, …) got an answer from it that isn't a schema; its error code says why.",
		registrySays, says("the schema registry refuses what the job asks"), registryCure),
	serviceRule("FLINK-JOB-TLS", "a service's TLS connection fails", "The job reaches a service that it uses, and one of the two doesn't trust the other, or they don't agree on how to encrypt.",
		tlsFails, says("a TLS connection of the job to a service fails"), tlsCure),
	serviceRule("FLINK-JOB-UNREACHED", "a service that the job uses isn't reached", "A database, an index, a metastore or another service doesn't take the job's connection. Flink's own processes, the object store and Kafka have rules of their own.",
		serviceAway, awayMeans, awayCure),
	serviceRule("FLINK-JOB-SERVICE-BUSY", "a service answers too slowly, or not now", "A service that the job uses was reached, and refuses because too much is asked of it, or doesn't answer in time. It is often the job itself that asks too much.",
		serviceBusy, says("a service that the job uses is too slow or refuses for now"), busyCure),
	serviceRule("FLINK-JOB-WRITERS", "another writer changed the same table", "A commit to a table of a lake (Iceberg, Paimon, Delta, Hudi) failed because its state isn't the one that the job began with: another job, a compaction or another engine wrote in between.",
		tableWriters, says("a commit to a table met another writer's"), writersCure),
	serviceRule("FLINK-JOB-SNAPSHOT-GONE", "the table no longer has the snapshot that the job reads on from", "A source of a lake's table (Iceberg, Paimon) goes on from a snapshot, and it was expired while the job stood still or was behind.",
		tableExpired, says("the table no longer has the snapshot that the job goes on from"), advice("keep snapshots for longer than the job may stand still or lag (for Paimon also: a consumer-id, which keeps what isn't read yet), and start the source again from a place that is still there; what was in between is lost to this job")),
	serviceRule("FLINK-JOB-DATABASE", "a database refuses a statement", "A database that the job uses was reached and refuses a statement: what it names isn't there, the data doesn't fit, others hold its locks, or it has as many connections as it allows.",
		databaseSays, says("a database refuses what the job asks"), databaseCure).unless(notOfDatabase),
}
