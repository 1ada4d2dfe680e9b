package view

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// Versions is what `kubectl flink version` knows.
type Versions struct {
	Client     version.Info `json:"client"`
	Kubernetes string       `json:"kubernetes,omitempty"`
	Operator   Operator     `json:"operator,omitzero"`
}

// Operator is what is known of the Flink Kubernetes Operator.
type Operator struct {
	// Kinds are the plural names of its kinds that are served.
	Kinds       []string          `json:"kinds,omitempty"`
	Deployments []OperatorVersion `json:"deployments,omitempty"`
	// Problem says why something is missing.
	Problem string `json:"problem,omitempty"`
}

// OperatorVersion is one operator in the cluster.
type OperatorVersion struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Version   string `json:"version,omitempty"`
	Image     string `json:"image,omitempty"`
	Ready     int32  `json:"readyReplicas"`
	Wanted    int32  `json:"replicas"`
}

// Result prints the versions.
func (v Versions) Result() printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "COMPONENT"}, {Name: "VERSION"}, {Name: "DETAILS"}}}
	add := func(cells ...string) {
		row := make([]printer.Cell, len(cells))
		for i, c := range cells {
			row[i] = printer.C(c)
		}
		table.Rows = append(table.Rows, row)
	}
	commit := v.Client.Commit
	if len(commit) > 12 {
		commit = commit[:12]
	}
	add("kubectl-flink", v.Client.Version, strings.TrimSpace(v.Client.Platform+" "+v.Client.GoVersion+" "+commit))
	if v.Kubernetes != "" {
		add("kubernetes", v.Kubernetes, "server")
	}
	for _, d := range v.Operator.Deployments {
		add("operator", d.Version, fmt.Sprintf("%s/%s, %d of %d ready", d.Namespace, d.Name, d.Ready, d.Wanted))
	}
	if len(v.Operator.Kinds) > 0 {
		add("kinds", "v1beta1", strings.Join(v.Operator.Kinds, ", "))
	}
	if v.Operator.Problem != "" {
		add("problem", "", v.Operator.Problem)
	}
	return printer.Result{Object: v, Table: table}
}
