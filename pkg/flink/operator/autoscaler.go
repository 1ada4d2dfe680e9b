package operator

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Scaling is one decision of the autoscaler about a vertex.
type Scaling struct {
	At       time.Time
	VertexID string
	From, To int
	// Load is how busy the vertex was, 1 being all of its time; 0 if unknown.
	Load float64
}

// Autoscaler is what the operator's autoscaler remembers of a job.
type Autoscaler struct {
	// Decisions are newest first.
	Decisions []Scaling
	// Overrides are the parallelisms in force, by vertex.
	Overrides map[string]int
}

// notNumbers are values that YAML has and JSON, by way of which it is read,
// hasn't.
var notNumbers = regexp.MustCompile(`:[ \t]+[-+]?\.(?:nan|NaN|NAN|inf|Inf|INF)\b`)

// maxHistory bounds the unpacked history, in bytes; the operator keeps some
// hours of it, and YAML takes twenty times its size in memory.
const maxHistory = 4 << 20

// Autoscaler reads the ConfigMap that the operator keeps of a job. Its error
// is NotFound where the autoscaler has never worked on it.
func (c *Client) Autoscaler(ctx context.Context, namespace, job string) (Autoscaler, error) {
	object, err := c.core.CoreV1().ConfigMaps(namespace).Get(ctx, "autoscaler-"+job, metav1.GetOptions{})
	if err != nil {
		return Autoscaler{}, err
	}
	return ReadAutoscaler(object.Data)
}

// ReadAutoscaler reads the data of the autoscaler's ConfigMap.
func ReadAutoscaler(data map[string]string) (Autoscaler, error) {
	out := Autoscaler{Overrides: map[string]int{}}
	for pair := range strings.SplitSeq(data["parallelismOverrides"], ",") {
		vertex, text, _ := strings.Cut(strings.TrimSpace(pair), ":")
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
			out.Overrides[vertex] = n
		}
	}
	packed := data["scalingHistory"]
	if packed == "" {
		return out, nil
	}
	// Operators before 1.6 wrote plain YAML.
	text := []byte(packed)
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(packed)); err == nil {
		unpacked, err := gzip.NewReader(strings.NewReader(string(raw)))
		if err != nil {
			return out, fmt.Errorf("the autoscaler's history can't be unpacked: %w", err)
		}
		if text, err = untrusted.ReadAll(unpacked, maxHistory); err != nil {
			return out, fmt.Errorf("the autoscaler's history can't be unpacked: %w", err)
		}
	}
	var history map[string]map[string]struct {
		From    int `json:"currentParallelism"`
		To      int `json:"newParallelism"`
		Metrics map[string]struct {
			Current any `json:"current"`
			Average any `json:"average"`
		} `json:"metrics"`
	}
	if err := yaml.Unmarshal(notNumbers.ReplaceAll(text, []byte(": null")), &history); err != nil {
		return out, fmt.Errorf("the autoscaler's history can't be read: %w", err)
	}
	for vertex, decisions := range history {
		for at, decision := range decisions {
			one := Scaling{At: instant(at), VertexID: vertex, From: decision.From, To: decision.To}
			load := decision.Metrics["LOAD"]
			for _, value := range []any{load.Average, load.Current} { // NaN is text
				if f, ok := value.(float64); ok && one.Load == 0 {
					one.Load = f
				}
			}
			out.Decisions = append(out.Decisions, one)
		}
	}
	sorting.By(out.Decisions, func(a, b Scaling) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.VertexID, b.VertexID))
	})
	return out, nil
}

// instant is a Java Instant: ISO 8601, or seconds with a fraction.
func instant(text string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.UnixMilli(int64(seconds * 1000)).UTC()
	}
	return time.Time{}
}
