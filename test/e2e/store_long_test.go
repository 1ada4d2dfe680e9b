//go:build e2e && long

package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// store is the cluster's object store, as its administrator reaches it.
type store struct {
	*minio.Client
	url string
}

// stateBucket is where the tests' jobs keep their state.
const stateBucket = "flink"

func (c *cluster) store(t *testing.T, namespace string) store {
	t.Helper()
	url := strings.TrimRight(c.forward(t, 1, "-n", namespace, "--minio").address(0), "/")
	client, err := minio.New(strings.TrimPrefix(url, "http://"), &minio.Options{Creds: credentials.NewStaticV4("minioadmin", "minioadmin", ""), Region: "us-east-1"})
	must(t, err)
	return store{client, url}
}

// fill puts files into the bucket, with one request, and takes all below prefix away
// at the test's end.
func (s store) fill(t *testing.T, prefix string, files map[string][]byte) {
	t.Helper()
	put := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		objects := make(chan minio.SnowballObject)
		go func() {
			defer close(objects)
			for name, data := range files {
				select {
				case objects <- minio.SnowballObject{Key: prefix + name, Size: int64(len(data)), Content: bytes.NewReader(data)}:
				case <-ctx.Done():
					return
				}
			}
		}()
		return s.PutObjectsSnowball(ctx, stateBucket, minio.SnowballOptions{InMemory: true}, objects)
	}
	t.Cleanup(func() {
		// The test's own context has ended.
		for result := range s.RemoveObjects(context.Background(), stateBucket, s.ListObjects(context.Background(), stateBucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}), minio.RemoveObjectsOptions{}) {
			t.Errorf("remove %s: %v", result.ObjectName, result.Err)
		}
	})
	err := put()
	// While its disk is busy MinIO takes it for offline, and the request hangs.
	for again := 0; err != nil && again < 3 && t.Context().Err() == nil; again++ {
		err = put()
	}
	must(t, err)
}

// restricted are credentials that may do what a policy says.
func (s store) restricted(t *testing.T, policy string) credentials.Value {
	t.Helper()
	made, err := credentials.NewSTSAssumeRole(s.url, credentials.STSAssumeRoleOptions{AccessKey: "minioadmin", SecretKey: "minioadmin", Policy: policy})
	must(t, err)
	value, err := made.GetWithContext(nil)
	must(t, err)
	return value
}

const readOnly = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"], "Resource": ["arn:aws:s3:::*"]}]}`

// Ten thousand files are listed, summed up and judged in full, in a page that can be
// read and in little memory.
func TestTenThousandFilesOfState(t *testing.T) {
	t.Parallel()
	const ns, of = "many-files", "many/"
	main.flinkNamespace(t, ns)
	main.apply(t, ns, strings.ReplaceAll(onS3(t, "many"), "state: running", "state: suspended"))
	const run, each = "0123456789abcdef0123456789abcdef", 100
	files := map[string][]byte{}
	for n := range 9_990 {
		files[fmt.Sprintf("checkpoints/%s/shared/%08d", run, n)] = make([]byte, each)
	}
	for n := range 10 {
		files[fmt.Sprintf("savepoints/savepoint-012345-00000000000%d/part", n)] = make([]byte, each)
	}
	main.store(t, ns).fill(t, of, files)

	var sums struct {
		Size  int64 `json:"size"`
		Kinds []struct {
			Kind  string `json:"kind"`
			Items int    `json:"items"`
			Files int    `json:"files"`
		} `json:"kinds"`
	}
	must(t, json.Unmarshal([]byte(main.run(t, "flink", "-n", ns, "storage", "du", "many", "-o", "json").wants(t, 0).out), &sums))
	got := map[string][2]int{}
	for _, k := range sums.Kinds {
		got[k.Kind] = [2]int{k.Items, k.Files}
	}
	if sums.Size != 10_000*each || got["shared"] != [2]int{1, 9_990} || got["savepoint"] != [2]int{10, 10} {
		t.Errorf("%d bytes, %v", sums.Size, got)
	}
	if r := main.run(t, "flink", "-n", ns, "storage", "ls", "many").wants(t, 0); strings.Count(r.out, "\n") != 12 || strings.Count(r.out, "savepoint (no _metadata)") != 10 {
		t.Errorf("a line for each of 11, and a head, want 12\n%s", r)
	}

	// Whose run it is nothing tells, so it isn't an orphan until somebody says so.
	var orphans struct {
		Files, Unknown int
		Size           int64
	}
	read := func(args ...string) string {
		t.Helper()
		command := main.command(t.Context(), append([]string{"flink", "-n", ns, "storage", "orphans", "many", "--older-than", "1s"}, args...)...)
		var out, failed bytes.Buffer
		command.Stdout, command.Stderr = &out, &failed
		must(t, command.Start())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		most := int64(0)
		for waits := true; waits; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%v\n%s", err, failed.String())
				}
				waits = false
			case <-time.After(10 * time.Millisecond):
				most = max(most, highWaterNow(command.Process.Pid))
			}
		}
		if most == 0 || most > 160<<10 {
			t.Errorf("it took %d KiB of memory", most)
		}
		return out.String()
	}
	if out := read(); strings.Count(out, "\n") > 60 || !strings.Contains(out, "unknown") {
		t.Errorf("a page that can't be read, or no verdict\n%.4000s", out)
	}
	must(t, json.Unmarshal([]byte(read("--run", run, "-o", "json")), &orphans))
	if orphans.Size != 10_000*each {
		t.Errorf("%+v", orphans)
	}
}

