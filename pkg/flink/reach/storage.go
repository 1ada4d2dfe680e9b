package reach

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	restclient "k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// StateStore finds the way to where a job keeps its state.
type StateStore struct {
	Client *operator.Client
	// Config is the connection to the API server, for programs in pods.
	Config *restclient.Config
	// Tunnel reaches an object store that is a Service of the cluster.
	Tunnel *portforward.Tunnel
	// Note is called with what is done besides reading.
	Note func(string)
	// NoReader starts no pod to read a volume that no running pod sees.
	NoReader bool
	// Writes says that a pod that is started may write, to delete files.
	Writes bool
	// Secret names a Secret in the job's namespace, whose credentials are taken in
	// place of the job's; "" for none.
	Secret string
}

// Of opens the store that a path of a job's state is in. done must be called at
// the end, also after Ctrl-C: it removes a pod that was started to read. Its
// error may be a *storage.UnreadableError.
func (s StateStore) Of(ctx context.Context, job api.Job, path string) (store storage.Store, done func() error, err error) {
	done = func() error { return nil }
	cluster, err := s.Client.RunsIn(ctx, job)
	if err != nil {
		return nil, done, err
	}
	config, err := s.Client.JobConfig(ctx, job, cluster)
	if err != nil {
		return nil, done, err
	}
	scheme, _ := storage.Split(path)
	if scheme == "" {
		scheme, _ = storage.Split(config["fs.default-scheme"])
		if storage.IsS3(scheme) {
			return nil, done, fmt.Errorf("%s is in %s by the job's fs.default-scheme: give the whole address, as in s3://bucket%s", path, config["fs.default-scheme"], path)
		}
	}
	switch {
	case storage.IsS3(scheme):
		store, err = s.s3(ctx, cluster, config)
		return store, done, err
	case scheme != "" && scheme != "file":
		return nil, done, &storage.UnreadableError{Path: path, Scheme: scheme}
	}
	if err := api.CheckPathForm(path); err != nil {
		return nil, done, err
	}
	pod, ok, err := s.Client.PodThatSees(ctx, cluster, path)
	if err != nil {
		return nil, done, err
	}
	if !ok && s.NoReader {
		return nil, done, fmt.Errorf("no pod of %s runs that could read %s", cluster.Ref(), path)
	}
	if !ok {
		reader, err := api.ReaderPod(cluster, path, s.Writes)
		if err != nil {
			return nil, done, err
		}
		s.note(fmt.Sprintf("no pod of %s runs: a pod is started to read its volume, and removed afterwards", cluster.Ref()))
		var remove func() error
		pod, remove, err = s.Client.StartReader(ctx, reader)
		if remove != nil {
			done = func() error {
				err := remove()
				if err == nil {
					s.note("pod " + pod.Pod + " was removed")
				}
				return err
			}
		}
		if err != nil {
			return nil, done, err
		}
	}
	return &storage.Pod{Name: pod.Pod, Exec: func(ctx context.Context, args []string, out, errOut io.Writer) error {
		return podexec.Run(ctx, s.Config, s.Client.Core(), podexec.Command{Namespace: pod.Namespace, Pod: pod.Pod, Container: pod.Container, Args: args, Out: out, ErrOut: errOut})
	}}, done, nil
}

func (s StateStore) note(text string) {
	if s.Note != nil {
		s.Note(text)
	}
}

// s3Keys are the keys of a setting. Flink reads each of these spellings: its own, and those of
// the Hadoop and the Presto filesystem.
func s3Keys(names ...string) []string {
	var out []string
	for _, prefix := range []string{"s3.", "s3a.", "fs.s3a.", "presto.s3.", "hive.s3."} {
		for _, name := range names {
			out = append(out, prefix+name)
		}
	}
	return out
}

// ownEndpoint reports whether the user says that a store is their own.
func ownEndpoint(host string) bool {
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		if own := os.Getenv(name); own != "" && own == host {
			return true
		}
	}
	return false
}

