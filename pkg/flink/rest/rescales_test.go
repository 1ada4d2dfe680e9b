package rest

import (
	"io"
	"net/http"
	"testing"
)

func TestRescales(t *testing.T) {
	answers := map[string]string{
		"/jobs/a1/rescales/history":  `[{"rescaleUuid":"u","vertices":{"v":{"jobVertexId":"v","preRescaleParallelism":1,"postRescaleParallelism":null}},"slots":{"g":{"slotSharingGroupName":"default","postRescaleSlots":2}},"startTimestampInMillis":5,"endTimestampInMillis":null}]`,
		"/jobs/a1/rescales/overview": `{"rescalesCounts":{"ignored":1,"inProgress":2,"completed":3,"failed":4}}`,
		"/jobs/off/rescales/history": "",
	}
	c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
		answer := answers[r.URL.Path]
		if answer == "" {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"errors":["Not found: ` + r.URL.Path + `"]}`
			if r.URL.Path == "/jobs/off/rescales/history" {
				answer = "{\"errors\":[\"The job `off` has not enabled the `Adaptive` scheduler, or it has been enabled but the value of configuration option `web.adaptive-scheduler.rescale-history.size` has not been set to greater than `0`.\"]}"
			}
		}
		_, _ = io.WriteString(w, answer)
	})
	history, err := c.Rescales(t.Context(), "a1")
	if err != nil || len(history) != 1 || *history[0].Vertices["v"].Before != 1 || history[0].Vertices["v"].After != nil || *history[0].Slots["g"].After != 2 || history[0].Ended != nil {
		t.Errorf("%+v, %v", history, err)
	}
	if counts, err := c.RescaleCounts(t.Context(), "a1"); err != nil || counts != (RescaleCounts{Completed: 3, Failed: 4, Ignored: 1, InProgress: 2}) {
		t.Errorf("%+v, %v", counts, err)
	}
	if _, err := c.Rescales(t.Context(), "off"); !NotFound(err) || !RescalesOff(err) {
		t.Error(err)
	}
	if _, err := c.Rescales(t.Context(), "old"); !NotFound(err) || RescalesOff(err) {
		t.Error(err)
	}
}
