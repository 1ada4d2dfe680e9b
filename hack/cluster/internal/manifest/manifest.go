// Package manifest has what runs in the cluster from the start, as YAML.
package manifest

import (
	"bytes"
	"embed"
	"strings"
	"text/template"
)

//go:embed yaml
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"indent": func(n int, s string) string {
		pad := strings.Repeat(" ", n)
		return pad + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+pad)
	},
}).ParseFS(files, "yaml/*.yaml"))

func render(name string, values map[string]string) ([]byte, error) {
	var out bytes.Buffer
	err := templates.ExecuteTemplate(&out, name+".yaml", values)
	return out.Bytes(), err
}

// CoreDNS is the cluster's DNS server, at the given address.
func CoreDNS(image, ip string) ([]byte, error) {
	return render("coredns", map[string]string{"CoreDNS": image, "DNSIP": ip})
}

// FlinkRBAC is the service account that a Flink cluster in the namespace
// runs as.
func FlinkRBAC(namespace string) ([]byte, error) {
	return render("flink-rbac", map[string]string{"Namespace": namespace})
}

// Operator is the operator's Deployment and what belongs to it, under the
// names that its chart gives them.
func Operator(image, version string) ([]byte, error) {
	config, err := files.ReadFile("yaml/operator-config.yaml")
	if err != nil {
		return nil, err
	}
	return render("operator", map[string]string{"Image": image, "Version": version, "Config": string(config)})
}

// MinIO is an S3 server with the bucket flink, which the image helper makes.
func MinIO(image, helper string) ([]byte, error) {
	return render("minio", map[string]string{"MinIO": image, "Helper": helper})
}

// Join makes one YAML stream out of several.
func Join(docs ...[]byte) []byte {
	var out bytes.Buffer
	for _, doc := range docs {
		out.WriteString("---\n")
		out.Write(bytes.TrimPrefix(doc, []byte("---\n")))
		out.WriteString("\n")
	}
	return out.Bytes()
}
