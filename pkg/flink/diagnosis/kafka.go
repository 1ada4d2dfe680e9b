package diagnosis

// What Kafka's clients throw.
var (
	kafkaWords   = pattern(`UnknownTopicOrPartitionException|SaslAuthenticationException|SslAuthenticationException|TopicAuthorizationException|GroupAuthorizationException|ClusterAuthorizationException|Failed to get metadata for topics|Timed out waiting for a node assignment|Topic .* not present in metadata|Failed to construct kafka|InvalidPidMappingException|ProducerFencedException|No resolvable bootstrap urls`)
	kafkaTrust   = pattern(`SSL handshake failed|PKIX path|SSLHandshakeException|CertificateException`)
	kafkaAuth    = pattern(`Sasl|Ssl|Authoriz|Authentic`)
	kafkaFenced  = pattern(`ProducerFencedException|InvalidProducerEpochException`)
	kafkaExpired = pattern(`InvalidPidMappingException`)
	kafkaClient  = pattern(`Failed to construct kafka`)
	kafkaServers = pattern(`No resolvable bootstrap urls`)
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
	case e.match(kafkaExpired) != nil:
		text = "the brokers have forgotten the transactional id because it wasn't used for longer than their transactional.id.expiration.ms: have them keep it for longer than the job may stand still"
	case e.match(kafkaServers) != nil:
		text = "check the names in bootstrap.servers: none of them can be resolved from the job's pods"
	case kafkaTrust.MatchString(e.text()):
		text = "have the client trust the brokers' certificate (ssl.truststore.*), and name them as it does"
	case e.match(kafkaClient) != nil:
		text = "correct the client's properties, or put what they name into the image"
	case kafkaAuth.MatchString(root):
		text = "check the client's security.protocol, sasl.* and ssl.* properties, and what its user may do"
	}
	return []Cure{{Text: text}}
}
