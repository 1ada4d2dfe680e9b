package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFlattenMakesOneKeyOfEachPath(t *testing.T) {
	got := Flatten(map[string]any{
		"state": map[string]any{"savepoints.dir": "s3://a", "backend": map[string]any{"type": "rocksdb"}},
		"list":  []any{"a", int64(2)},
		"whole": float64(3),
		"part":  1.5,
		"on":    true,
		"none":  nil,
	})
	want := Config{
		"state.savepoints.dir": "s3://a", "state.backend.type": "rocksdb",
		"list": "a;2", "whole": "3", "part": "1.5", "on": "true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseConfigReadsBothFiles(t *testing.T) {
	modern := ParseConfig("config.yaml", "execution:\n  checkpointing:\n    savepoint-dir: 's3://b/sp'\n")
	if dir, key := modern.Get(SavepointDirKeys...); dir != "s3://b/sp" || key != "execution.checkpointing.savepoint-dir" {
		t.Errorf("%q %q", dir, key)
	}
	older := ParseConfig("flink-conf.yaml", "# a comment\nstate.savepoints.dir: file:///s\nenv.java.opts.all: --add-opens=a/b=ALL: x\n\n")
	if dir, key := older.Get(SavepointDirKeys...); dir != "file:///s" || key != "state.savepoints.dir" {
		t.Errorf("%q %q", dir, key)
	}
	if got := older["env.java.opts.all"]; got != "--add-opens=a/b=ALL: x" {
		t.Errorf("%q", got)
	}
}

func TestFlinkDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5 min": 5 * time.Minute, "30s": 30 * time.Second, "1 h": time.Hour, "2 d": 48 * time.Hour, "1500": 1500 * time.Millisecond, "20 ms": 20 * time.Millisecond,
		"": -1, "soon": -1, "5 fortnights": -1,
	} {
		got, ok := FlinkDuration(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
