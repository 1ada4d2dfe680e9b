package reach

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

func TestServiceEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://minio:9000":                                 "ns/minio:9000",
		"http://minio.minio-dev:9000/":                      "minio-dev/minio:9000",
		"http://minio.minio-dev.svc":                        "minio-dev/minio:80",
		"http://minio.minio-dev.svc.cluster.local.:9000":    "minio-dev/minio:9000",
		"https://minio.minio-dev.svc":                       "minio-dev/minio:443",
		"minio.minio-dev:9000":                              "minio-dev/minio:9000",
		"http://10.0.0.1:9000":                              "",
		"http://[::1]:9000":                                 "",
		"https://s3.eu-central-1.amazonaws.com":             "",
		"http://minio.svc.cluster.local":                    "",
		"http://a.b.c.svc":                                  "",
		"":                                                  "",
		"http://storage.example.org":                        "",
		"http://minio.minio-dev.svc.cluster.local:none/x/y": "",
	} {
		target, _, ok := serviceEndpoint(endpoint, "ns")
		got := ""
		if ok {
			got = target.Namespace + "/" + target.Name + ":" + target.Port.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
	}
}

func jobWith(config map[string]any) api.Job {
	return api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{
		"kind": "FlinkDeployment", "metadata": map[string]any{"name": "shop", "namespace": "ns"},
		"spec": map[string]any{"flinkConfiguration": config},
	}}}
}

// Whose credentials go where: the job's to the job's store, the user's to
// Amazon and to what the user names, and to no other host that a manifest names.
func TestWhoseCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "mine")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "my-secret")
	own := StateStore{Client: operator.ClientOf(nil, fake.NewClientset())}
	of := func(config map[string]any, path string) (storage.Store, error) {
		store, done, err := own.Of(t.Context(), jobWith(config), path)
		if done() != nil {
			t.Error("done fails")
		}
		return store, err
	}
	const path = "s3://flink/savepoints/savepoint-1"
	for _, config := range []map[string]any{
		{"s3.endpoint": "http://store.example.org", "s3.access-key": "a", "s3.secret-key": "b"},
		{"fs.s3a.endpoint": "http://store.example.org", "fs.s3a.access.key": "a", "fs.s3a.secret.key": "b"},
		{"s3": map[string]any{"endpoint": "http://store.example.org", "access.key": "a", "secret.key": "b"}},
	} {
		store, err := of(config, path)
		if err != nil || store.Where() != "in the object store at store.example.org" {
			t.Errorf("%v: %v", config, err)
		}
	}
	foreign := map[string]any{"s3.endpoint": "http://store.example.org"}
	if _, err := of(foreign, path); err == nil || !strings.Contains(err.Error(), "names no credentials") || strings.Contains(err.Error(), "my-secret") {
		t.Errorf("the user's credentials go to a host of the manifest: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://store.example.org")
	if _, err := of(foreign, path); err != nil {
		t.Errorf("a store that the user names: %v", err)
	}
	if store, err := of(map[string]any{}, path); err != nil || store.Where() != "in the object store at s3.amazonaws.com" {
		t.Errorf("Amazon's: %v", err)
	}
	var unreadable *storage.UnreadableError
	for _, path := range []string{"gs://b/x", "abfss://c@a.dfs.core.windows.net/x", "hdfs://name/x"} {
		if _, err := of(map[string]any{}, path); !errors.As(err, &unreadable) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := of(map[string]any{"fs.default-scheme": "hdfs://name/"}, "/x"); !errors.As(err, &unreadable) {
		t.Errorf("%v", err)
	}
	if _, err := of(map[string]any{}, "/x"); err == nil || !strings.Contains(err.Error(), "in no volume") {
		t.Errorf("%v", err)
	}
}

// The credentials of a Secret are taken whatever its keys are called, and go to
// where it, or the user, says; without them the error says what the Secret lacks.
func TestCredentialsOfASecret(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://mine.example.org")
	t.Setenv("AWS_ENDPOINT_URL", "")
	for name, c := range map[string]struct {
		data     map[string][]byte
		endpoint string
		where    string
		want     string
	}{
		"of the SDK":   {map[string][]byte{"AWS_ACCESS_KEY_ID": []byte("a"), "AWS_SECRET_ACCESS_KEY": []byte("hush\n"), "AWS_ENDPOINT_URL_S3": []byte("http://store.example.org")}, "", "at store.example.org", ""},
		"of Flink":     {map[string][]byte{"s3.access-key": []byte("a"), "s3.secret-key": []byte("hush")}, "http://other.example.org", "at other.example.org", ""},
		"of MinIO":     {map[string][]byte{"rootUser": []byte("a"), "rootPassword": []byte("hush"), "endpoint": []byte("http://a.example.org")}, "http://b.example.org", "at b.example.org", ""},
		"of Amazon's":  {map[string][]byte{"access_key": []byte("a"), "secret_key": []byte("hush")}, "", "at s3.amazonaws.com", ""},
		"of something": {map[string][]byte{"password": []byte("hush"), "user": []byte("a")}, "", "", "and has password, user"},
		"empty":        {nil, "", "", "and has none"},
	} {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "minio", Namespace: "ns"}, Data: c.data}
			s := StateStore{Client: operator.ClientOf(nil, fake.NewClientset(secret)), Secret: "minio"}
			store, err := s.OfUser(t.Context(), "ns", c.endpoint)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if err != nil || !strings.HasSuffix(store.Where(), c.where) || store.CredentialsFrom() != "Secret minio" {
				t.Errorf("%v, want %q", err, c.where)
			}
		})
	}
	s := StateStore{Client: operator.ClientOf(nil, fake.NewClientset()), Secret: "minio"}
	if _, err := s.OfUser(t.Context(), "ns", ""); err == nil || !strings.Contains(err.Error(), "Secret minio") {
		t.Error(err)
	}
	s.Secret = ""
	if store, err := s.OfUser(t.Context(), "ns", ""); err != nil || !strings.HasSuffix(store.Where(), "mine.example.org") {
		t.Errorf("%v", err)
	}
	// A job's endpoint with the Secret's credentials.
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "minio", Namespace: "ns"}, Data: map[string][]byte{"accesskey": []byte("a"), "secretkey": []byte("b"), "endpoint": []byte("http://no.example.org")}}
	s = StateStore{Client: operator.ClientOf(nil, fake.NewClientset(secret)), Secret: "minio"}
	store, _, err := s.Of(t.Context(), jobWith(map[string]any{"s3.endpoint": "http://store.example.org"}), "s3://flink/x")
	if err != nil || !strings.HasSuffix(store.Where(), "store.example.org") {
		t.Errorf("%v", err)
	}
}
