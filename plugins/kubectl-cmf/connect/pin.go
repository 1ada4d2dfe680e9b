package connect

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// Pin is a server that was found in the cluster, not named, and is used
// since: as it was then, and no other.
type Pin struct {
	// Endpoint is the server's address, as in https://cmf.example.com:8443.
	Endpoint string `json:"endpoint"`
	// CA is the fingerprint of its certificate authority, "" where no other
	// than the system's is known.
	CA string `json:"ca,omitempty"`
	// Cluster is the address of the API server that reported it.
	Cluster string `json:"cluster,omitempty"`
	// NamedBy is the object that named it.
	NamedBy string `json:"namedBy"`
	// Confirmed says that the user was asked and agreed. One that wasn't is in
	// the context's own namespace, and gets no credential.
	Confirmed bool `json:"confirmed,omitempty"`
	// Since is when it was first used, as RFC 3339.
	Since string `json:"since,omitempty"`
}

// Offer is a server that was found and may only be used if the user agrees.
type Offer struct {
	// Context is the kube context.
	Context string
	// Endpoint, CA and NamedBy are those of Pin; CA is in words.
	Endpoint, CA, NamedBy string
	// Sends is the credential that it would get, in words; "" is none.
	Sends string
	// Before is what the same object named before; nil where it is new.
	Before *Pin
	// Used says that it was used before, as it is, without a credential.
	Used bool
	// Name are the flags that name the server.
	Name string
}

// ErrNoTerminal says that there is no terminal to ask on.
var ErrNoTerminal = errors.New("there is no terminal to ask on")

// maxPins is how many servers are kept of one context.
const maxPins = 50

// errUnknown ends a completion.
var errUnknown = errors.New("completion asks no server that was not used before")

// trust lets a server that was found be used: where it is known as it is, or
// where the user agrees. sends is the credential that it would get, "" for none.
func (f *Finder) trust(ctx context.Context, found *found, base *url.URL, m material, sends string) error {
	pin := Pin{Endpoint: endpoint(base), CA: fingerprint(m.ca), Cluster: f.clusterAddress(), NamedBy: found.how}
	before, used, confirmed := f.known(pin, m.caNamed)
	if confirmed || used && sends == "" {
		return nil
	}
	if completion.Active(ctx) {
		return errUnknown
	}
	if found.own && sends == "" && before == nil {
		if f.Note != nil {
			f.Note("using CMF at %s (%s) for the first time; kubectl cmf server list shows what is remembered", pin.Endpoint, pin.NamedBy)
		}
		return f.keep(ctx, pin)
	}
	offer := Offer{
		Context: f.Kube.Context(), Endpoint: pin.Endpoint, CA: authority(base, m.ca, found.caFrom(m)), NamedBy: pin.NamedBy,
		Sends: sends, Before: before, Used: used, Name: f.nameFlags(found, m),
	}
	ask := f.Ask
	if ask == nil {
		ask = func(context.Context, Offer) error { return ErrNoTerminal }
	}
	if err := ask(ctx, offer); err != nil {
		if errors.Is(err, ErrNoTerminal) {
			return offer.refusal()
		}
		return err
	}
	pin.Confirmed = true
	return f.keep(ctx, pin)
}

// known looks for pin among those that are kept: whether it was used, and
// whether the user confirmed it. Else it gives what the same object named
// before, nil for nothing.
func (f *Finder) known(pin Pin, caNamed bool) (before *Pin, used, confirmed bool) {
	for _, kept := range f.State.Get(f.Key()).Servers {
		if kept.Cluster != pin.Cluster {
			continue
		}
		// An authority that the user names needs no memory.
		switch {
		case kept.Endpoint == pin.Endpoint && (kept.CA == pin.CA || caNamed):
			return nil, true, kept.Confirmed
		case kept.NamedBy == pin.NamedBy:
			before = &kept
		}
	}
	return before, false, false
}

// keep remembers pin in place of what the same object named before. A file
// that can't be written costs a question next time.
func (f *Finder) keep(ctx context.Context, pin Pin) error {
	pin.Since = time.Now().UTC().Format(time.RFC3339)
	err := f.State.Change(ctx, f.Key(), func(m *Memory) {
		m.Servers = slices.DeleteFunc(m.Servers, func(old Pin) bool {
			return old.Cluster == pin.Cluster && (old.Endpoint == pin.Endpoint || old.NamedBy == pin.NamedBy)
		})
		m.Servers = append(m.Servers, pin)
		m.Servers = m.Servers[max(0, len(m.Servers)-maxPins):]
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && f.Warn != nil {
		f.Warn("the server can't be remembered: %v", err)
	}
	return nil
}

// clusterAddress is the API server's, so that a context of the same name in
// another kubeconfig is another one.
func (f *Finder) clusterAddress() string {
	config, err := f.Kube.Config()
	if err != nil {
		klog.V(4).Infof("find out the API server's address: %v", err)
		return ""
	}
	return config.Host
}

// endpoint is an address without its path.
func endpoint(base *url.URL) string {
	return strings.ToLower(base.Scheme + "://" + base.Host)
}

// fingerprint is that of a certificate authority in PEM: SHA-256 as openssl
// shows it, of all its certificates where there are several; "" for none.
func fingerprint(ca []byte) string {
	sum, count := sha256.New(), 0
	for block, rest := pem.Decode(ca); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			sum.Write(block.Bytes)
			count++
		}
	}
	if count == 0 {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprintf("% X", sum.Sum(nil)), " ", ":")
}

// authority says in words by whom the server's certificate must be signed.
func authority(base *url.URL, ca []byte, from string) string {
	if base.Scheme != "https" {
		return "none, it does not use TLS"
	}
	if print := fingerprint(ca); print != "" {
		return fmt.Sprintf("SHA-256 %s, from %s", print, from)
	}
	return "the system's"
}

// nameFlags are the flags that name the server, for use without a terminal.
func (f *Finder) nameFlags(found *found, m material) string {
	name := found.address
	if name == "" {
		name = fmt.Sprintf("%s%s/%s:%d", servicePrefix, found.service.Namespace, found.service.Name, found.service.Port)
	}
	flags := "--cmf-url " + name
	if m.ca != nil && !m.caNamed && found.secretName != "" {
		flags += " --cmf-ca " + secretPrefix + found.secretName
	}
	if m.cert != nil && !m.certNamed && found.secretName != "" {
		flags += fmt.Sprintf(" --cmf-cert %[1]s%[2]s --cmf-key %[1]s%[2]s", secretPrefix, found.secretName)
	}
	return flags
}

// refusal is the error where there is no terminal to ask on.
func (o Offer) refusal() error {
	what := "a CMF was found that was not used before"
	if o.Used {
		what = "a CMF was found that got no credential before"
	}
	if o.Before != nil {
		what = fmt.Sprintf("%s names another server than before (%s)", o.NamedBy, o.Before.Endpoint)
		if o.Before.Endpoint == o.Endpoint {
			what = fmt.Sprintf("%s names another certificate authority than before (%s)", o.NamedBy, nonEmpty(o.Before.CA, "the system's"))
		}
	}
	sends := ""
	if o.Sends != "" {
		sends = fmt.Sprintf(", would get %s", o.Sends)
	}
	return exit.Usagef("%s in kube context %q: %s (named by %s, certificate authority: %s)%s. Nothing was sent to it. If it is yours, run the command on a terminal, which asks once, or name it with: %s",
		what, o.Context, o.Endpoint, o.NamedBy, o.CA, sends, o.Name)
}

func nonEmpty(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
