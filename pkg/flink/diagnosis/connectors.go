package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// connectorJar is a jar of Flink's own that has connectors or formats.
type connectorJar struct {
	// artifact is without its group, org.apache.flink.
	artifact string
	// names are what tables call what is in it.
	names []string
	// own says that it is released with Flink and has its version; the others
	// have versions of their own that end with Flink's, as in 4.0.1-2.0.
	own bool
	// more is what it needs beside it; "" for nothing.
	more string
}

// connectorJars are those that can be put into lib as they are.
var connectorJars = []connectorJar{
	{artifact: "flink-sql-connector-kafka", names: []string{"kafka", "upsert-kafka"}},
	{artifact: "flink-sql-connector-elasticsearch6", names: []string{"elasticsearch-6"}},
	{artifact: "flink-sql-connector-elasticsearch7", names: []string{"elasticsearch-7"}},
	{artifact: "flink-sql-connector-elasticsearch8", names: []string{"elasticsearch-8"}},
	{artifact: "flink-sql-connector-opensearch", names: []string{"opensearch"}},
	{artifact: "flink-sql-connector-opensearch2", names: []string{"opensearch-2"}},
	{artifact: "flink-connector-jdbc", names: []string{"jdbc"}, more: "the database's JDBC driver"},
	{artifact: "flink-sql-connector-hbase-1.4", names: []string{"hbase-1.4"}},
	{artifact: "flink-sql-connector-hbase-2.2", names: []string{"hbase-2.2"}},
	{artifact: "flink-sql-connector-mongodb", names: []string{"mongodb"}},
	{artifact: "flink-sql-connector-pulsar", names: []string{"pulsar"}},
	{artifact: "flink-sql-connector-kinesis", names: []string{"kinesis", "kinesis-legacy"}},
	{artifact: "flink-sql-connector-aws-kinesis-firehose", names: []string{"firehose"}},
	{artifact: "flink-sql-connector-dynamodb", names: []string{"dynamodb"}},
	{artifact: "flink-connector-files", names: []string{"filesystem"}, own: true},
	{artifact: "flink-connector-datagen", names: []string{"datagen"}, own: true},
	{artifact: "flink-sql-avro", names: []string{"avro"}, own: true},
	{artifact: "flink-sql-avro-confluent-registry", names: []string{"avro-confluent", "debezium-avro-confluent"}, own: true},
	{artifact: "flink-sql-parquet", names: []string{"parquet"}, own: true},
	{artifact: "flink-sql-orc", names: []string{"orc"}, own: true},
	{artifact: "flink-sql-protobuf", names: []string{"protobuf"}, own: true},
	{artifact: "flink-csv", names: []string{"csv"}, own: true},
	{artifact: "flink-json", names: []string{"json", "debezium-json", "canal-json", "maxwell-json", "ogg-json"}, own: true},
}

// bringJar says which jar has a connector or format, and how to bring it, for a
// Flink version as in v2_3.
func bringJar(name, flinkVersion string) string {
	flink := strings.ReplaceAll(strings.TrimPrefix(flinkVersion, "v"), "_", ".")
	at := slices.IndexFunc(connectorJars, func(jar connectorJar) bool { return slices.Contains(jar.names, strings.ToLower(name)) })
	if at < 0 {
		return ""
	}
	jar := connectorJars[at]
	text := fmt.Sprintf("it is in org.apache.flink:%s", jar.artifact)
	switch {
	case jar.own && flink != "":
		text += fmt.Sprintf(", version %s.x as Flink itself", flink)
	case jar.own:
		text += ", of Flink's own version"
	case flink != "":
		text += fmt.Sprintf(", in a version that ends with -%s or, where there is none yet, with the nearest older", flink)
	default:
		text += ", in a version whose end, as in 4.0.1-2.0, is the Flink version"
	}
	if jar.more != "" {
		text += "; with it " + jar.more
	}
	return text + ": "
}

func connectorCure(j *job, _ Exception, found []string) []Cure {
	version := ""
	if j.Object != nil {
		version = (api.Job{Kind: api.Deployment, Object: j.Object}).FlinkVersion()
	}
	return []Cure{{Text: bringJar(found[1], version) + "put the jar into /opt/flink/lib of the image; in a fat jar merge META-INF/services (ServicesResourceTransformer)"}}
}
