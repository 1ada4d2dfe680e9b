package rest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// As Flink 1.20 and 2.3 answer (a source that reports how far it is behind was
// added), and as older versions do, without skew.
const (
	loadJob = `{"jid":"j1","name":"State machine","state":"RUNNING","now":1795569083684,
"vertices":[{"id":"v1","name":"Source: Events","parallelism":2,"status":"RUNNING"},{"id":"v2","name":"Flat Map -> Sink: Print","parallelism":2,"status":"RUNNING"},{"id":"v3","name":"out: Writer -> out: Committer","parallelism":1,"status":"RUNNING"}],
"plan":{"nodes":[{"id":"v2","parallelism":2,"operator":"","inputs":[{"num":0,"id":"v1","ship_strategy":"HASH","exchange":"pipelined_bounded"}]},{"id":"v3","inputs":[{"id":"v1"}]},{"id":"v1"}]}}`
)

func TestLoad(t *testing.T) {
	metrics := map[string]map[string]string{
		"v1": {
			"busyTimeMsPerSecond":           `"min":"NaN","max":"NaN","avg":"NaN","sum":"NaN"`,
			"idleTimeMsPerSecond":           `"min":957.0,"max":961.0,"avg":959.0,"sum":1918.0,"skew":0.2`,
			"numRecordsInPerSecond":         `"min":0.0,"max":0.0,"avg":0.0,"sum":0.0,"skew":0.0`,
			"numRecordsOutPerSecond":        `"min":1000.1,"max":1000.2,"avg":1000.15,"sum":2000.3,"skew":0.1`,
			"Source__Events.pendingRecords": `"min":3.0,"max":40.0,"avg":21.5,"sum":43.0,"skew":86.0`,
			"Source__Events.KafkaSourceReader.KafkaConsumer.records-lag-max": `"min":3.0,"max":99.0,"avg":21.5,"sum":43.0`,
			"Source__Events.numRecordsInPerSecond":                           `"min":0.0,"max":0.0,"avg":0.0,"sum":0.0`,
		},
		"v2": {
			"busyTimeMsPerSecond":                           `"min":6.0,"max":640.5,"avg":323.0,"sum":646.5,"skew":98.0`,
			"backPressuredTimeMsPerSecond":                  `"min":0.0,"max":120.0,"avg":60.0,"sum":120.0`,
			"numRecordsInPerSecond":                         `"min":10.0,"max":1990.0,"avg":1000.0,"sum":2000.0,"skew":99.0`,
			"numRecordsOutPerSecond":                        `"min":0.0,"max":0.0,"avg":0.0,"sum":0.0`,
			"currentInputWatermark":                         `"min":1795569080000,"max":1795569083000,"avg":1,"sum":1`,
			"Sink__Print_to_Std__Out.numRecordsInPerSecond": `"min":1.0,"max":6.0,"avg":3.5,"sum":7.0`,
		},
		"v3": {
			"numRecordsInPerSecond":                `"min":5.0,"max":5.0,"avg":5.0,"sum":5.0`,
			"currentInputWatermark":                `"min":-9.223372036854776E18,"max":-9.223372036854776E18,"avg":-9.223372036854776E18,"sum":-1.8446744073709552E19`,
			"out__Writer.numRecordsInPerSecond":    `"min":5.0,"max":5.0,"avg":5.0,"sum":5.0`,
			"out__Committer.numRecordsInPerSecond": `"min":800.0,"max":800.0,"avg":800.0,"sum":800.0`,
		},
	}
	var lists atomic.Int32
	c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jobs/j1" {
			io.WriteString(w, loadJob)
			return
		}
		known := metrics[strings.Split(r.URL.Path, "/")[4]]
		if get := r.URL.Query().Get("get"); get != "" {
			var answers []string
			for name := range strings.SplitSeq(get, ",") {
				if known[name] == "" {
					answers = nil // Flink then answers nothing
					break
				}
				answers = append(answers, fmt.Sprintf(`{"id":%q,%s}`, name, known[name]))
			}
			io.WriteString(w, "["+strings.Join(answers, ",")+"]")
			return
		}
		var names []string
		for name := range known {
			names = append(names, fmt.Sprintf(`{"id":%q}`, name), fmt.Sprintf(`{"id":"%s_of_something_else"}`, name))
		}
		if lists.Add(1) == 1 {
			names = nil // the first question makes it collect them
		}
		io.WriteString(w, "["+strings.Join(names, ",")+"]")
	})
	// The handler above isn't made for questions at the same time.
	var meter Meter
	sequential := func() Load {
		t.Helper()
		load := Load{Vertices: make([]VertexLoad, 3)}
		job, err := c.Job(t.Context(), "j1")
		if err != nil {
			t.Fatal(err)
		}
		load.Job = job
		for i, v := range job.Vertices {
			values, err := meter.values(t.Context(), c, "j1", v.ID)
			if err != nil {
				t.Fatal(err)
			}
			load.Vertices[i] = VertexLoad{Vertex: v, Source: i == 0, Sink: i > 0}
			load.Vertices[i].read(values)
		}
		return load
	}
	load := sequential()
	whole, err := meter.Load(t.Context(), c, "j1")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []Load{load, whole} {
		got := fmt.Sprint(l.In(), l.Out(), l.Lag(), l.Busy(), l.Backpressured(), l.Vertices[1].Watermark, l.Vertices[2].Watermark.Known(),
			l.Vertices[0].Busy.Avg.Known(), l.Vertices[0].Skew(), l.Vertices[1].Skew(), l.Vertices[2].Skew().Known(), l.Vertices[0].Source, l.Vertices[1].Source, l.Vertices[1].Sink)
		if want := "2000.3 12 43 640.5 120 1.79556908e+12 false false 0.1 99 false true false true"; got != want {
			t.Errorf("load:\n%s, want\n%s", got, want)
		}
	}
	if lists.Load() != 4 {
		t.Errorf("the names were asked for %d times", lists.Load())
	}
	// A metric that is gone is found out.
	delete(metrics["v1"], "idleTimeMsPerSecond")
	if load := sequential(); load.Vertices[0].Idle.Avg.Known() || load.In() != 2000.3 {
		t.Errorf("after a change: %+v", load.Vertices[0])
	}
}

func TestLoadOfAJobThatDoesNotRun(t *testing.T) {
	c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/jobs/j1" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		io.WriteString(w, strings.Replace(loadJob, `"RUNNING"`, `"RESTARTING"`, 1))
	})
	load, err := new(Meter).Load(t.Context(), c, "j1")
	if err != nil || load.In().Known() || load.Busy().Known() || len(load.Vertices) != 3 {
		t.Errorf("%+v, %v", load, err)
	}
}