// What credentials lack is told by each verb that uses them: whose they are, what they
// may not do, and never what they are.
func TestStorageWithPoorCredentials(t *testing.T) {
	t.Parallel()
	const ns, of = "poor", "poor/"
	main.flinkNamespace(t, ns)
	at := main.store(t, ns)
	metadata, err := os.ReadFile(filepath.Join(root, "pkg", "flink", "statefile", "testdata", "1.20", "hashmap-inline", "_metadata"))
	must(t, err)
	at.fill(t, of, map[string][]byte{"savepoint-012345-0123456789ab/_metadata": metadata})
	jar := jarOf(t, 1<<10)

	reads := at.restricted(t, readOnly)
	ended := at.restricted(t, readOnly)
	ended.SessionToken = ended.SessionToken[:len(ended.SessionToken)-8] + "AAAAAAAA"
	for name, c := range map[string]struct {
		credentials          credentials.Value
		inspect              int
		inspectErr, jarWants string
	}{
		"readonly": {reads, 0, "", "they may not write there"},
		"ended":    {ended, 1, "doesn't know the credentials (InvalidTokenId), which are those of the environment of flinkdeployment/ended (Secret ended)", "doesn't know the credentials"},
		"unknown":  {credentials.Value{AccessKeyID: "nobody", SecretAccessKey: "wrong-one", SessionToken: ""}, 1, "doesn't know the credentials (InvalidAccessKeyId), which are those of the environment of flinkdeployment/unknown (Secret unknown)", "doesn't know the credentials"},
	} {
		secrets := []string{"AWS_ACCESS_KEY_ID=" + c.credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.credentials.SecretAccessKey}
		if c.credentials.SessionToken != "" {
			secrets = append(secrets, "AWS_SESSION_TOKEN="+c.credentials.SessionToken)
		}
		create := []string{"create", "secret", "generic", name, "-n", ns}
		for _, s := range secrets {
			create = append(create, "--from-literal="+s)
		}
		main.kubectl(t, create...)
		main.apply(t, ns, strings.NewReplacer("state: running", "state: suspended", "    s3.access-key: minioadmin\n", "", "    s3.secret-key: minioadmin\n", "",
			"s3://flink/"+name+"/", "s3://flink/"+of+name+"/", "          volumeMounts:\n", "          envFrom: [{secretRef: {name: "+name+"}}]\n          volumeMounts:\n").Replace(onS3(t, name)))
		hides := func(r result) {
			t.Helper()
			for _, s := range []string{c.credentials.SecretAccessKey, c.credentials.SessionToken} {
				if s != "" && strings.Contains(r.out+r.err, s) {
					t.Errorf("%s: a secret was printed\n%s", name, r)
				}
			}
		}

		r := main.run(t, "flink", "-n", ns, "storage", "check", name).wants(t, 3, "3 of 3 directories can't be used")
		hides(r)
		if !strings.Contains(r.out, "\nwrite s3://flink/poor/"+name) || !strings.Contains(r.out, ": S3 refuses the credentials of the job's pods") {
			t.Errorf("%s: the step write doesn't fail for its credentials\n%s", name, r)
		}
		r = main.run(t, "flink", "-n", ns, "snapshot", "inspect", "s3://flink/poor/savepoint-012345-0123456789ab", "--job", name)
		hides(r)
		r.wants(t, c.inspect, c.inspectErr)
		r = main.run(t, "flink", "-n", ns, "jar", "upload", jar, "s3://flink/poor/"+name+"/", "--job", name)
		hides(r)
		r.wants(t, 1, c.jarWants)
	}
}

