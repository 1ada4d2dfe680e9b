// Package kube turns kubectl's connection flags into clients, made only when
// they are first needed, and server errors into kubectl's words.
package kube

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // exec and OIDC credentials, as in kubectl
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// Factory makes clients from kubectl's connection flags. Making one reads
// nothing; the first client reads the kubeconfig. All clients share one HTTP
// connection pool, so that credentials are fetched once.
type Factory struct {
	Flags   *genericclioptions.ConfigFlags
	Streams genericiooptions.IOStreams

	program string

	mu     sync.Mutex
	config *rest.Config
	client *http.Client
}

// NewFactory serves the program called name, as servers see it in the
// User-Agent header.
func NewFactory(name string, streams genericiooptions.IOStreams) *Factory {
	return &Factory{
		Flags:   genericclioptions.NewConfigFlags(true).WithDiscoveryBurst(300).WithDiscoveryQPS(50),
		Streams: streams,
		program: name,
	}
}

// AddFlags adds kubectl's connection flags and its log level.
func (f *Factory) AddFlags(flags *pflag.FlagSet) {
	f.Flags.AddFlags(flags)
	logging.Lock()
	defer logging.Unlock()
	var klogFlags flag.FlagSet
	klog.InitFlags(&klogFlags)
	level := pflag.PFlagFromGoFlag(klogFlags.Lookup("v"))
	level.Usage = "Number for the log level verbosity, as in kubectl"
	flags.AddFlag(level)
	klog.LogToStderr(false)
	// Else errors go to standard error beside the output that is set here.
	_ = klogFlags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(logWriter{f.Streams.ErrOut})
	log.SetOutput(logWriter{f.Streams.ErrOut}) // net/http's
}

// logging guards klog's settings, which are the whole process's, where several
// commands are made at once.
var logging sync.Mutex

// logWriter shows the client libraries' log only to those who asked for it
// with -v: what matters comes back as an error, and "context canceled" after
// a Ctrl-C is no news.
type logWriter struct{ io.Writer }

func (w logWriter) Write(p []byte) (int, error) {
	if w.Writer == nil || !klog.V(1).Enabled() {
		return len(p), nil
	}
	if isSecretDump(p) {
		head, _, _ := strings.Cut(string(p), "\n")
		if _, err := safeWriter(w).Write([]byte(head + " (a Secret, which is left out)\n")); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return safeWriter(w).Write(p)
}

// isSecretDump reports whether a line of the log has the body of a request or an
// answer that is a Secret or a list of them, in protobuf as hexadecimal digits.
func isSecretDump(line []byte) bool { return bytes.Contains(line, []byte("v1..Secr|")) }

// Namespace is the namespace to work in: --namespace, else the context's, else
// "default". explicit says that the flag was given.
func (f *Factory) Namespace() (namespace string, explicit bool, err error) {
	return f.Flags.ToRawKubeConfigLoader().Namespace()
}

// Context is the name of the kubeconfig context in use; "" in a cluster.
func (f *Factory) Context() string {
	if f.Flags.Context != nil && *f.Flags.Context != "" {
		return *f.Flags.Context
	}
	raw, err := f.Flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// Config is the connection to the API server. Callers that change it must
// copy it first.
func (f *Factory) Config() (*rest.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.configLocked()
}

func (f *Factory) configLocked() (*rest.Config, error) {
	if f.config != nil {
		return f.config, nil
	}
	config, err := f.Flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	// The API server has fairness of its own; the client's default of 5
	// requests a second would only slow down work on many jobs.
	config.QPS = -1
	config.UserAgent = version.Get().UserAgent(f.program)
	config.WarningHandler = rest.NewWarningWriter(safeWriter{f.Streams.ErrOut}, rest.WarningWriterOptions{
		Deduplicate: true,
		Color:       term.IsTerminal(f.Streams.ErrOut),
	})
	f.config = config
	return config, nil
}

// safeWriter makes the API server's warnings and the log safe for a terminal and
// hides secrets in them; what they say may come from a webhook or an object.
type safeWriter struct{ io.Writer }

func (w safeWriter) Write(p []byte) (int, error) {
	if w.Writer == nil {
		return len(p), nil
	}
	if _, err := io.WriteString(w.Writer, secret.Text(term.Safe(string(p)))); err != nil {
		return 0, fmt.Errorf("write a warning: %w", err)
	}
	return len(p), nil
}

func (f *Factory) connection() (*rest.Config, *http.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	config, err := f.configLocked()
	if err != nil {
		return nil, nil, err
	}
	if f.client == nil {
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			return nil, nil, err
		}
		f.client = clientset.BoundClient(clientset.Interruptible(config, client))
		interrupt.Busy()
	}
	return config, f.client, nil
}

// HTTPClient is the shared client with the API server's credentials. Its
// answers have a bound.
func (f *Factory) HTTPClient() (*http.Client, error) {
	_, client, err := f.connection()
	return client, err
}

// Dynamic is a client for objects of any kind.
func (f *Factory) Dynamic() (dynamic.Interface, error) {
	config, client, err := f.connection()
	if err != nil {
		return nil, err
	}
	return dynamic.NewForConfigAndClient(config, client)
}

// Metadata is a client that fetches objects without their contents.
func (f *Factory) Metadata() (metadata.Interface, error) {
	config, client, err := f.connection()
	if err != nil {
		return nil, err
	}
	return metadata.NewForConfigAndClient(metadata.ConfigFor(config), client)
}

// Clientset is a client for Kubernetes' own kinds.
func (f *Factory) Clientset() (clientset.Interface, error) {
	config, client, err := f.connection()
	if err != nil {
		return nil, err
	}
	core := rest.CopyConfig(config)
	core.ContentType = "application/vnd.kubernetes.protobuf"
	core.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return clientset.NewWith(core, client)
}

// InContext is a factory with the same flags for another context of the
// kubeconfig. What overrides a context's cluster or user isn't taken over.
func (f *Factory) InContext(name string) *Factory {
	other := NewFactory(f.program, f.Streams)
	from, to := f.Flags, other.Flags
	to.KubeConfig, to.CacheDir, to.Namespace, to.Timeout = from.KubeConfig, from.CacheDir, from.Namespace, from.Timeout
	to.Impersonate, to.ImpersonateUID, to.ImpersonateGroup = from.Impersonate, from.ImpersonateUID, from.ImpersonateGroup
	to.ImpersonateUserExtra, to.DisableCompression, to.ProxyURL = from.ImpersonateUserExtra, from.DisableCompression, from.ProxyURL
	to.Context = &name
	return other
}

// Contexts are the names of the kubeconfig's contexts.
func (f *Factory) Contexts() ([]string, error) {
	raw, err := f.Flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(raw.Contexts)), nil
}
