package reach

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// planGateway is a gateway that plans all but what names nowhere.
type planGateway struct {
	sessions int
	ran      []string
}

func (g *planGateway) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/api_versions"):
		fmt.Fprint(w, `{"versions":["V1","V2","V3"]}`)
	case strings.HasSuffix(path, "/info"):
		fmt.Fprint(w, `{"productName":"Apache Flink","version":"2.3.0"}`)
	case strings.HasSuffix(path, "/sessions"):
		g.sessions++
		fmt.Fprintf(w, `{"sessionHandle":"%08d-20bb-4c49-926f-b9890b1a964c"}`, g.sessions)
	case strings.HasSuffix(path, "/statements"):
		var in struct{ Statement string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		g.ran = append(g.ran, fmt.Sprint(g.sessions, " ", in.Statement))
		if strings.Contains(in.Statement, "nowhere") {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"errors":["Internal server error.","<Exception on server side:\norg.apache.flink.table.api.ValidationException: Cannot find table 'nowhere'\nEnd of exception on server side>"]}`)
			break
		}
		fmt.Fprint(w, `{"operationHandle":"22222222-20bb-4c49-926f-b9890b1a964c"}`)
	case strings.Contains(path, "/result/"):
		fmt.Fprint(w, `{"results":{"columns":[{"name":"result","logicalType":{"type":"VARCHAR","nullable":true,"length":2147483647},"comment":null}],"rowFormat":"JSON","data":[{"kind":"INSERT","fields":["OK"]}]},"resultType":"EOS","isQueryResult":false,"resultKind":"SUCCESS"}`)
	default:
		fmt.Fprint(w, `{"status":"CLOSED"}`)
	}
	return w.Result(), nil
}

// Each script is planned in a session of its own; what Flink says of one that it
// can't plan names the script.
func TestPlans(t *testing.T) {
	fake := &planGateway{}
	client, err := sqlgateway.Connect(t.Context(), fake)
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	gateway := &StartedGateway{Client: client, ended: func(context.Context) error { return nil }, read: func(_ context.Context, path string, most int) ([]byte, error) {
		read = append(read, fmt.Sprint(path, " ", most))
		return []byte(path), nil
	}}
	scripts := []PlanScript{{Name: "old", Before: []string{"CREATE TABLE a"}, Job: "INSERT INTO t SELECT 1"}, {Name: "new", Job: "INSERT INTO t SELECT 2"}}
	plans, err := Plans(t.Context(), gateway, nil, 7, scripts...)
	if err != nil || len(plans) != 2 || strings.Join(read, ", ") != "/tmp/kubectl-flink-plan-0.json 7, /tmp/kubectl-flink-plan-1.json 7" {
		t.Error(plans, read, err)
	}
	want := "1 CREATE TABLE a\n1 COMPILE PLAN 'file:///tmp/kubectl-flink-plan-0.json' FOR INSERT INTO t SELECT 1\n2 COMPILE PLAN 'file:///tmp/kubectl-flink-plan-1.json' FOR INSERT INTO t SELECT 2"
	if got := strings.Join(fake.ran, "\n"); got != want {
		t.Error(got)
	}
	scripts[1].Job = "INSERT INTO nowhere SELECT 1"
	if _, err := Plans(t.Context(), gateway, nil, 7, scripts...); err == nil || !strings.Contains(err.Error(), "new: ") || !strings.Contains(err.Error(), "nowhere") {
		t.Error(err)
	}
	gateway.read = nil
	if _, err := Plans(t.Context(), gateway, nil, 7, scripts...); err == nil {
		t.Error("a plan without reading it")
	}
}

// Outside of an application, nothing loads local:///.
func TestPlanSettings(t *testing.T) {
	for jar, want := range map[string]string{
		"":                     "map[]",
		"local:///opt/udf.jar": "map[pipeline.jars:file:///opt/udf.jar]",
		"s3://jars/udf.jar":    "map[pipeline.jars:" + harmlessJar + "]",
	} {
		job := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a"},"spec":{"job":{"jarURI":"`+jar+`"}}}`)
		if got := fmt.Sprint(PlanSettings(job)); got != want {
			t.Errorf("%s: %s", jar, got)
		}
	}
}
