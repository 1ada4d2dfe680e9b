//go:build hostile && unix

package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// shapes are JSON of few characters that need much memory when they are decoded,
// each within a size.
var shapes = []struct {
	name string
	of   func(size int) string
}{
	{"empty objects", func(size int) string { return "[{}" + strings.Repeat(",{}", size/3) + "]" }},
	{"empty lists", func(size int) string { return "[[]" + strings.Repeat(",[]", size/3) + "]" }},
	{"numbers", func(size int) string { return "[1" + strings.Repeat(",1", size/2) + "]" }},
	{"small objects", func(size int) string {
		return "[{}" + strings.Repeat(`,{"a":"b","c":"d","e":"f"}`, size/26) + "]"
	}},
	{"short texts", func(size int) string { return `[""` + strings.Repeat(`,"a"`, size/4) + "]" }},
	{"one text", func(size int) string { return `"` + strings.Repeat("x", size) + `"` }},
	{"one number", func(size int) string { return strings.Repeat("9", size) }},
	{"names", func(size int) string {
		var out strings.Builder
		for out.Len() < size {
			fmt.Fprintf(&out, `"%x":1,`, out.Len())
		}
		return "{" + out.String() + `"z":1}`
	}},
}

// needy are honest answers with text in the first object of each, or for all that
// a list has.
func needy(recording Recording, text string, where func(*http.Request) bool) *Server {
	honest := &cluster{recording}
	return answering(recording, func(w http.ResponseWriter, r *http.Request) {
		code, answer := honest.answer(r, nil)
		if code == http.StatusNotFound {
			code, answer = http.StatusOK, map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{}, "items": []any{}}
		}
		const mark = "MARK"
		object, _ := plain(answer).(map[string]any)
		if object == nil {
			object = map[string]any{}
		}
		if items, ok := object["items"].([]any); ok && len(items) == 0 {
			object["items"] = mark
		} else if ok {
			if first, ok := items[0].(map[string]any); ok {
				first["status"] = mark
			}
		} else {
			object["planted"] = mark
		}
		data, _ := json.Marshal(object)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(code)
		packed, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, _ = packed.Write(bytes.Replace(data, []byte(`"`+mark+`"`), []byte(text), 1))
		_ = packed.Close()
	}, func(r *http.Request) bool {
		return r.Method == http.MethodGet && !r.URL.Query().Has("watch") && where(r)
	})
}

// All answers to one command have one bound together, whatever is in them: just
// within the bound of each answer, and beyond it.
func TestMemoryOnNeedyAnswers(t *testing.T) {
	honest := recording(t, "restarting")
	object := deployments + "/basic-example"
	lists := func(r *http.Request) bool {
		return AtAPIServer(r) && r.URL.Path != object && r.URL.Path != "/version" && r.URL.Path != "/apis/flink.apache.org/v1beta1"
	}
	around := func(r *http.Request) bool { return lists(r) && r.URL.Path != deployments || AtJobManager(r) }
	for _, tc := range []struct {
		args  string
		where func(*http.Request) bool
		// sizes are in KiB; 15 MiB is refused of most shapes.
		sizes []int
	}{
		{"doctor basic-example --via apiserver", around, []int{350, 2 << 10}},
		{"list -o json", lists, []int{2 << 10, 15 << 10}},
		{"status basic-example --via apiserver", around, []int{2 << 10}},
	} {
		for _, shape := range shapes {
			for _, kib := range tc.sizes {
				size := kib << 10
				t.Run(fmt.Sprintf("%s/%s/%d KiB", tc.args, shape.name, size>>10), func(t *testing.T) {
					server := needy(honest, shape.of(size), tc.where)
					defer server.Close()
					got := process(t, server, namespace, strings.Fields(tc.args)...)
					t.Logf("kubectl flink %s: %s of %d KiB each: exit %d in %v, %d MiB of memory", tc.args, shape.name, size>>10, got.code, got.took.Round(10*time.Millisecond), got.peak>>20)
					if got.peak > most {
						t.Errorf("%d MiB of memory", got.peak>>20)
					}
					if got.took > 60*time.Second || len(server.Asked()) == 0 || got.out+got.err == "" {
						t.Errorf("%v, asked %d times:\n%.2000s", got.took, len(server.Asked()), got.err)
					}
				})
			}
		}
	}
}

// Two bytes of protobuf may become the struct of a pod.
func TestMemoryOnNeedyProtobuf(t *testing.T) {
	honest := recording(t, "restarting")
	for name, item := range map[string]string{
		"empty pods":               "\x12\x00",
		"pods with unknown fields": "\x12\x02\x78\x01",
		"pods of empty containers": "\x12\x22\x12\x20" + strings.Repeat("\x12\x00", 16),
	} {
		for _, size := range []int{300 << 10, 15 << 20} {
			t.Run(fmt.Sprintf("%s/%d KiB", name, size>>10), func(t *testing.T) {
				list := strings.Repeat(item, size/len(item))
				kind := "\x0a\x0d\x0a\x02v1\x12\x07PodList"
				raw := append([]byte(kind), 0x12)
				for n := uint64(len(list)); ; n >>= 7 {
					if n < 0x80 {
						raw = append(raw, byte(n))
						break
					}
					raw = append(raw, byte(n)|0x80)
				}
				answer := "k8s\x00" + string(raw) + list
				server := answering(honest, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
					_, _ = w.Write([]byte(answer))
				}, func(r *http.Request) bool {
					return strings.HasSuffix(r.URL.Path, "/pods") && !r.URL.Query().Has("watch")
				})
				defer server.Close()
				got := process(t, server, namespace, "status", "basic-example")
				t.Logf("kubectl flink status: %s, %d KiB: exit %d in %v, %d MiB of memory", name, size>>10, got.code, got.took.Round(10*time.Millisecond), got.peak>>20)
				if got.peak > most {
					t.Errorf("%d MiB of memory", got.peak>>20)
				}
				if !strings.Contains(got.out, "basic-example") {
					t.Errorf("exit %d:\n%.600s\n%.2000s", got.code, got.out, got.err)
				}
			})
		}
	}
}
