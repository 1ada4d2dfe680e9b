package diagnosis

// What Kafka's clients throw.
var (
	kafkaWords   = pattern(`UnknownTopic(?:OrPartition|Id)Exception|IllegalSaslStateException|UnsupportedSaslMechanismException|SaslAuthenticationException|SslAuthenticationException|(?:Topic|Group|Cluster|TransactionalId)AuthorizationException|Failed to get metadata for topics|Timed out waiting for a node assignment|Topic .* not present in metadata|Failed to (?:construct kafka|create new KafkaAdminClient)|InvalidPidMappingException|ProducerFencedException|InvalidProducerEpochException|InvalidTxnStateException|while awaiting (?:InitProducerId|AddOffsetsToTxn|EndTxn)|No resolvable bootstrap urls|expired before (?:the (?:position for partition|last committed offset)|successfully committing offsets)|OffsetOutOfRangeException|NoOffsetForPartitionException|transaction timeout is larger than the max|InvalidTxnTimeoutException|Record(?:Batch)?TooLargeException|Expiring \d+ record|NotEnoughReplicas|fetching topic metadata|Failed to update metadata after|UnsupportedVersionException: .*(?:broker|node|Attempted to write)|KafkaStorageException|PolicyViolationException|InvalidTopicException|InconsistentGroupProtocolException`)
	kafkaTrust   = pattern(`SSL handshake failed|PKIX path|SSLHandshakeException|CertificateException`)
	kafkaAuth    = pattern(`Sasl|Ssl|Authoriz|Authentic`)
	kafkaFenced  = pattern(`ProducerFencedException|InvalidProducerEpochException|InvalidTxnStateException`)
	kafkaBegins  = pattern(`while awaiting InitProducerId`)
	kafkaExpired = pattern(`InvalidPidMappingException`)
	kafkaClient  = pattern(`Failed to (?:construct kafka|create new KafkaAdminClient)`)
	kafkaServers = pattern(`No resolvable bootstrap urls`)
	kafkaOffset  = pattern(`OffsetOutOfRangeException|NoOffsetForPartitionException`)
	kafkaTxn     = pattern(`transaction timeout is larger than the max|InvalidTxnTimeoutException`)
	kafkaLarge   = pattern(`Record(?:Batch)?TooLargeException`)
	kafkaLate    = pattern(`Expiring \d+ record`)
	kafkaSync    = pattern(`NotEnoughReplicas`)
	kafkaOld     = pattern(`UnsupportedVersionException`)
)

// kafkaMeans tells the client's own faults from what brokers answer.
func kafkaMeans(_ *job, e Exception, _ []string) string {
	if e.match(kafkaClient) != nil {
		return "Kafka's client can't be made as it is configured: " + e.Telling()
	}
	return "Kafka doesn't serve the job: " + e.Telling()
}

func kafkaCure(_ *job, e Exception, _ []string) []Cure {
	text := "check that the topic exists, and that the brokers' advertised listeners are reached from the job's namespace"
	switch root := e.Root().String(); {
	case e.match(kafkaFenced) != nil:
		text = "give each job a prefix of its own for transactional ids (transactionalIdPrefix), and see that no second copy of the job runs; a transaction may also have taken longer than transaction.timeout.ms"
	case e.match(kafkaBegins) != nil:
		text = "see that the brokers keep transactions: their topic __transaction_state can't have more replicas than there are brokers (transaction.state.log.replication.factor); and that all of them are reached"
	case e.match(kafkaExpired) != nil:
		text = "the brokers have forgotten the transactional id because it wasn't used for longer than their transactional.id.expiration.ms: have them keep it for longer than the job may stand still"
	case e.match(kafkaServers) != nil:
		text = "check the names in bootstrap.servers: none of them can be resolved from the job's pods"
	case e.match(kafkaOffset) != nil:
		text = "the records that the job wants to go on with are no longer in the topic (its retention was shorter than the job stood still), or it was made again. To go on without them, have the source begin where there is no record: auto.offset.reset earliest or latest (for KafkaSource in OffsetsInitializer.committedOffsets)"
	case e.match(kafkaTxn) != nil:
		text = "lower the sink's transaction.timeout.ms to the brokers' transaction.max.timeout.ms (15 minutes by default), or raise that; it has to be longer than checkpoints and restarts take"
	case e.match(kafkaLarge) != nil:
		text = "raise max.request.size of the producer, and max.message.bytes of the topic, or make the records smaller (compression.type)"
	case e.match(kafkaLate) != nil:
		text = "see whether the partition has a leader and its broker is reached and not overloaded; records wait for delivery.timeout.ms (2 minutes by default), and larger batches or compression need fewer requests"
	case e.match(kafkaSync) != nil:
		text = "see why brokers of the partition aren't in sync: fewer of its replicas are than the topic's min.insync.replicas asks for; nothing is wrong with the job"
	case e.match(kafkaOld) != nil:
		text = "the brokers are older than what the client asks of them: use a client (a connector's version) for them, or leave out what they don't have"
	case e.match(tlsPlain) != nil:
		text = "that listener doesn't speak TLS: use the brokers' port that does, or another security.protocol"
	case e.match(tlsAlert) != nil:
		text = "the brokers want a certificate of the client's, or don't take the one that it has (ssl.keystore.*)"
	case e.match(tlsExpired) != nil:
		return tlsCure(nil, e, nil)
	case kafkaTrust.MatchString(e.text()):
		text = "have the client trust the brokers' certificate (ssl.truststore.*), and name them as it does"
	case e.match(kafkaClient) != nil:
		text = "correct the client's properties, or put what they name into the image"
	case kafkaAuth.MatchString(root):
		text = "check the client's security.protocol, sasl.* and ssl.* properties, and what its user may do"
	}
	return []Cure{{Text: text}}
}
