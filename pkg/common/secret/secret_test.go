package secret

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// planted is in all secrets of these tests.
const planted = "hunter2"

func TestNamesOfSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"s3.secret-key": true, "s3.access-key": true, "fs.azure.account.key.x.blob.core.windows.net": true, "security.ssl.rest.key-password": true,
		"fs.azure.sas.container.account.blob.core.windows.net": true, "fs.azure.account.oauth2.client.secret.x.dfs.core.windows.net": true,
		"metrics.reporter.dghttp.apikey": true, "high-availability.zookeeper.client.authorization": true, "user.artifacts.http-headers": true,
		"my.oauth.TOKEN": true, "google.credentials": true, "properties.sasl.jaas.config": true, "sas-key": true, "auth-params": true,
		"basic.auth.user.info": true, "basic.auth.credentials": true, "DB_PASS": true, "pwd": true, "pass": true, "PASSWD": true, "passphrase": true,
		"GITHUB_TOKEN": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true, "AWS_SESSION_TOKEN": true, "X-Amz-Signature": true,
		"X-Amz-Security-Token": true, "X-Amz-Credential": true, "SharedAccessKey": true, "AccountKey": true, "SharedAccessSignature": true, "sig": true,
		"-Ddb.password": true, "--db-password": true, "-Dpass": true, "dbPassword": true, "dbpass": true, "mysqlPwd": true, "apiKey": true, "api_key": true,
		"clientSecret": true, "signing.key": true, "encryption-key": true, "ssl.keystore.password": true, "ssl.keystore.key": true, "password2": true, "TOKEN_1": true,
		"vault.app-role.secret-id": true, ".dockerconfigjson": true, "accessToken": true, "authtoken": true, "tokens": true,

		"security.ssl.rest.keystore": false, "ssl.keystore.location": false, "security.kerberos.login.keytab": false, "security.delegation.tokens.enabled": false,
		"security.delegation.token.provider.s3.region": false, "kubernetes.secrets": false, "kubernetes.env.secretKeyRef": false,
		"kubernetes.container.image.pull-secrets": false, "imagePullSecrets": false, "key.format": false, "primary-key": false, "key": false, "key.fields": false,
		"execution.sort-keyed-partition.memory": false, "state.latency-track.keyed-state-enabled": false, "security.delegation.tokens.renewal.time-ratio": false,
		"tokens.renewal": false, "pass-through": false, "bypass": false, "compass": false, "secretKeyRef": false, "secretName": false, "secretRef": false,
		"connectionSecretId": false, "sql.secrets.x": false, "automountServiceAccountToken": false, "serviceAccountToken": false, "SharedAccessKeyName": false,
		"fs.s3a.aws.credentials.provider": false, "basic.auth.credentials.source": false, "sasl.oauthbearer.token.endpoint.url": false, "topologyKey": false,
		"sortKey": false, "public.key": false, "tokenizer.class": false, "password-file": false, "--cmf-token-file": false, "--show-secrets": false, "name": false,
		"sasl.mechanism": false, "security.protocol": false, "user": false, "author": false, "": false, "...": false, "restartNonce": false,
		"org.apache.kafka.common.errors.InvalidTokenException": false, "max.tokens": false,
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
		{"s3.secret-key", "${S3_KEY}", "${S3_KEY}"},
		{"s3.secret-key", "${S3_KEY:-hunter2}", "******"},
		{"s3.secret-key", "12345", "******"},
		{"PWD", "/opt/flink", "/opt/flink"},
		{"a", "jdbc:mysql://root:hunter2@db:3306/x?a=b", "jdbc:mysql://root:******@db:3306/x?a=b"},
		{"a", "s3://one/two,https://u:p@host/,http://v:q@other", "s3://one/two,https://u:******@host/,http://v:******@other"},
		{"a", "http://host:8080/at@sign", "http://host:8080/at@sign"},
		{"a", "redis://:hunter2@host:6379/0", "redis://:******@host:6379/0"},
		{"a", "jdbc:mysql://root:hun/ter2@db/x", "jdbc:mysql://root:******@db/x"},
		{"a", "jdbc:sqlserver://h:1433;user=sa;password=hun@ter2;encrypt=true", "jdbc:sqlserver://h:1433;user=sa;password=******;encrypt=true"},
		{"a", "jdbc:oracle:thin:scott/hunter2@db.example.com:1521:x", "jdbc:oracle:thin:scott/******@db.example.com:1521:x"},
		{"a", "abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"},
		{"env.java.opts.all", "-Xmx1g -Ddb.password=hunter2 -Da=b", "-Xmx1g -Ddb.password=****** -Da=b"},
		{"$internal.application.program-args", "--user;me;--db-password;hunter2;--rate;5", "--user;me;--db-password;******;--rate;5"},
		{"$internal.application.program-args", "--api-key=hunter2 --x y", "--api-key=****** --x y"},
		{"$internal.application.program-args", `--conf;{"db":{"user":"me","password":"hunter2"}};--x;y`, `--conf;{"db":{"user":"me","password":"******"}};--x;y`},
		{"a", "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----******-----END RSA PRIVATE KEY-----"},
		{"a", `org.apache.X required username="me" password="hun\"ter2";`, `org.apache.X required username="me" password="******";`},
		{"a", "file:///flink-data/checkpoints", "file:///flink-data/checkpoints"},
		{"taskmanager.memory.process.size", "1 gb", "1 gb"},
	} {
		if got := Value(c[0], c[1]); got != c[2] {
			t.Errorf("%s=%s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// leaks are texts with a secret, which has planted in it.
var leaks = []string{
	// URLs
	"cannot connect to https://me:hunter2@host/x", "postgres://me:p@hunter2@host:5432/db", "mongodb+srv://me:hunter2@a.example.com,b.example.com/db",
	"jdbc:postgresql://host/db?user=me&password=hunter2&ssl=true", "login me:hunter2@db.example.com failed", "amqp me:hunter2@rabbit:5672",
	"https://account.blob.core.windows.net/c?sv=2020&sig=hunter2%3D&se=2030", "https://b.s3.amazonaws.com/job.jar?X-Amz-Credential=hunter2/x&X-Amz-Date=1",
	"https://b.s3.amazonaws.com/job.jar?X-Amz-Date=1&X-Amz-Signature=hunter2", "https://x/?X-Amz-Security-Token=hunter2//a+b", "proxy http://me:hunter2…",
	"https://storage.googleapis.com/b/o?X-Goog-Signature=hunter2", "https://hooks.slack.com/services/T0/B0/hunter2",
	// connection strings
	"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;EndpointSuffix=core.windows.net", "Endpoint=sb://ns/;SharedAccessKeyName=root;SharedAccessKey=hunter2=",
	"BlobEndpoint=https://x/;SharedAccessSignature=sv=2020&sig=hunter2", "Server=db;User Id=sa;Password=hunter2;", "UID=sa;PWD=hunter2",
	// options
	"-Ddb.password=hunter2", "--db-password hunter2", "--password=hunter2", "java -jar x --api-token 'hunter2 with space' -v", `["--db-password","hunter2"]`,
	`["--db-password", "hunter2"]`, `[\"--db-password\",\"hunter2\"]`, "- --db-password\n- hunter2", "args: [--token, hunter2]", "export DB_PASS=hunter2; run",
	"-D s3.secret-key=hunter2", "mysql --pwd=hunter2", "KAFKA_OPTS=-Dx.passphrase=hunter2",
	// JSON, YAML, XML, Java
	`{"password": "hunter2"}`, `{"db":{"credentials":{"id":1,"value":"hunter2"}}}`, `{"token":["a","hunter2"]}`, `{\"password\":\"hunter2\"}`, `{\\\"password\\\":\\\"a\\\\\\\"hunter2\\\"}`,
	"password: hunter2", "  db-password: my hunter2", "- token: hunter2", "secret-key: 'it''s hunter2'", "{user: me, password: hunter2}", "{user=me, password=hunter2}",
	"name: DB_PASS\n  value: hunter2", `{"name":"DB_PASS","value":"hunter2"}`, `{"value":"hunter2","name":"DB_PASS"}`, `{"key":"s3.secret-key","value":"hunter2"}`,
	"password: |\n  a\n  hunter2\nuser: me", "<password>hunter2</password>", "<name>fs.s3a.secret.key</name><value>hunter2</value>", `{"password": "cut hunter2`,
	"got password:hunter2", "API_KEY=hunter2", "aws_secret_access_key = hunter2", "password%3Dhunter2%26x%3Dy",
	`{"kind":"Secret","data":{"x":"hunter2"}}`, `body="{\"kind\":\"Secret\",\"data\":{\"x\":\"hunter2\"}}"`,
	"Authorization: a\\\"hunter2\\\" b", "sasl.jaas.config: a\\'hunter2",
	// SQL and Kafka
	"'password' = 'hunter2'", "'password'='it''s hunter2'", "SET s3.secret-key = hunter2", "CREATE TABLE t (a INT) WITH ('connector'='jdbc','password'='hunter2')",
	"sasl.jaas.config=org.apache.kafka.PlainLoginModule required username=\"u\" password=\"hunter2\";", `password="a\"hunter2"`, `password=\"a\\\"hunter2\"`,
	`{"sasl.jaas.config":"X required password=\"hunter2\";"}`, `"message":"no sasl.jaas.config=X required user=\"me\" password=\"hunter2\"; Authorization: x","a":1`, `sasl.jaas.config=X required password="a";user="hunter2"`,
	"'sasl.jaas.config' = 'X required password=\"hunter2\";'", "basic.auth.user.info=me:hunter2",
	// headers and tokens
	"Authorization: Basic aHVudGVyhunter2", "Authorization: Bearer hunter2", `"Authorization": "Bearer hunter2"`, "authorization=Bearer hunter2", "with Bearer hunter2x9 sent",
	"http-headers: Authorization:Bearer hunter2", "Cookie: session=hunter2", "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.hunter2",
	"ghp_0123456789hunter20123456789012345", "xoxb-012345678-hunter2", "glpat-0123456789hunter20000",
	// private keys
	"-----BEGIN PRIVATE KEY-----\nMIIhunter2\n-----END PRIVATE KEY-----", `-----BEGIN EC PRIVATE KEY-----\nMIIhunter2\n-----END EC PRIVATE KEY-----`, "-----BEGIN PRIVATE KEY-----\nMIIhunter2",
	`{"key.pem": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3hunter2\nx", "a": 1}`,
}

func TestTextsWithoutTheirSecrets(t *testing.T) {
	for _, text := range leaks {
		got := Text(text)
		if strings.Contains(got, planted) {
			t.Errorf("%q leaks: %q", text, got)
		}
		if again := Text(got); again != got {
			t.Errorf("%q: %q became %q", text, got, again)
		}
	}
	if got := Text("sent Basic bWU6aHVudGVyMg== there"); got != "sent Basic ****** there" {
		t.Errorf("%q", got)
	}
	for _, text := range []string{"AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"} {
		if got := Text("key " + text + " end"); got != "key ****** end" {
			t.Errorf("%q", got)
		}
	}
}

func TestTextsThatStay(t *testing.T) {
	for _, text := range []string{
		`MountVolume.SetUp failed for volume "secrets" : rpc error: code = Unknown desc = failed`,
		`MountVolume.SetUp failed for volume "s3-token": timed out`,
		`pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
		"key.format=json", "'key.format' = 'json', 'key.fields' = 'id'", "primary-key: id", "PRIMARY KEY (id) NOT ENFORCED", "ssl.keystore.location=/etc/ssl/ks.jks",
		`{"secretKeyRef":{"name":"db","key":"password"}}`, `"valueFrom": {"secretKeyRef": {"name": "db"}}`, `{"secret":{"secretName":"tls"}}`, "imagePullSecrets: [{name: regcred}]",
		`{"name":"DB_PASS","valueFrom":{"secretKeyRef":{"name":"db","key":"pass"}}}`, `{"name":"LOG_LEVEL","value":"info"}`,
		"security.delegation.tokens.renewal.retry.backoff: 1 h", "pass-through: 5", "bypass=5", "compass: north", "password: true", "token.enabled=false", "'password' = ''",
		"s3.secret-key: ${S3_SECRET}", "--db-password $(DB_PASSWORD) --x", "--password $DB_PASSWORD",
		"error: secret \"flink-creds\" not found", "secrets \"db\" is forbidden: User \"me\" cannot get resource \"secrets\"", "the password must not be empty",
		"password: must not be empty", "unexpected token: 'FROM'", "Encountered \"x\" at line 1: invalid token: x", "give a token with --cmf-token-file FILE",
		"Basic authentication failed", "flinkdeployment/basic savepointTriggerNonce set to 1", "Bearer token required", "WWW-Authenticate: Bearer realm=\"x\"", "at org.apache.flink.TokenManager.run(TokenManager.java:45)",
		"org.apache.kafka.common.errors.InvalidTokenException: the broker says no", "flink:1.20@sha256:0123456789abcdef", "docker.io/library/flink:1.20",
		"pekko.tcp://flink@basic-example.ns:6123/user/rpc/jobmanager_0", "s3://bucket/savepoints/savepoint-0a1b2c-0123456789ab", "/flink-data/savepoints/_metadata",
		"00000000000000000000000000000001", "123e4567-e89b-12d3-a456-426614174000", "git@github.com:org/repo.git", "java.lang.Object@1a2b3c", "12:30:45 INFO x",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "use --show-secrets to see them", "kubectl flink status basic-example -n default", "http://localhost:8081/jobs/overview?x=1",
		"parallelism.default=2", "key=value", "a=b,c=d", "basic.auth.credentials.source=USER_INFO", "https://host:8443/path", "password = ******", "password=<redacted>, user=me",
		"SET 'table.exec.sink.keyed-shuffle' = 'FORCE'", "mailto:me@example.com", "Secret: the name of a Secret that", "sql.secrets.x=my-secret", "x-axis", "eyJ", "flinkdeployment/my-token: checking the job", "secret.cmf.confluent.io/kafka-secret: spec.data is not comparable", "https://host/secret: no", "it's a secret",
	} {
		if got := Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestTextsKeepWhatIsAroundSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"a password=hunter2, user=me":                                     "a password=******, user=me",
		"{user=me, password=hunter2}":                                     "{user=me, password=******}",
		"'user'='me','password'='x y','url'='z'":                          "'user'='me','password'='******','url'='z'",
		`{"a":1,"token":{"x":[1,"}"]},"b":2}`:                             `{"a":1,"token":******,"b":2}`,
		"password: x y # why\nuser: me":                                   "password: ****** # why\nuser: me",
		"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=x==":     "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=******",
		"https://b/job.jar?X-Amz-Credential=AKIA/x&X-Amz-Signature=abc#f": "https://b/job.jar?X-Amz-Credential=******&X-Amz-Signature=******",
		`args: ["--conf", "{\"password\":\"x\"}", "--rate", "5"]`:         `args: ["--conf", "{\"password\":\"******\"}", "--rate", "5"]`,
		"Authorization: Basic bWU6eA==\nAccept: */*":                      "Authorization: ******\nAccept: */*",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestArguments(t *testing.T) {
	got := Arguments([]string{"--db-password", "hun;ter, 2", "--rate", "5", "--token=a b,c", "--flag-secret", "--next", `{"pwd":"x"}`, "password=a;b", "-p", "1"})
	want := []string{"--db-password", "******", "--rate", "5", "--token=******", "--flag-secret", "--next", `{"pwd":"******"}`, "password=******", "-p", "1"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

const manifest = `{"kind":"FlinkDeployment",
  "spec": {"flinkConfiguration": {"s3.secret-key": "hunter2", "fs.azure.account.key.a.blob.core.windows.net": "hunter2", "key.format": "json"},
    "podTemplate": {"spec": {"containers": [{"env": [
        {"name": "DB_PASS", "value": "hunter2"}, {"value": 123456, "name": "PIN_TOKEN"},
        {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}, {"name":"URL","value":"x://a:hunter2@b/c?d&e"}],
        "command": ["sh", "-c", "run --db-password hunter2"], "args": ["--token", "hunter2", "x"]}],
      "volumes": [{"name": "v", "secret": {"secretName": "tls", "defaultMode": 420}}], "imagePullSecrets": [{"name": "reg"}],
      "automountServiceAccountToken": true}},
    "credentials": {"user": "hunter2", "more": ["hunter2", 7, {"x": "hunter2", "on": true}]},
    "password": 123456, "token": null, "job": {"args": ["--conf", "{\"password\":\"hunter2\"}"], "state": "running"}}}`

func TestJSONWithoutItsSecrets(t *testing.T) {
	got := JSON([]byte(manifest))
	if strings.Contains(string(got), planted) || strings.Contains(string(got), "123456") {
		t.Errorf("leaks:\n%s", got)
	}
	if !json.Valid(got) {
		t.Errorf("no JSON any more:\n%s", got)
	}
	for _, stays := range []string{`"key.format": "json"`, `{"name": "db", "key": "password"}`, `"secretName": "tls", "defaultMode": 420`, `[{"name": "reg"}]`, `"on": true`, `"token": null`, `"x://a:******@b/c?d&e"`, `"automountServiceAccountToken": true`} {
		if !strings.Contains(string(got), stays) {
			t.Errorf("%s is missing:\n%s", stays, got)
		}
	}
	if again := JSON(got); string(again) != string(got) {
		t.Errorf("changed again:\n%s", again)
	}
	if got := string(JSON([]byte(`{"kind":"Secret","data":{"a":"hunter2"}}`))); strings.Contains(got, planted) {
		t.Error(got)
	}
	if got := string(JSON([]byte(`not JSON: password=hunter2`))); strings.Contains(got, planted) {
		t.Error(got)
	}
}

func TestWalkTellsOfEachSecret(t *testing.T) {
	var value any
	if err := json.Unmarshal([]byte(manifest), &value); err != nil {
		t.Fatal(err)
	}
	var told []string
	value = Walk(value, "<redacted>", func(value, shown string) string {
		told = append(told, value)
		return shown
	})
	out, _ := json.Marshal(value)
	if strings.Contains(string(out), planted) || len(told) != 13 {
		t.Errorf("%d %q\n%s", len(told), told, out)
	}
}

func TestFind(t *testing.T) {
	if got := Find("x://u:one@h/?sig=two&password=one"); strings.Join(got, " ") != "one two" {
		t.Errorf("%q", got)
	}
}

// A long text takes time in proportion to its length, whatever is in it.
func TestLongTexts(t *testing.T) {
	for _, piece := range []string{
		"x", "=", ":", "://", "a:", "a=", "password=", "password=[", "password='", "token: ", `"password":"`, "-----BEGIN PRIVATE KEY-----", "--db-password ", "@", "@a", "a:b@", "a:b@c.d ",
		"eyJ", "Bearer ", "\\", `\"`, "password=a,", "<password>", "name: DB_PASS\n", "value: x\n", "&sig=a", "{", "password: |\n a\n", "https://a:b", "Ag", "-", "--", " - ",
	} {
		text := strings.Repeat(piece, 256<<10/len(piece))
		started := time.Now()
		Text(text)
		// A quadratic one takes minutes.
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("%q: %s", piece, took)
		}
	}
}

func BenchmarkText(b *testing.B) {
	line := "2026-11-28 12:00:00,123 INFO  org.apache.flink.runtime.JobMaster [] - url=jdbc:mysql://host:3306/db?user=me, parallelism: 4, password=hunter2 (at x.java:45)\n"
	text := strings.Repeat(line, 10<<20/len(line))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Text(text)
	}
}

// For no text does it fail, and what was hidden once stays as it is.
func FuzzText(f *testing.F) {
	for _, text := range leaks {
		f.Add(text)
	}
	f.Add(manifest)
	f.Fuzz(func(t *testing.T, text string) {
		once := Text(text)
		if twice := Text(once); twice != once {
			t.Errorf("%q: %q, then %q", text, once, twice)
		}
		document := JSON([]byte(text))
		if json.Valid([]byte(text)) && !json.Valid(document) {
			t.Errorf("%q is no JSON any more: %q", text, document)
		}
		if again := JSON(document); string(again) != string(document) {
			t.Errorf("%q: %q, then %q", text, document, again)
		}
	})
}
