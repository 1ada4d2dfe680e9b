package secret

import (
	"encoding/json"
	"strings"
	"testing"
)

// strangers are forms that secrets have in configurations, arguments, variables,
// addresses, headers, SQL and messages of other programs, each with planted in it.
var strangers = []string{
	"&password=hunter2", "'apikey' = 'hunter2'", "'avro-confluent.basic-auth.credentials'='hunter2'", "'aws.credentials.basic.secretkey' = 'hunter2'",
	"'aws.secret.key'='hunter2'", "'credentials-key'='hunter2'", "'gid.connector.http.source.lookup.header.Authorization'='Basic hunter2'",
	"'headers'='Authorization:Basic hunter2abc'", "'http.sink.header.X-Api-Key'='hunter2'", "'key'='password','value'='hunter2'",
	"'lookup.http.headers'='Authorization: hunter2'", "'openai.api-key'='hunter2'", "'properties.schema.registry.basic.auth.user.info' = 'k:hunter2'",
	"'properties.ssl.key.password'='hunter2'", "'value.avro-confluent.basic-auth.user-info'='me:hunter2'", "- name: \"DB_PASSWORD\"\n  value: \"hunter2\"",
	"-- password: hunter2", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2\n-----END PGP PRIVATE KEY BLOCK-----",
	"--Dfs.azure.account.key.acct.blob.core.windows.net=hunter2", "--build-arg TOKEN=hunter2", `--conf '{"db":{"user":"me","pass":"hunter2"}}'`,
	"--conf db.password=hunter2,db.user=me", "--conf {'password':'hunter2'}", `--conf {"password":hunter2}`, "--conf {password:hunter2,user:me}",
	`--conf={"db":{"user":"me","password":"hunter2"}}`, "--db_password_prod hunter2", "--password  =  hunter2", "--password -hunter2", "--password ;hunter2",
	`--password "$(echo hunter2)"`, `--password "a\"hunter2"`, "--password,hunter2", "--password: hunter2", "--password=$'hunter2'", `--password='a'"'"'hunter2'`,
	`--password="hunter2 x"`, `--password=a\ hunter2`, "--passwordFile x --password hunter2", "--password\nhunter2", "--password\thunter2", "--props password:hunter2",
	"--props=user:me,password:hunter2", "--secret -Dhunter2", "--set db.password=hunter2", "--token hunter2,--x", "--user me:hunter2", "--with.db.password hunter2",
	"-Djavax.net.ssl.trustStorePassword=hunter2", "-H Authorization:Basic:hunter2abc", `-H "X-Vault-Token: hunter2"`, "-e DB_PASSWORD=hunter2", "-password hunter2",
	"-pw hunter2", ".dockerconfigjson: hunter2", ".password=hunter2", "/* password=hunter2 */", "//registry.npmjs.org/:_authToken=hunter2", "/p:password=hunter2",
	"1//0ghunter2abcdefghijklmnopqrstuvwxyzABCDEFG", `:password "hunter2"`, `<add key="password" value="hunter2"/>`, `<entry key="password">hunter2</entry>`,
	"<ns:password>hunter2</ns:password>", `<password encoding="x">hunter2</password>`, "<password><![CDATA[hunter2]]></password>",
	`<property name="password" value="hunter2"/>`, `<property name="password">hunter2</property>`, `<user name="x" password="hunter2"/>`, "?password:hunter2",
	"?sv=2020-08-04&ss=b&srt=co&sp=r&sig=hunter2", "ALTER TABLE t SET ('password'='hunter2')", "ATATT3xFfGF0hunter2hunter2hunter2", "AZURE_CLIENT_SECRET=hunter2",
	"AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2", "AZURE_STORAGE_KEY=hunter2",
	"Access denied for user 'me'@'h' (using password: hunter2)", "AccountEndpoint=https://x.documents.azure.com:443/;AccountKey=hunter2==;",
	"Authorization: Negotiate hunter2hunter2", "CREATE CATALOG c WITH ('type'='jdbc','username'='me','password'='hunter2')",
	"CREATE CONNECTION c WITH ('type'='x','endpoint'='y','api-key'='hunter2')", "CREATE USER me WITH PASSWORD 'hunter2'", "CREDS: hunter2",
	"ConfigEntry(name=sasl.jaas.config, value=hunter2, x)", "DB_PASSWORD: hunter2", "DD-API-KEY: hunter2", `Data Source=h;Initial Catalog=x;User ID=me;Password="hunter2";`,
	"EXECUTE STATEMENT SET BEGIN INSERT INTO x SELECT 'a','password'='hunter2'", "GOCSPX-hunter2abcdefghijklmnopqrst",
	"HostName=x.azure-devices.net;DeviceId=d;SharedAccessKey=hunter2=", "IDENTIFIED BY 'hunter2'", "InstrumentationKey=hunter2;IngestionEndpoint=https://x",
	"JSESSIONID=hunter2", `KAFKA_SASL_JAAS="org.apache.kafka.PlainLoginModule required username=\"me\" password=\"hunter2\";"`, "MYSQL_PWD=hunter2",
	"NRAK-HUNTER2hunter2hunter2hunter2", "Ocp-Apim-Subscription-Key: hunter2", "PASSPHRASE:hunter2", "PGPASSWORD=hunter2 psql", "PMAK-hunter2hunter2hunter2-hunter2",
	"PRIVATE-TOKEN: hunter2", "PassWord=hunter2", "Properties{password='hunter2', x='y'}", "Proxy-Authorization: Basic aHVudGVyOmh1bnRlcjI=hunter2",
	"SECRET_KEY_BASE=hunter2", "SELECT * FROM t /*+ OPTIONS('password'='hunter2') */", "SENTRY_DSN=https://hunter2hunter2hunter2hunter2@o1.ingest.sentry.io/1",
	"SET 'password' = 'hunter2'", "SET 's3.secret-key'='hunter2';", "SET s3.secret-key = hunter2;", "Set-Cookie: SESSION=hunter2; Path=/",
	"SharedAccessSignature sr=sb%3A%2F%2Fx&sig=hunter2%3D&se=1&skn=Root", "User(name=me, password=hunter2)", "VAULT_TOKEN=s.hunter2", "WITH ('password' = U&'hunter2')",
	"WITH ('password'=  'a''hunter2')", "WITH ('url'='jdbc:mysql://h/db?user=a&password=hunter2','x'='y')", `WITH ("password" = "hunter2")`, "WITH (`password` = 'hunter2')",
	"WITH (password = 'hunter2')", "X-Auth-Token: hunter2", "X-Goog-Api-Key: hunter2", "[name=DB_PASSWORD, value=hunter2]",
	`"authParams":"{\"tlsCertFile\":\"x\",\"token\":\"hunter2\"}"`, `"clientSecret" : "hunter2"`, `"headers":"Authorization=Bearer hunter2,x=y"`,
	"\"password\" : \n \"hunter2\"", "_password=hunter2", "access_token: hunter2", "accesskey=hunter2", "aes.key=hunter2", "amqp://me:hunter2@h:5672/%2f",
	"amqps://me:hunter2@h/vhost", "apiVersion: v1\ndata:\n  foo: hunter2\nkind: Secret\n", "authParams=token:hunter2", "authorization: AWS hunter2:hunter2",
	"aws.credentials.basic.accesskeyid=hunter2", "aws.credentials.provider.basic.secretkey=hunter2", "aws_access_key_id=AKIAIOSFODNN7EXAMPLE aws_secret_access_key=hunter2",
	"bearer: hunter2", "bearer=hunter2", "bindPassword: hunter2", "cassandra://me:hunter2@h", "cipher.key=hunter2", "client-key-data: hunter2", "client-secret: hunter2",
	"client_secret=hunter2", "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true password=hunter2;", "containerized.master.env.DB_PASSWORD: hunter2",
	"containerized.taskmanager.env.AWS_SECRET_ACCESS_KEY: hunter2", "cred=me:hunter2", "credentials=eyJ0eXBlIjogImh1bnRlcjIifQ==hunter2", "creds=hunter2",
	"csrf_token=hunter2", "curl -H 'Authorization: ApiKey hunter2'", "curl -H 'Authorization: token hunter2'", `curl -H "X-Api-Key: hunter2" https://x`,
	"curl -u me:hunter2 https://x", "dapihunter2hunter2hunter2hunter2abcd", `db { password = "hunter2" }`, "db.credentials=me:hunter2", `db.password="""hunter2"""`,
	"db.pwd.encrypted=hunter2", "db2pw=hunter2", "x-db2pw: hunter2", "db_key=hunter2", "dckr_pat_hunter2hunter2hunter2", "dockercfg: hunter2", "dop_v1_hunter2hunter2hunter2hunter2hunter2hunter2hunter2",
	"dsn=https://hunter2hunter2hunter2hunter2@sentry.io/1", "elasticsearch: https://elastic:hunter2@h:9200",
	"env.java.opts.jobmanager: -Djavax.net.ssl.keyStorePassword=hunter2 -Dx=y", `env.java.opts: "-Dpassword='hunter2'"`, "env: {DB_PASSWORD: hunter2}",
	`export AWS_SECRET_ACCESS_KEY="hunter2"`, "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.hunter2-_x",
	"fs.azure.account.key.acct.blob.core.windows.net: hunter2", "fs.azure.account.key.acct.dfs.core.windows.net=hunter2",
	"fs.azure.sas.cont.acct.blob.core.windows.net=hunter2", "fs.gs.auth.service.account.private.key=hunter2", "fs.oss.accessKeyId: hunter2",
	"fs.oss.accessKeySecret: hunter2", "fs.s3a.bucket.b.access.key=hunter2", "fs.s3a.bucket.mybucket.secret.key=hunter2", "fs.s3a.encryption.key: hunter2",
	"fs.s3a.mybucket.secret.key: hunter2", "fs.s3a.server-side-encryption.key=hunter2", "fs.s3a.session.token=hunter2", "ftp://me:hunter2@h/x",
	"ghp_hunter2hunter2hunter2hunter2hunter2x", "glc_eyJhunter2hunter2hunter2hunter2hunter2", "gldt-hunter2hunter2hunter2", "glptt-hunter2hunter2hunter2",
	"glrt-hunter2hunter2hunter2", "google.cloud.auth.service.account.private.key: hunter2", "grafana glsa_hunter2hunter2hunter2hunter2_abcd", "hdfs://me:hunter2@h/x",
	"headers: Authorization=Basic%20hunter2hunter2", "high-availability.zookeeper.auth: me:hunter2", "high-availability.zookeeper.client.acl.auth: digest:me:hunter2",
	"hive.s3.aws-secret-key=hunter2", "host=h password='hunter2 x' dbname=x", "host=h port=5432 user=me password=hunter2 dbname=x",
	"http://me:hunter2@h1,http://me2:hunter2@h2", "https://a.blob.core.windows.net/c/f?sp=r&st=2020&se=2021&spr=https&sv=2020&sr=b&sig=ab%2Bhunter2%3D",
	"https://api.telegram.org/bot123456789:AAhunter2abcdefghijklmnopqrstuvwxyz012/sendMessage",
	"https://b.s3.amazonaws.com/x?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1&Signature=hunter2%3D",
	"https://bucket.oss-cn-x.aliyuncs.com/o?OSSAccessKeyId=x&Expires=1&Signature=hunter2", "https://chat.googleapis.com/v1/spaces/x/messages?key=k&token=hunter2",
	"https://d111.cloudfront.net/x?Expires=1&Signature=hunter2&Key-Pair-Id=K1", "https://discord.com/api/webhooks/123456/hunter2abcdefghijklmnop",
	"https://discordapp.com/api/webhooks/123456/hunter2abcdefghijklmnop", "https://events.pagerduty.com/integration/hunter2/enqueue",
	"https://hooks.slack.com/services/T000/B000/hunter2XXX", "https://hooks.slack.com/triggers/T0/1/hunter2", "https://hooks.slack.com/workflows/T000/A000/hunter2",
	"https://hunter2hunter2hunter2hunter2@github.com/org/repo.git", "https://maps.googleapis.com/x?key=AIzaSyhunter2hunter2hunter2hunter2hunter2xx",
	"https://me:hunter2@github.com/org/repo.git", "https://me:hunter2@h1/?a=", "https://oapi.dingtalk.com/robot/send?access_token=hunter2",
	"https://oauth2:hunter2@gitlab.com/o/r", "https://open.feishu.cn/open-apis/bot/v2/hook/hunter2-abcd-efgh",
	"https://outlook.office.com/webhook/hunter2@x/IncomingWebhook/y/z", "https://x-access-token:hunter2@github.com/o/r",
	"https://x.azurewebsites.net/api/f?code=hunter2abcdefghij==", "https://x.webhook.office.com/webhookb2/hunter2@x/IncomingWebhook/hunter2/z",
	"https://x/y?key=hunter2hunter2hunter2", "hvb.AAAAhunter2hunter2hunter2hunter2", "id_token=hunter2", "influxdb://h?token=hunter2",
	`jdbc url is jdbc:mysql://h/db, user is me, password is "hunter2"`, "jdbc:clickhouse://h:8123/db?user=me&password=hunter2",
	"jdbc:databricks://h;AuthMech=3;UID=token;PWD=hunter2", "jdbc:db2://h:50000/db:user=me;password=hunter2;", "jdbc:h2:mem:x;USER=sa;PASSWORD=hunter2",
	"jdbc:mysql://address=(host=h)(port=1)(user=me)(password=hunter2)/db", "jdbc:mysql://h/db?user=me&password=hunter2#x", "jdbc:mysql://me:hunter2@h1,h2/db",
	"jdbc:oracle:oci8:scott/hunter2@tns", "jdbc:oracle:thin:scott/hunter2@(DESCRIPTION=(ADDRESS=x))", "jdbc:oracle:thin:scott/hunter2@//h:1521/x",
	"jdbc:oracle:thin:scott/hunter2@h:1521:x", "jdbc:oracle:thin:scott/hunter2@tnsalias", "jdbc:postgresql://h/db?user=me&password=hunter2",
	"jdbc:redshift:iam://h/db?AccessKeyID=hunter2&SecretAccessKey=hunter2", "jdbc:sap://h:30015/?user=SYSTEM&password=hunter2",
	"jdbc:snowflake://acc.snowflakecomputing.com/?user=me&private_key_file_pwd=hunter2", "jdbc:sqlserver://h;databaseName=x;user=sa;password={hun;hunter2};encrypt=true",
	"jdbc:sqlserver://h;databaseName=x;user=sa;password={hunter2};encrypt=true", "jdbc:teradata://h/USER=me,PASSWORD=hunter2", "jwt.secret=hunter2", "jwtKey: hunter2",
	"jwt_key=hunter2", "kafka.sasl.password = hunter2", "key=AIzaSyhunter2hunter2hunter2hunter2hunter2xx", "kind: Secret\ndata:\n  password: aHVudGVyMg==hunter2",
	"kind: Secret\nmetadata: {name: x}\nstringData:\n  foo: hunter2", "ldap://h??bindpw=hunter2", "licenseKey: hunter2", "lin_api_hunter2hunter2hunter2hunter2",
	"map[Authorization:[Bearer hunter2abcdef]]", "map[password:hunter2 user:me]", "metrics.reporter.dd.apikey: hunter2", "metrics.reporter.influxdb.password: hunter2",
	"metrics.reporter.otel.exporter.headers: authorization=hunter2", "mongo.uri=mongodb://me:hunter2@h", "mongodb+srv://me:hunter2@c.mongodb.net/?retryWrites=true",
	"mongodb://me:hunter2@h1:27017,h2:27017/db?authSource=admin", "motdepasse=hunter2", "name: DB_PASS\n  # comment\n  value: hunter2", "name=password, value=hunter2",
	"nats://me:hunter2@h", "neo4j://neo4j:hunter2@h", "npm_hunter2hunter2hunter2hunter2hunter2x", "pass-word: hunter2", "pass_word=hunter2", "passphrase='hunter2'",
	"passwd: hunter2", "password 'hunter2'", "password : hunter2", "password :hunter2", "password = { hunter2 }", "password => 'hunter2'", "password =>hunter2",
	"password.md5=hunter2", "password: !!str hunter2", "password: &a hunter2", "password: 'a\n  hunter2'", "password: >-\n  hunter2\n", "password:\n  hunter2",
	"password:\thunter2", "password= hunter2", "password==hunter2", "password=\\\nhunter2", "password=\u00a0hunter2", "password=b'hunter2'", `password=r"hunter2"`,
	"passwordHash=hunter2", "password\t=\thunter2", "passwords=hunter2,foo", "passwort=hunter2", "pipeline.global-job-parameters: 'db.password:hunter2,a:b'",
	"pipeline.global-job-parameters: a:b,db.password:hunter2", "postgres://me@h/db?password=hunter2", "postgresql://me:hun%40hunter2@h/db", "presto.s3.secret-key: hunter2",
	"pulsar+ssl://h?token=hunter2", "pypi-AgEIcHlwaS5vcmchunter2hunter2hunter2", "redis://:hunter2@h:6379", "redis://h:6379?password=hunter2",
	"rediss://default:hunter2@h:6379/0", "refresh_token=hunter2", "rk_live_hunter2hunter2hunter2", "s3.access-key: hunter2", "s3.secret.key: hunter2",
	"s3a://AKIAIOSFODNN7EXAMPLE:hunter2@bucket/x", `secret = "hunter2"`, "secret: hunter2", "secret_id: hunter2", "security-token=hunter2",
	"security.delegation.token.provider.s3.secret-key: hunter2", "security.ssl.internal.keystore-password: hunter2", "security.ssl.rest.key-password: hunter2",
	"security.ssl.truststore-password: hunter2", "server=h;uid=me;pwd=hunter2;database=x", "set DB_PASSWORD=hunter2", "shpat_hunter2hunter2hunter2hunter2hun",
	"sk-hunter2hunter2hunter2hunter2hunter2hunter2hunter2", "sk_test_hunter2hunter2hunter2", "smtp://me:hunter2@h:25", "snowflake://me:hunter2@acc/db",
	"sql-gateway.endpoint.rest.password: hunter2", "sqlplus scott/hunter2@db.example.com:1521/x",
	`ssl.key=-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIhunter2\n-----END ENCRYPTED PRIVATE KEY-----`,
	"ssl.keystore.key: |\n  -----BEGIN PRIVATE KEY-----\n  hunter2\n  -----END PRIVATE KEY-----", "tibco: user=me,password=hunter2", "tls.key: hunter2",
	"token=eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.hunter2", "userPassword=hunter2", "user_pass=hunter2", "userpass=hunter2",
	"users: [{user: {client-key-data: hunter2, token: hunter2}}]", "whsec_hunter2hunter2hunter2", `with password "hunter2"`, "x-amz-security-token: hunter2",
	"x-oss-security-token=hunter2", "x-oss-signature=hunter2", "xoxe-1-hunter2hunter2", "xoxe.xoxp-1-hunter2hunter2", "ya29.a0AfH6SMBhunter2hunter2hunter2hunter2",
	"zookeeper.sasl.password: hunter2", `{"Authorization":["Bearer hunter2"]}`, `{"Name":"DB_PASSWORD","Value":"hunter2"}`,
	`{"a":"{\"b\":\"{\\\"password\\\":\\\"hunter2\\\"}\"}"}`, `{"apiKeys":["hunter2"]}`, `{"api_keys":{"a":"hunter2"}}`,
	`{"auths":{"https://index.docker.io/v1/":{"auth":"hunter2=="}}}`, `{"auths":{"r":{"username":"me","password":"hunter2","email":"a@b"}}}`, `{"identitytoken":"hunter2"}`,
	`{"key":"password","val":"hunter2"}`, `{"name":"DB_PASS","x":1,"value":"hunter2"}`, `{"name":"db.password","value":["hunter2"]}`,
	`{"option":"password","value":"hunter2"}`, `{"param":"password","value":"hunter2"}`, `{"password":{"value":"hunter2"}}`, `{"passwords":["hunter2"]}`,
	`{"tls.key":"hunter2"}`, `{\"auths\":{\"r\":{\"auth\":\"hunter2\"}}}`, "{db.password=hunter2, a=b}",
}