func (s StateStore) s3(ctx context.Context, cluster api.Job, config api.Config) (storage.Store, error) {
	options := storage.S3Options{}
	access, key := config.Get(s3Keys("access-key", "access.key")...)
	secretKey, _ := config.Get(s3Keys("secret-key", "secret.key")...)
	token, _ := config.Get(s3Keys("session-token", "session.token")...)
	options.Endpoint, _ = config.Get(s3Keys("endpoint")...)
	options.Region, _ = config.Get(s3Keys("endpoint.region", "region")...)
	style, _ := config.Get(s3Keys("path.style.access", "path-style-access")...)
	options.PathStyle = strings.EqualFold(style, "true")

	env, from, err := s.Client.StorageEnv(ctx, cluster)
	if err != nil && (access == "" || secretKey == "") && s.Secret == "" {
		return nil, err
	}
	if options.Endpoint == "" {
		options.Endpoint = or2(env["AWS_ENDPOINT_URL_S3"], env["AWS_ENDPOINT_URL"])
	}
	if options.Region == "" {
		options.Region = or2(env["AWS_REGION"], env["AWS_DEFAULT_REGION"])
	}
	switch {
	case s.Secret != "":
		if err := s.useSecret(ctx, cluster.Object.GetNamespace(), &options); err != nil {
			return nil, err
		}
	case access != "" && secretKey != "":
		options.Credentials, options.CredentialsFrom = storage.Key(access, secretKey, token), "the configuration of "+cluster.Ref().String()+" ("+key+")"
	case env["AWS_ACCESS_KEY_ID"] != "" && env["AWS_SECRET_ACCESS_KEY"] != "":
		options.CredentialsFrom = "the environment of " + cluster.Ref().String()
		if from != "" {
			options.CredentialsFrom += " (Secret " + from + ")"
		}
		options.Credentials = storage.Key(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
	case storage.AmazonHost(options.Endpoint) || ownEndpoint(options.Endpoint):
		options.Credentials, options.CredentialsFrom = storage.UserCredentials(), ofEnvironment
	default:
		// Your own credentials don't go to whatever host a manifest names.
		return nil, fmt.Errorf("%s keeps its state at %s and names no credentials for it, neither in its configuration nor in its pods' environment\nTo use your own there, set AWS_ENDPOINT_URL_S3=%s beside AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", cluster.Ref(), options.Endpoint, options.Endpoint)
	}
	if options.Transport, err = s.way(ctx, cluster.Object.GetNamespace(), options.Endpoint); err != nil {
		return nil, err
	}
	return storage.NewS3(options)
}

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// way is how requests get to an endpoint: through the tunnel where it names a
// Service of the cluster, else nil, which is straight.
func (s StateStore) way(ctx context.Context, namespace, endpoint string) (http.RoundTripper, error) {
	target, secure, ok := serviceEndpoint(endpoint, namespace)
	if !ok || s.Tunnel == nil {
		return nil, nil
	}
	_, err := s.Client.Core().CoreV1().Services(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil && !apierrors.IsForbidden(err):
		return nil, fmt.Errorf("look for Service %s of endpoint %s: %w", target.Name, endpoint, err)
	}
	if secure {
		return s.Tunnel.RoundTripper(target, &tls.Config{MinVersion: tls.VersionTLS12}), nil
	}
	return s.Tunnel.RoundTripper(target, nil), nil
}

// serviceEndpoint is the Service that an endpoint may name: NAME,
// NAME.NAMESPACE, with .svc and .svc.cluster.local, and a port.
func serviceEndpoint(endpoint, namespace string) (target portforward.Target, secure, ok bool) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
		return target, false, false
	}
	secure = u.Scheme != "http"
	host := strings.TrimSuffix(u.Hostname(), ".")
	full := false
	for _, suffix := range []string{".svc.cluster.local", ".svc"} {
		if short, cut := strings.CutSuffix(host, suffix); cut {
			host, full = short, true
			break
		}
	}
	parts := strings.Split(host, ".")
	if len(parts) > 2 || full && len(parts) != 2 || parts[0] == "" || parts[len(parts)-1] == "" {
		return target, secure, false
	}
	if len(parts) == 2 {
		namespace = parts[1]
	}
	port := 80
	if secure {
		port = 443
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return target, secure, false
		}
	}
	return portforward.Target{Namespace: namespace, Kind: portforward.Service, Name: parts[0], Port: intstr.FromInt32(int32(port))}, secure, true
}