// jarOf is a jar with so many bytes that can't be compressed.
func jarOf(t *testing.T, size int64) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "machine.jar"))
	must(t, err)
	out := zip.NewWriter(file)
	for _, entry := range []struct {
		name string
		from io.Reader
	}{
		{"META-INF/MANIFEST.MF", strings.NewReader("Manifest-Version: 1.0\nMain-Class: shop.Main\n")},
		{"shop/Main.class", strings.NewReader("\xca\xfe\xba\xbe\x00\x00\x00\x37")},
		{"data", io.LimitReader(rand.Reader, size)},
	} {
		in, err := out.CreateHeader(&zip.FileHeader{Name: entry.name, Method: zip.Store})
		must(t, err)
		_, err = io.Copy(in, entry.from)
		must(t, err)
	}
	must(t, out.Close())
	must(t, file.Close())
	return file.Name()
}

// An upload that Ctrl-C ends in its middle leaves nothing, neither a file nor parts of
// one, and the same command brings all of it.
func TestJarUploadBegunAgain(t *testing.T) {
	t.Parallel()
	const ns, key = "begun-again", "begun-again/machine.jar"
	main.flinkNamespace(t, ns)
	main.apply(t, ns, strings.ReplaceAll(onS3(t, "begun-again"), "state: running", "state: suspended"))
	at := main.store(t, ns)
	jar := jarOf(t, 192<<20)
	parts := func() (n int) {
		t.Helper()
		for upload := range at.ListIncompleteUploads(t.Context(), stateBucket, key, true) {
			must(t, upload.Err)
			n++
		}
		return n
	}
	upload := []string{"flink", "-n", ns, "jar", "upload", jar, "s3://flink/" + key}
	command := main.command(t.Context(), upload...)
	var out, failed bytes.Buffer
	command.Stdout, command.Stderr = &out, &failed
	must(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	eventually(t, "parts of the upload", "1", func() string { return fmt.Sprint(parts()) })
	must(t, command.Process.Signal(syscall.SIGINT))
	<-ended
	if code := command.ProcessState.ExitCode(); code != 130 || out.Len() > 0 {
		t.Errorf("exit code %d, want 130\n%s%s", code, out.String(), failed.String())
	}
	if _, err := at.StatObject(t.Context(), stateBucket, key, minio.StatObjectOptions{}); minio.ToErrorResponse(err).Code != minio.NoSuchKey || parts() != 0 {
		t.Errorf("%v, %d uploads are left", err, parts())
	}
	r := main.run(t, upload...).wants(t, 0)
	t.Cleanup(func() { must(t, at.RemoveObject(context.Background(), stateBucket, key, minio.RemoveObjectOptions{})) })
	if strings.TrimSpace(r.out) != "s3://flink/"+key {
		t.Error(r)
	}
	main.run(t, upload...).wants(t, 0, "unchanged")
}

// A backup in the object store starts a job again whose objects are gone; one that is
// there isn't replaced.
func TestBackupInTheObjectStore(t *testing.T) {
	t.Parallel()
	const ns, place = "kept-in-s3", "s3://flink/kept-in-s3/backups/one"
	main.flinkNamespace(t, ns)
	at := main.store(t, ns)
	at.fill(t, "kept-in-s3/", map[string][]byte{"other": []byte("not of the backup")})
	main.apply(t, ns, strings.ReplaceAll(onS3(t, "kept-in-s3"), "state: running", "state: suspended"))
	main.run(t, "flink", "-n", ns, "backup", "--all", "-o", place).wants(t, 0)
	main.run(t, "flink", "-n", ns, "backup", "--all", "-o", place).wants(t, 2, "holds a backup already")
	main.run(t, "flink", "-n", ns, "delete", "kept-in-s3", "--yes").wants(t, 0)
	main.kubectl(t, "create", "secret", "generic", "keys", "-n", ns, "--from-literal=access-key=minioadmin", "--from-literal=secret-key=minioadmin")
	recovery := []string{"flink", "-n", ns, "recover", "-f", place, "--secret", "keys", "--endpoint", "http://minio.minio-dev:9000", "--yes"}
	r := main.run(t, recovery...).wants(t, 0)
	if strings.Contains(r.out+r.err, "minioadmin") {
		t.Errorf("a secret was printed\n%s", r)
	}
	if got := main.kubectl(t, "get", "flinkdep", "kept-in-s3", "-n", ns, "-o", "jsonpath={.spec.job.state}"); got != "suspended" {
		t.Errorf("it is wanted %q", got)
	}
}