// lookalikes have words that secrets have, and none.
var lookalikes = []string{
	"read pod web-6d5f49f8d4-68bpw: gone",
	"read pod gateway-r4q5f-68bpw.default:8083: nothing listens on it",
	"passthrough: true", "passthrough=all", "pass-through: x", "token-lifetime: 1h", "token.lifetime=1h", "secret-name: x", "secretName: tls",
	"state.backend.key-groups: 128", "key-groups=128", "keyed-state: 3", "keyedState=x", "s3://b/checkpoints/0123456789abcdef0123456789abcdef/chk-12",
	"savepoint-abcdef-0123456789ab", "s3://b/savepoints/savepoint-5d41402abc4b2a76b9719d911017c592", "jobId: 5d41402abc4b2a76b9719d911017c592",
	"image: repo/x@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "git sha c930d14a1f7cf046f0946294f38dc6bc6a138394",
	"commit=c930d14a1f7cf046f0946294f38dc6bc6a138394", "uid: 123e4567-e89b-12d3-a456-426614174000", "state.backend: rocksdb", "state.backend.rocksdb.block.cache-size: 64mb",
	"execution.checkpointing.interval: 10s", "table.exec.mini-batch.key=x", "'key.fields-prefix'='k_'", "'key.avro-confluent.url'='http://sr:8081'",
	"'value.fields-include'='EXCEPT_KEY'", "PRIMARY KEY (id)", "PARTITION BY key", "KEY (a)", "keyBy(x)", ".key: 5", "keySelector=org.x.Y", "keySerializer: x",
	"key.serializer=org.apache.kafka.StringSerializer", "key.deserializer=x", "key.converter=x", "max.poll.records=5", "authentication.type=mtls", "auth.type=oauth",
	"auth-type: basic", "security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", "sasl.login.class=x", "oauth.token.url=https://x", "token.url: https://x/token",
	"token.endpoint: https://x", "tokenizer=standard", "max_tokens=4096", "max-tokens: 100", "tokens.per.second=5", "token bucket 5", "rate.tokens=10", "token_count: 5",
	"completion_tokens: 55", "secret.name=foo", "secret-ref: foo", "secrets: [foo]", "existingSecret: foo", "existing-secret=foo", "kubernetes.secrets: foo:/etc/foo",
	"ssl.keystore.type=PKCS12", "ssl.truststore.location=/x", "security.ssl.rest.keystore: /x", "security.ssl.rest.cert.fingerprint: AB:CD",
	"password.encryption.algorithm=AES", "password-policy: strict", "password_file=/run/secrets/x", "passwordFile: /x", "credentials-file: /x", "credentials.provider=x",
	"fs.s3a.aws.credentials.provider: com.x", "s3.signing-algorithm=x", "signature.version=4", "Signature version 4", "sign: true", "signal=9", "sigterm: 15",
	"signature=int foo(int)", "design=x", "author: me", "authority=x", "authorities: x", "authorized: yes", "keyspace=foo", "keyspaces: x", "hotkey=ctrl-c", "monkey=george",
	"turkey: 5", "hockey: 1", "jockey=x", "donkey=x", "keyboard=us", "row-key: 5", "hbase.rowkey=x", "cache.key=foo", "sort.key=x", "routing-key=orders",
	"routing.key: orders", "message.key=orders", "partition-key=user_id", "dedup-key=x", "lookup.key: id", "config.key=foo", "pk=1", "compass=x", "bypass: yes",
	"passenger=5", "passive: true", "passed=5", "passes: 5", "pass 1 of 3", "encompass=x", "PWD=/opt/flink", "sasquatch=x", "sas", "sasl=x", "sas.enabled=true",
	"psk.enabled=true", "JAAS config missing", "java.security.auth.login.config=/etc/jaas.conf", "java.security.auth.login.config=/tmp/jaas-123.conf",
	"security.kerberos.login.principal: flink/_HOST@REALM.COM", "security.kerberos.login.keytab: /etc/krb5.keytab", "flink@basic-example.ns:6123",
	"pekko.tcp://flink@10.0.0.1:6123/user", "user@example.com", "me@host.com:8080", "postgres://host:5432/db", "http://host:8080/a@b", "kafka://h1:9092,h2:9092",
	"s3://bucket/a:b@c", "hdfs://nn:8020/x", "jdbc:mysql://h:3306/db?useSSL=true", "jdbc:oracle:thin:@h:1521:x", "jdbc:oracle:thin:@//h:1521/x",
	"abfss://c@acct.dfs.core.windows.net/p", "wasbs://c@acct.blob.core.windows.net/p", "gs://b/k", "image: repo:5000/flink@sha256:abc", "12:00:01.234 INFO [x] - y",
	"at a.b.C.d(C.java:12)", "org.x.TokenException: bad", "Caused by: org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed",
	"InvalidCredentialsException: x", "error: no secret named foo", "MountVolume.SetUp failed for volume \"x\" : secret \"foo\" not found",
	"Error: secret \"db-creds\" not found", "couldn't find key password in Secret default/db", "secrets \"foo\" already exists", "serviceaccount token expired",
	"the token is expired", "token has expired", "invalid token at line 5", "SQL parse failed. Encountered \"token\" at line 1",
	"Was expecting one of: \"PASSWORD\" ... \"USER\" ...", "\"KEY\" ...", "Unexpected token: '}'", "password is required", "password: required", "missing password",
	"Password must be set", "Enter password: ", "no password given", "access key must be set", "key password is empty", "key 'a' not found",
	"duplicate key value violates unique constraint \"x\"", "Key (id)=(5) already exists.", "null value for key: a", "key=5, value=7", "Basic Auth failed", "basic operator",
	"Bearer authentication required", "bearer", "basic-example", "basic plan", "Basic realm=\"x\"", "SecretProvider org.x.Y", "CREATE TABLE secret_table (a INT)",
	"SELECT token FROM t", "SELECT password, key FROM users", "INSERT INTO secrets SELECT * FROM tokens", "taskmanager-1-1",
	"checkpoint 5 of job 00000000000000000000000000000000", "chk-1/_metadata", "shared/0a1b2c3d-aaaa-bbbb-cccc-0123456789ab", "sk-1", "task-sk-long-name-of-operator-12345",
	"risk-assessment-service-with-a-long-name", "SG.1", "s.apache.org", "hf_", "npm_config", "dapi", "AKIA", "ASIA Pacific", "ASIA", "AIza", "v1.2.3", "flink-1.20.5",
	"resourceVersion: 12345", "generation=5", "fs.azure.account.auth.type: OAuth", "fs.azure.account.oauth.provider.type.x=org.y", "fs.azure.account.oauth2.client.id: x",
	"fs.azure.account.oauth2.client.endpoint: https://x", "s3.endpoint: https://x", "client.id=foo", "session.timeout.ms=5", "session-id: x", "sessionHandle=1",
	"kubernetes.service-account: flink", "serviceAccount: flink", "taskmanager.numberOfTaskSlots: 2", "pipeline.auto-generate-uids=true", "web.access-control-allow-origin=*",
	"historyserver.web.ssl.enabled: true", "restart-strategy: fixed-delay", "cluster.id: x", "\"secretKeyRef\":{\"name\":\"a\",\"key\":\"b\"}",
	"valueFrom: {secretKeyRef: {name: db, key: password}}", "secretKeyRef:\n  name: db\n  key: password", "envFrom: [{secretRef: {name: x}}]",
	"volumes: [{name: v, secret: {secretName: x}}]", "volumes:\n- name: v\n  secret:\n    secretName: x\n    items:\n    - key: a\n      path: b",
	"- name: v\n  projected:\n    sources:\n    - secret:\n        name: x", "imagePullSecrets:\n- name: regcred", "tokenExpirationSeconds: 3600",
	"expirationSeconds: 3607\n  path: token", "--token-file /x", "--key-format json", "--keys a,b", "--key a", "--primary-key id", "--secret-name foo", "--pass-through",
	"--password-file=/x", "-p 5", "-k x", "--sas", "--passes 5", "--kafka.group.key=5", "--output.key.column id", "Expected: token, found: x", "operator: keyed: true",
	"vertex \"Source: token-events[1] -> Sink: tokens\"", "Source: passwords[1]: Writer -> Committer", "subtask=1 key=abc", "KeyedProcess -> Sink: secrets", "topic=tokens",
	"topic: secrets", "topics: password-events", "table: secrets", "path: /data/secrets/x", "name: my-secret", "name: token-job\n  value: 5", "job: password-reset",
	"password-reset: RUNNING", "flinkdeployment/password-reset: RUNNING", "ns/token-service: 5 running", "flinkdep/my-secret: is suspended", "deployment.apps/secret: x",
	"secret: a Secret with this name", "Tokens: 5", "tokens: 100", "https://hooks.slack.com/", "https://api.telegram.org/", "https://x/y?key=value", "https://x/y?code=200",
	"exit code=137", "code=5", "state=x", "sort=key", "hash=0123456789abcdef", "checksum: sha256:aaaa", "etag=\"abc\"", "md5=5d41402abc4b2a76b9719d911017c592",
	"digest: sha256:5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592", "trace_id=5d41402abc4b2a76b9719d911017c592",
	"operatorID=cbc357ccb763df2852fee8c4fc7d55f2", "upload 3f1c_my.jar", "/jars/0a1b2c3d-aaaa-bbbb-cccc-0123456789ab_job.jar", "ENCODING=x", "auth=none", "auth: SASL",
	"auth.enabled: true", "login=me", "signature: (I)V", "license: Apache-2.0", "license=Apache-2.0", "pin: true", "salt: 5",
}

