package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

var forbidden = pattern(`(?i)is forbidden: User "?system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)"? cannot (\w+) resource "?([a-z./]+)"?`)

var accessRules = []Rule{
	{
		ID: "FLINK-HOOK-CERT-MANAGER", Severity: Error, Title: "cert-manager isn't working", Link: docHelm,
		Explain:  "The operator's webhook gets its certificate from cert-manager. A pod of cert-manager isn't ready: certificates are neither issued nor renewed, and the API server can't be told which CA to trust.",
		Source:   "cert-manager.io documentation",
		Explains: []string{"FLINK-HOOK-NOT-READY", "FLINK-HOOK-CA", "FLINK-HOOK-EXPIRED", "FLINK-HOOK-ENDPOINTS"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for k := range i.CertManager {
				p, ok := readPod(&i.CertManager[k], i.Now)
				if !ok || p.ready || p.age < slowSight || p.Status.Phase == "Succeeded" {
					continue
				}
				f := Finding{Subject: "pod/" + p.name, Means: fmt.Sprintf("pod %s of cert-manager is not ready", p.name), Evidence: []Evidence{{Source: "pod " + p.Namespace + "/" + p.name, At: p.readySince, Text: fmt.Sprintf("phase %s, not Ready", p.Status.Phase)}}, Cures: look("see why", fmt.Sprintf("kubectl describe pod %s -n %s", word(p.name), word(p.Namespace)))}
				if len(i.Webhooks) == 0 {
					f.Severity = Warning
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-HOOK-NOT-READY", Severity: Error, Title: "the webhook's Certificate isn't ready", Link: docHelm,
		Explain:  "cert-manager has not issued the certificate of the operator's webhook. The operator's pod can't mount the Secret that is to hold it, or serves an old one.",
		Source:   "cert-manager.io documentation",
		Explains: []string{"FLINK-HOOK-CA", "FLINK-HOOK-EXPIRED", "FLINK-HOOK-ENDPOINTS"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, c := range i.Certificates {
				if !c.Ready {
					out = append(out, Finding{Subject: "certificate/" + c.Name, Means: fmt.Sprintf("certificate %s/%s is not Ready", c.Namespace, c.Name) + withText(c.Message), Evidence: []Evidence{{Source: "certificate " + c.Namespace + "/" + c.Name, Text: "Ready is not True: " + c.Message}}, Cures: look("see what it waits for", fmt.Sprintf("kubectl describe certificate %s -n %s", word(c.Name), word(c.Namespace)))})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-HOOK-EXPIRED", Severity: Error, Title: "the webhook's certificate has expired", Link: docHelm,
		Explain:  "The API server refuses to call a webhook whose certificate, or whose CA, has expired: every create and update of the operator's kinds fails with \"x509: certificate has expired\", the operator's own patches too.",
		Explains: []string{"FLINK-OP-STALE", "FLINK-OP-PENDING"},
		installation: func(i *installation) []Finding {
			var out []Finding
			add := func(subject, what string, at time.Time) {
				left := at.Sub(i.Now)
				switch {
				case at.IsZero() || left > 7*24*time.Hour:
				case left <= 0:
					out = append(out, Finding{Subject: subject, Means: fmt.Sprintf("the certificate of %s expired %s ago", what, ago(-left)), Evidence: []Evidence{{Source: what, At: at, Text: "not valid after " + at.UTC().Format(time.RFC3339)}}, Cures: renewCures(i)})
				default:
					out = append(out, Finding{Severity: Warning, Subject: subject, Means: fmt.Sprintf("the certificate of %s expires in %s", what, ago(left)), Evidence: []Evidence{{Source: what, At: at, Text: "not valid after " + at.UTC().Format(time.RFC3339)}}, Cures: renewCures(i)})
				}
			}
			for _, h := range i.Webhooks {
				if s := h.Served; s != nil && !s.NoTLS && (h.Expires.IsZero() || s.NotAfter.Before(h.Expires)) {
					add("webhook/"+h.Name, "webhook "+h.Name+", as it is served,", s.NotAfter)
					continue
				}
				add("webhook/"+h.Name, "webhook "+h.Name, h.Expires)
			}
			for _, c := range i.Certificates {
				if c.Ready && len(i.Webhooks) == 0 {
					add("certificate/"+c.Name, "certificate "+c.Namespace+"/"+c.Name, c.Expires)
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-HOOK-CA", Severity: Error, Title: "the webhook has no CA", Link: docHelm,
		Explain: "The webhook's configuration names no CA bundle, so that the API server can't trust its certificate: every create and update of the operator's kinds fails with \"x509: certificate signed by unknown authority\". cert-manager's injector writes it, by the annotation cert-manager.io/inject-ca-from.",
		Source:  "cert-manager.io documentation",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, h := range i.Webhooks {
				if h.CABundle == 0 {
					out = append(out, Finding{Subject: "webhook/" + h.Name, Means: "webhook " + h.Name + " has no CA bundle: the API server can't trust it", Evidence: []Evidence{{Source: "webhook " + h.Name, Text: "clientConfig.caBundle: empty"}}, Cures: look("see that cert-manager's cainjector runs", "kubectl get pods -n cert-manager")})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-HOOK-NAME", Severity: Error, Title: "the webhook's certificate is for another name", Link: docHelm,
		Explain: "The API server calls the webhook by its Service's name, SERVICE.NAMESPACE.svc, and the certificate that is served isn't for that name: it was made for another namespace or release. Every create and update of the operator's kinds fails with \"x509: certificate is valid for …, not …\".",
		Source:  "Kubernetes' documentation of admission webhooks, golang.org/pkg/crypto/x509",
		installation: func(i *installation) []Finding {
			return i.served(func(h WebhookFacts, s *ServedCertificate, name string) (string, string) {
				if !s.WrongName || s.NoTLS {
					return "", ""
				}
				return fmt.Sprintf("webhook %s serves a certificate for %s, and is called %s", h.Name, cmp.Or(strings.Join(s.Names, ", "), "no name"), name), "names " + strings.Join(s.Names, ", ")
			})
		},
	},
	{
		ID: "FLINK-HOOK-UNSIGNED", Severity: Error, Title: "the webhook's certificate isn't signed by its CA", Link: docHelm,
		Explain: "The certificate that the webhook serves isn't signed by an authority in clientConfig.caBundle: it was renewed, and the operator still serves the old one or the configuration still names the old CA. Every create and update of the operator's kinds fails with \"x509: certificate signed by unknown authority\".",
		Source:  "Kubernetes' documentation of admission webhooks, golang.org/pkg/crypto/x509",
		installation: func(i *installation) []Finding {
			return i.served(func(h WebhookFacts, s *ServedCertificate, name string) (string, string) {
				if !s.Unsigned || s.NoTLS {
					return "", ""
				}
				return fmt.Sprintf("the certificate that webhook %s serves isn't signed by the CA of its configuration", h.Name), fmt.Sprintf("served by %s, valid from %s to %s", name, s.NotBefore.UTC().Format(time.RFC3339), s.NotAfter.UTC().Format(time.RFC3339))
			})
		},
	},
	{
		ID: "FLINK-HOOK-NO-TLS", Severity: Error, Title: "something else answers for the webhook", Link: docHelm,
		Explain: "Who listens on the port of the webhook's Service speaks no TLS: the Service selects other pods, or names another port.",
		Source:  "Kubernetes' documentation of admission webhooks",
		installation: func(i *installation) []Finding {
			return i.served(func(h WebhookFacts, s *ServedCertificate, name string) (string, string) {
				if !s.NoTLS {
					return "", ""
				}
				return fmt.Sprintf("who answers for webhook %s at %s speaks no TLS", h.Name, name), "no TLS handshake"
			})
		},
	},
	{
		ID: "FLINK-HOOK-ENDPOINTS", Severity: Error, Title: "the webhook has no endpoints", Link: docHelm,
		Explain: "The Service of the operator's webhook has no ready endpoints. With failurePolicy Fail every create and update of the operator's kinds is refused (\"failed calling webhook\"); with Ignore specs are only checked later, by the operator.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, h := range i.Webhooks {
				if h.EndpointsMark != Read || h.Endpoints > 0 {
					continue
				}
				f := Finding{Subject: "webhook/" + h.Name, Means: fmt.Sprintf("Service %s of webhook %s has no ready endpoints", h.Service, h.Name), Evidence: []Evidence{{Source: "service " + h.Service, Text: "0 endpoints ready"}}, Cures: []Cure{{Text: "see that the operator's pod and its webhook container run"}}}
				if !h.Fails {
					f.Severity = Warning
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-RBAC-OPERATOR", Severity: Error, Title: "the operator lacks a right", Link: docRBAC,
		Explain:  "The operator's service account may not do something that it needs; its log says \"is forbidden\". Mostly its Role or ClusterRole is of an older release than the operator, or its binding names another namespace.",
		Explains: []string{"FLINK-OP-IGNORED", "FLINK-OP-STALE", "FLINK-OP-PENDING", "FLINK-OP-LEASE", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS"},
		installation: func(i *installation) []Finding {
			return operatorRights(i.Operators, "installation")
		},
		job: func(j *job) []Finding {
			return operatorRights(j.Operators, j.ref())
		},
	},
	{
		ID: "FLINK-RBAC-ACCOUNT", Severity: Error, Title: "the jobs' service account is missing or may too little", Link: docRBAC,
		Explain:  "Flink's pods run as spec.serviceAccount. In native mode the JobManager makes TaskManagers itself and keeps its state in ConfigMaps: the account needs pods, configmaps, services and deployments in its namespace. The operator's chart makes the account flink with its role only in the namespaces that it is given.",
		Explains: []string{"FLINK-POD-FORBIDDEN", "FLINK-POD-NO-ACCOUNT", "FLINK-POD-NO-TASKMANAGER"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, a := range i.Accounts {
				cure := []Cure{serviceAccountFix(a.Namespace, a.Name).cure("make it as the operator's chart does, with the role flink"), roleFix(a.Namespace, a.Name).cure("bind it the role")}
				switch {
				case a.Exists == NotThere:
					out = append(out, Finding{Subject: "serviceaccount/" + a.Name, Means: fmt.Sprintf("service account %s isn't there in namespace %s", a.Name, a.Namespace), Evidence: []Evidence{{Source: "jobs", Text: strings.Join(a.Jobs, ", ")}}, Cures: cure})
				case a.RightsMark == Read && len(a.Missing) > 0:
					out = append(out, Finding{Subject: "serviceaccount/" + a.Name, Means: fmt.Sprintf("service account %s in namespace %s may not %s", a.Name, a.Namespace, strings.Join(a.Missing, ", ")), Evidence: []Evidence{{Source: "jobs", Text: strings.Join(a.Jobs, ", ")}}, Cures: cure[1:]})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-RBAC-USER", Severity: Info, Title: "your permissions don't reach for everything", Link: docRBAC,
		Explain: "Each command of this plugin needs rights of the API server for the user who runs it. The operator's chart brings no role for users. What is missing is listed by command.",
		installation: func(i *installation) []Finding {
			var verbs []string
			var evidence []Evidence
			for _, r := range i.Rights {
				if r.Allowed {
					continue
				}
				if !slices.Contains(verbs, r.Verb) {
					verbs = append(verbs, r.Verb)
				}
				evidence = append(evidence, Evidence{Source: strings.TrimSuffix("permissions in namespace "+r.Namespace, " in namespace "), Text: r.Verb + " needs " + r.Needs})
			}
			if len(verbs) == 0 {
				return nil
			}
			return []Finding{{Subject: "you", Means: "you may not use, or only in part: " + strings.Join(verbs, ", "), Evidence: evidence, Cures: []Cure{{Text: "ask for a role with these rights"}}}}
		},
	},
}

// served is a finding for each webhook whose certificate, as it is served, is
// judged to be wrong: what that means and shows, "" for nothing.
func (i *installation) served(judge func(h WebhookFacts, s *ServedCertificate, name string) (means, shows string)) []Finding {
	var out []Finding
	for _, h := range i.Webhooks {
		if h.Served == nil {
			continue
		}
		namespace, service, _ := strings.Cut(h.Service, "/")
		name := service + "." + namespace + ".svc"
		means, shows := judge(h, h.Served, name)
		if means == "" {
			continue
		}
		f := Finding{Subject: "webhook/" + h.Name, Means: oneLine(means), Evidence: []Evidence{{Source: "service " + h.Service, At: i.Now, Text: oneLine(shows)}}, Cures: renewCures(i)}
		if !h.Fails {
			f.Severity = Warning
		}
		out = append(out, f)
	}
	return out
}

func renewCures(i *installation) []Cure {
	var out []Cure
	for _, c := range i.Certificates {
		out = append(out, Cure{Text: "have cert-manager issue it again", Command: fmt.Sprintf("cmctl renew %s -n %s", word(c.Name), word(c.Namespace)), Safe: true})
	}
	if len(out) == 0 {
		out = []Cure{{Text: "renew the certificate in the webhook's Secret, and the CA in its configuration"}}
	}
	for _, o := range i.Operators {
		out = append(out, Cure{Text: "then restart the operator, so that it serves the new one", Command: fmt.Sprintf("kubectl rollout restart deployment %s -n %s", word(o.Name), word(o.Namespace)), Safe: true})
	}
	return out
}

func operatorRights(operators []OperatorFacts, subject string) []Finding {
	var out []Finding
	for _, o := range operators {
		if o.RightsMark == Read && len(o.Missing) > 0 {
			out = append(out, Finding{Subject: subject, Means: fmt.Sprintf("operator %s/%s may not %s", o.Namespace, o.Name, strings.Join(o.Missing, ", ")), Evidence: []Evidence{{Source: "rights of " + operatorSource(o), Text: strings.Join(o.Missing, ", ")}}, Cures: []Cure{{Text: "upgrade the chart's roles together with the operator"}}})
			continue
		}
		for _, line := range slices.Backward(o.Log) {
			if found := forbidden.FindStringSubmatch(line.Text); found != nil && found[1] == o.Namespace {
				out = append(out, Finding{Subject: subject, Means: fmt.Sprintf("operator %s/%s may not %s %s", o.Namespace, o.Name, found[3], found[4]), Evidence: []Evidence{{Source: "log of " + operatorSource(o), At: line.At, Text: oneLine(line.Text)}}, Cures: []Cure{{Text: "upgrade the chart's roles together with the operator"}}})
				break
			}
		}
	}
	return out
}
