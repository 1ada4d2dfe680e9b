//go:build hostile && unix

package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// unguarded is a plugin whose one command believes and prints all that it is
// sent, and has no bounds.
func unguarded(t *testing.T) tested {
	honest := recording(t, "restarting")
	return tested{
		name:    "unguarded",
		server:  func(_ *testing.T, attack Attack) *Server { return NewCluster(honest, attack) },
		connect: func(server *Server, _ string) []string { return []string{server.URL} },
		root: func(streams genericiooptions.IOStreams) *cobra.Command {
			root := &cobra.Command{Use: "unguarded"}
			root.AddCommand(&cobra.Command{Use: "echo", RunE: func(cmd *cobra.Command, args []string) error {
				get := func(path string, into any) error {
					request, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, args[0]+path, nil)
					if err != nil {
						return err
					}
					response, err := http.DefaultClient.Do(request)
					if err != nil {
						return err
					}
					defer response.Body.Close()
					data, err := io.ReadAll(response.Body)
					if err != nil {
						return err
					}
					if response.StatusCode >= 400 {
						_, err := streams.ErrOut.Write(data)
						return err
					}
					return json.Unmarshal(data, into)
				}
				for token := ""; ; {
					var list struct {
						Metadata struct{ Continue string }
						Items    []map[string]any
					}
					if err := get(deployments+"?continue="+token, &list); err != nil {
						return err
					}
					for _, item := range list.Items {
						print(streams.Out, item)
						status, _ := item["status"].(map[string]any)
						job, _ := status["jobStatus"].(map[string]any)
						var answer any
						_ = get(fmt.Sprint("/api/v1/namespaces/", namespace, "/services/", "basic-example-rest:rest/proxy/jobs/", job["jobId"]), &answer)
					}
					if token = list.Metadata.Continue; token == "" {
						return nil
					}
				}
			}})
			return root
		},
	}
}

// print prints each text as it is.
func print(w io.Writer, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			print(w, item)
		}
	case []any:
		for _, item := range v {
			print(w, item)
		}
	case string:
		fmt.Fprintln(w, v)
	}
}

// Each attack is seen to succeed where nothing guards against it.
func TestAttacksSucceedWithoutGuards(t *testing.T) {
	p := unguarded(t)
	for _, attack := range attacks() {
		t.Run(attack.Name, func(t *testing.T) {
			server, kubeconfig := p.start(t, attack)
			verdict := p.verdict(t, verb{args: []string{"echo"}, waits: attack.Endless}, attack, server, kubeconfig)
			if attack.Endless {
				// It goes on for as long as it may.
				if asked := len(server.Asked()); asked < 100 {
					t.Errorf("asked %d times", asked)
				}
				return
			}
			if verdict == "" {
				t.Error("nothing came through")
			}
			t.Log(strings.ToValidUTF8(fmt.Sprintf("%.120q", verdict), "?"))
		})
	}
}