func TestFormsOfSecrets(t *testing.T) {
	for _, text := range strangers {
		if !strings.Contains(text, planted) {
			t.Errorf("%q has nothing to hide", text)
		}
		got := Text(text)
		if strings.Contains(got, planted) {
			t.Errorf("%q leaks: %q", text, got)
		}
		if again := Text(got); again != got {
			t.Errorf("%q: %q became %q", text, got, again)
		}
		// As an argument of a job.
		document, err := json.Marshal(map[string]any{"args": []any{"--rate", "5", text}})
		if err != nil {
			t.Fatal(err)
		}
		if got := JSON(document); strings.Contains(string(got), planted) || !json.Valid(got) || !strings.Contains(string(got), `"--rate","5"`) {
			t.Errorf("%s leaks or is no JSON any more: %s", document, got)
		}
	}
}

func TestFormsThatStay(t *testing.T) {
	for _, text := range lookalikes {
		if got := Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
		document, err := json.Marshal(map[string]any{"args": []any{text}})
		if err != nil {
			t.Fatal(err)
		}
		if got := JSON(document); string(got) != string(document) {
			t.Errorf("%s became %s", document, got)
		}
		if got := Text(string(document)); got != string(document) {
			t.Errorf("as a text, %s became %s", document, got)
		}
	}
}

