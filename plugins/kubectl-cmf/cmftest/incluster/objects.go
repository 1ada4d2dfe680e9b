package incluster

import (
	"encoding/json"
	"fmt"
)

// Options say how the stand-in runs.
type Options struct {
	Namespace string
	// Version is the CMF version; the newest where empty.
	Version string
	// Secret, where set, is a Secret with tls.crt and tls.key, and ca.crt for
	// ClientCertificates; Token is a Secret with the key token.
	Secret             string
	ClientCertificates bool
	Token              string
	// Service is the Service's name; cmf-service where empty.
	Service string
}

// Objects are what runs the stand-in, as one JSON list for kubectl apply. The
// Service is as in CMF's chart: port 80 called cmf-service-https, no labels.
func Objects(o Options) ([]byte, error) {
	if o.Service == "" {
		o.Service = "cmf-service"
	}
	app := "stand-in-" + o.Service
	labels := map[string]any{"app.kubernetes.io/name": app}
	args := []string{"-listen", ":8080", "-flink", "-step", "1s"}
	if o.Version != "" {
		args = append(args, "-cmf-version", o.Version)
	}
	var volumes, mounts []any
	mount := func(name, secret, path string) {
		volumes = append(volumes, object("name", name, "secret", object("secretName", secret)))
		mounts = append(mounts, object("name", name, "mountPath", path, "readOnly", true))
	}
	if o.Secret != "" {
		mount("tls", o.Secret, "/tls")
		args = append(args, "-tls-cert", "/tls/tls.crt", "-tls-key", "/tls/tls.key")
		if o.ClientCertificates {
			args = append(args, "-client-ca", "/tls/ca.crt")
		}
	}
	if o.Token != "" {
		mount("token", o.Token, "/token")
		args = append(args, "-token-file", "/token/token")
	}
	meta := func(name string) map[string]any { return object("name", name, "namespace", o.Namespace) }
	rules := []any{object("apiGroups", []any{"flink.apache.org"}, "resources", []any{"flinkdeployments", "flinkstatesnapshots"}, "verbs", []any{"*"})}
	list := object("apiVersion", "v1", "kind", "List", "items", []any{
		object("apiVersion", "v1", "kind", "ServiceAccount", "metadata", meta(app)),
		object("apiVersion", "rbac.authorization.k8s.io/v1", "kind", "Role", "metadata", meta(app), "rules", rules),
		object("apiVersion", "rbac.authorization.k8s.io/v1", "kind", "RoleBinding", "metadata", meta(app),
			"roleRef", object("apiGroup", "rbac.authorization.k8s.io", "kind", "Role", "name", app),
			"subjects", []any{object("kind", "ServiceAccount", "name", app, "namespace", o.Namespace)}),
		object("apiVersion", "v1", "kind", "Service", "metadata", meta(o.Service), "spec", object(
			"selector", labels,
			"ports", []any{object("name", "cmf-service-https", "port", 80, "targetPort", 8080, "protocol", "TCP")})),
		object("apiVersion", "apps/v1", "kind", "Deployment", "metadata", meta(app), "spec", object(
			"replicas", 1,
			"strategy", object("type", "Recreate"),
			"selector", object("matchLabels", labels),
			"template", object("metadata", object("labels", labels), "spec", object(
				"serviceAccountName", app,
				"volumes", volumes,
				"containers", []any{object(
					"name", "cmf", "image", Image, "imagePullPolicy", "Never", "args", args, "volumeMounts", mounts,
					"ports", []any{object("name", "api-port", "containerPort", 8080)},
					"readinessProbe", object("tcpSocket", object("port", 8080), "periodSeconds", 1),
					"resources", object("requests", object("cpu", "10m", "memory", "32Mi")),
				)})))),
	})
	return json.MarshalIndent(list, "", "  ")
}

func object(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return out
}
