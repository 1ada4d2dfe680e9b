package secret

import "testing"

func TestNamesOfSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"s3.secret-key": true, "s3.access-key": true, "fs.azure.account.key.x.blob.core.windows.net": true, "security.ssl.rest.key-password": true,
		"metrics.reporter.dghttp.apikey": true, "high-availability.zookeeper.client.authorization": true, "user.artifacts.http-headers": true,
		"my.oauth.TOKEN": true, "google.credentials": true, "properties.sasl.jaas.config": true,
		"security.ssl.rest.keystore": false, "security.delegation.tokens.enabled": false, "kubernetes.secrets": false,
		"kubernetes.container.image.pull-secrets": false, "key.format": false, "execution.sort-keyed-partition.memory": false,
		"state.latency-track.keyed-state-enabled": false, "security.delegation.tokens.renewal.time-ratio": false,
	} {
		if got := Name(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestValuesWithoutTheirSecrets(t *testing.T) {
	for _, c := range [][3]string{
		{"s3.secret-key", "abc", "******"},
		{"my.token.required", "true", "true"},
		{"s3.secret-key", "", ""},
		{"a", "jdbc:mysql://root:hunter2@db:3306/x?a=b", "jdbc:mysql://root:******@db:3306/x?a=b"},
		{"a", "s3://one/two,https://u:p@host/,http://v:q@other", "s3://one/two,https://u:******@host/,http://v:******@other"},
		{"a", "http://host:8080/at@sign", "http://host:8080/at@sign"},
		{"env.java.opts.all", "-Xmx1g -Ddb.password=hunter2 -Da=b", "-Xmx1g -Ddb.password=****** -Da=b"},
		{"$internal.application.program-args", "--user;me;--db-password;hunter2;--rate;5", "--user;me;--db-password;******;--rate;5"},
		{"$internal.application.program-args", "--api-key=hunter2 --x y", "--api-key=****** --x y"},
		{"a", "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----******-----END RSA PRIVATE KEY-----"},
		{"a", `org.apache.X required username="me" password="hunter2";`, `org.apache.X required username="me" password=******;`},
		{"a", "file:///flink-data/checkpoints", "file:///flink-data/checkpoints"},
		{"taskmanager.memory.process.size", "1 gb", "1 gb"},
	} {
		if got := Value(c[0], c[1]); got != c[2] {
			t.Errorf("%s=%s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