// A token of a cloud that is given as a password has thousands of characters.
func TestLongSecrets(t *testing.T) {
	long := strings.Repeat("abcdefgh9", 300)
	for _, text := range []string{
		"https://me:" + long + "hunter2@host/x", "https://me:hunter2" + long + "@host/x", "me:hunter2" + long + "@db.example.com", "me:" + long + "hunter2@db.example.com",
		"jdbc:oracle:thin:scott/" + long + "hunter2@db:1521:x", "jdbc:oracle:thin:scott/hunter2" + long + "@db:1521:x", "<password>" + long + long + "hunter2</password>",
		"password" + strings.Repeat(" ", 40) + "= hunter2", `"password"` + strings.Repeat(" ", 40) + `: "hunter2"`, `{"` + long + `password":"hunter2"}`, "'" + long + ".password'='hunter2'",
		`{"name":"DB_PASS","description":"` + long[:400] + `","value":"hunter2"}`, "-D" + long + ".password=hunter2",
	} {
		if got := Text(text); strings.Contains(got, planted) {
			t.Errorf("%.60q… leaks: %.200q", text, got)
		}
	}
}

func TestTextsEndWhereQuotesClose(t *testing.T) {
	for text, want := range map[string]string{
		`{"args":["Enter password: ","b"],"c":1}`:                                                         `{"args":["Enter password: ","b"],"c":1}`,
		"kind: Secret\nstringData:\n  a: hunter2\n  b: hunter2\ntype: x":                                  "kind: Secret\nstringData:\n  a: ******\n  b: ******\ntype: x",
		"ssl.key=-----BEGIN ENCRYPTED PRIVATE KEY-----\\nMII\\n-----END ENCRYPTED PRIVATE KEY----- --x y": "ssl.key=****** --x y",
		"https://d1.cloudfront.net/x?Expires=1&Signature=abcdef&Key-Pair-Id=K":                            "https://d1.cloudfront.net/x?Expires=1&Signature=******&Key-Pair-Id=K",
		"db:\n  password:\n    hunter2\n  user: me":                                                       "db:\n  password:\n    ******\n  user: me",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
