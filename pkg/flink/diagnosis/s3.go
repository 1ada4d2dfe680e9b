package diagnosis

import (
	"slices"
	"strings"
)

var (
	// awsService is how Amazon's clients name the service that answered; their
	// exceptions are the same for all of them.
	awsService = pattern(`\(Service: (?:Amazon ?|AWS ?)?(\w+)`)
	otherAWS   = pattern(`(?i)kinesis|dynamodb|\bglue\b|secretsmanager|\bsqs\b|\bsns\b|firehose|cloudwatch|\bkafka\b|\bmsk\b|timestream|eventbridge`)
	s3Words    = pattern(`S3|\bs3[ap]?:|\bfs\.s3|\bs3a\b|\.s3\.`)
	// remoteDenied are refusals of filesystems that aren't mounted.
	remoteDenied = pattern(`AccessControlException|user=\w+, access=|Operation failed: "|\b(?:hdfs|viewfs|abfss?|wasbs?|gs|oss)://|core\.windows\.net|storage\.googleapis`)
	// ofLake are exceptions of those who bring one, which tell it without frames.
	ofLake = pattern(`org\.apache\.(?:iceberg|hudi|paimon)\.`)
	// flinkS3 are the frames of Flink's own filesystems, connectorS3 of those who
	// bring a client of S3 themselves.
	flinkS3     = []string{"org.apache.flink.fs.", "org.apache.flink.core.fs.", "flink.runtime.state.", "flink.runtime.checkpoint."}
	lakes       = []string{"iceberg", "hudi", "paimon"}
	connectorS3 = append([]string{"amazonaws", "awssdk"}, lakes...)
)

// whole is the chain with the classes' packages.
func (e *Exception) whole() string {
	var out strings.Builder
	for _, c := range e.Chain {
		out.WriteString(c.Type + ": " + c.Message + "\n")
	}
	return out.String()
}

// inS3 reports whether an exception comes out of an S3 client. Where only the
// frames of Amazon's clients say so it may be any of their services, but state
// goes to S3.
func inS3(e Exception) bool {
	text := e.whole()
	if found := awsService.FindStringSubmatch(text); found != nil && found[1] != "S3" && found[1] != "Sts" && found[1] != "SecurityTokenService" {
		return false
	}
	switch {
	case s3Words.MatchString(text), e.passes("fs.s3", "s3presto", "s3a.", "services.s3."):
		return true
	case otherAWS.MatchString(text), e.passes("kinesis", "dynamodb", ".glue.", ".sqs."):
		return false
	}
	return slices.Contains([]Where{InCheckpoint, InRestore, InJobManager}, e.Where) && (e.passes("amazonaws", "awssdk") || strings.Contains(text, "com.amazonaws.") || strings.Contains(text, ".awssdk."))
}

// byConnector reports whether a connector or catalog was at work with a client
// of its own, which Flink's s3 keys aren't for.
func byConnector(e Exception) bool {
	if e.passes(flinkS3...) {
		return false
	}
	// At a checkpoint a lake's sink writes out what it has.
	lake := e.passes(lakes...) || ofLake.MatchString(e.whole())
	return (e.Where == InTask || e.Where == InMain) && (lake || e.passes(connectorS3...)) || e.Where == InCheckpoint && lake
}

// s3Unanswered is the exception of an S3 client that got no answer. inHost says
// that the bucket's name may have been made part of the host's.
func (j *job) s3Unanswered() (out Exception, inHost, ok bool) {
	if e, _, ok := j.find(s3Away); ok && inS3(e) {
		return e, true, true
	}
	endpoint := j.conf.get("s3.endpoint", "fs.s3a.endpoint")
	if endpoint != "" && !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	host := hostOf(endpoint)
	for i, e := range j.seen {
		found := e.match(unknownHost)
		if found == nil || host == "" || found[1] != host && !strings.HasSuffix(found[1], "."+host) {
			continue
		}
		j.touched = append(j.touched, i)
		return e, found[1] != host, true
	}
	return out, false, false
}

var (
	s3Slow     = pattern(`Error Code: SlowDown|reduce your request rate|SlowDownException|Error Code: (?:503 SlowDown|RequestLimitExceeded)`)
	s3Region   = pattern(`PermanentRedirect|must be addressed using the specified endpoint|AuthorizationHeaderMalformed|the region '[\w-]+' is wrong`)
	s3NoRegion = pattern(`Unable to (?:find a|load) region`)
	s3Role     = pattern(`[Nn]ot authorized to perform:? sts:|WebIdentityErr|AccessDenied.*AssumeRole`)
	s3NoKey    = pattern(`KMS\.(?:NotFound|Disabled|KMSInvalidState|InvalidKeyUsage)Exception`)
	s3Key      = pattern(`kms:(?:GenerateDataKey|Decrypt)|KMS\.|KMSAccessDenied`)
)

// deniedCure says what to do about a refusal of S3's, by what it names.
func deniedCure(e Exception) string {
	switch {
	case e.match(s3NoKey) != nil:
		return "the key with which the bucket encrypts isn't there, is disabled or is being deleted: restore it, without which nothing that it encrypted can be read, or give the bucket another one"
	case e.match(s3Key) != nil:
		return "let the user or role of the pods use the bucket's key: kms:GenerateDataKey to write, kms:Decrypt to read"
	case e.match(s3Role) != nil:
		return "check the annotation eks.amazonaws.com/role-arn of the pods' service account, and that the role's trust policy names it (namespace and name)"
	}
	return "check the keys (s3.access-key, s3.secret-key, or those of the environment) and what they may do with the bucket"
}

var s3Rules = []Rule{
	{
		ID: "FLINK-S3-SLOW", Severity: Error, Title: "S3 limits the requests", Link: docS3,
		Explain:  "The object store answers 503 SlowDown: more requests come in than it takes for one prefix. Checkpoints of many tasks write many small files at once.",
		Source:   "Amazon S3, list of error codes",
		Explains: []string{"FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			return j.thrown(s3Slow, nil, func(e Exception, _ []string) string {
				return "S3 limits the requests of the job's pods: " + e.Telling()
			}, Cure{Text: "have fewer and larger files (execution.checkpointing.file-merging.enabled: true since Flink 1.20, a larger state.storage.fs.memory-threshold, a longer interval), or spread them over prefixes (s3.entropy.key with _entropy_ in the checkpoint directory)"})
		},
	},
	{
		ID: "FLINK-S3-REGION", Severity: Error, Title: "the bucket is in another region", Link: docS3,
		Explain:  "The object store answers that the bucket is elsewhere: the client signs for another region, or asks the endpoint of another one.",
		Source:   "Amazon S3, list of error codes",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-STATE-WRITE", "FLINK-SNAP-*", theRest},
		job: func(j *job) []Finding {
			if e, _, ok := j.find(s3NoRegion); ok && j.matters(e) && inS3(e) {
				return []Finding{{Subject: j.ref(), Means: "the S3 client knows no region: " + e.Telling(), Evidence: []Evidence{e.evidence()}, Cures: []Cure{{Text: "name it (s3.region, fs.s3a.endpoint.region, or the environment variable AWS_REGION of the pod template; with a store that isn't Amazon's any name does)"}}}}
			}
			return j.thrown(s3Region, nil, func(e Exception, _ []string) string {
				return "the bucket is in another region than the S3 client asks: " + e.Telling()
			}, Cure{Text: "set s3.endpoint to that of the bucket's region (s3.REGION.amazonaws.com), or the region (s3.region, fs.s3a.endpoint.region)"})
		},
	},
}
