package operator

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// history is in the shape that the operator writes.
const history = `ea632d67b7d595e5b851708ae9ad79d6:
  "2026-11-20T09:55:00.123456Z":
    currentParallelism: 2
    newParallelism: 4
    metrics:
      LOAD:
        current: 0.97
        average: 0.91
      TRUE_PROCESSING_RATE:
        current: NaN
        average: 1203.5
  "2026-11-20T09:00:00Z":
    currentParallelism: 1
    newParallelism: 2
    metrics: {}
bc764cd8ddf7a0cff126f51c16239658:
  "2026-11-20T09:55:00.123456Z":
    currentParallelism: 4
    newParallelism: 3
    metrics:
      LOAD:
        current: .NaN
        average: "NaN"
`

func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func TestAutoscalerHistory(t *testing.T) {
	got, err := ReadAutoscaler(map[string]string{
		"scalingHistory":       packed(t, history),
		"parallelismOverrides": "ea632d67b7d595e5b851708ae9ad79d6:4,bc764cd8ddf7a0cff126f51c16239658:3",
		"collectedMetrics":     "H4sIAAAAAAAA/w==",
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 9, 55, 0, 123456000, time.UTC)
	want := []Scaling{
		{at, "bc764cd8ddf7a0cff126f51c16239658", 4, 3, 0},
		{at, "ea632d67b7d595e5b851708ae9ad79d6", 2, 4, 0.91},
		{time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), "ea632d67b7d595e5b851708ae9ad79d6", 1, 2, 0},
	}
	if len(got.Decisions) != len(want) || got.Overrides["ea632d67b7d595e5b851708ae9ad79d6"] != 4 {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got.Decisions[i] != want[i] {
			t.Errorf("decision %d: %+v, want %+v", i, got.Decisions[i], want[i])
		}
	}
}

func TestAutoscalerHistoryThatIsNone(t *testing.T) {
	for name, data := range map[string]string{"no gzip": base64.StdEncoding.EncodeToString([]byte("hello there")), "no YAML": packed(t, "a: [")} {
		if _, err := ReadAutoscaler(map[string]string{"scalingHistory": data}); err == nil || !strings.Contains(err.Error(), "the autoscaler's history") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := ReadAutoscaler(nil); err != nil || len(got.Decisions) != 0 {
		t.Errorf("empty: %+v, %v", got, err)
	}
}
