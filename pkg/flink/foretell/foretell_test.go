package foretell

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// recorded is the summary of a _metadata that Flink wrote.
func recorded(t testing.TB, name string) statefile.Summary {
	t.Helper()
	file, err := os.Open("../statefile/testdata/" + name + "/_metadata")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	summary, err := statefile.Summarize(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// spec is a job's; the recorded snapshots are of jobs with a parallelism of 2
// and a max parallelism of 16.
type spec struct {
	version, image, jar string
	parallelism         int
	config              string
	drops               bool
}

func (s spec) job(t testing.TB) api.Job {
	t.Helper()
	return flinktest.JobOf(t, api.Deployment, fmt.Sprintf(`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n"},"spec":{
		"image":%q,"flinkVersion":%q,"serviceAccount":"flink","flinkConfiguration":{%s},"job":{"jarURI":%q,"parallelism":%d,"upgradeMode":"savepoint","allowNonRestoredState":%v}}}`,
		s.image, s.version, s.config, s.jar, s.parallelism, s.drops))
}

var usual = spec{version: "v1_20", image: "job:1", jar: "local:///a.jar", parallelism: 2, config: `"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s","execution.checkpointing.interval":"10 s"`}

func (s spec) with(change func(*spec)) spec {
	change(&s)
	return s
}

func set(config string) func(*spec) { return func(s *spec) { s.config += "," + config } }

// facts are those of a job that runs from own state, and of a change.
func facts(t testing.TB, was, is spec, state string) Facts {
	t.Helper()
	f := Facts{Before: was.job(t), After: is.job(t)}
	f.Cluster = f.After
	f.Was = api.Flatten(api.Section(f.Before.Spec(), "flinkConfiguration"))
	f.Config = api.Flatten(api.Section(f.After.Spec(), "flinkConfiguration"))
	if state != "" {
		f.State = &State{Summary: recorded(t, state), Path: "s3://b/s/x", OwnRun: true, Of: f.Before.Ref()}
	}
	return f
}

// graph is one of what is going to run.
func graph(nodes ...Node) func(*Facts) { return func(f *Facts) { f.Graph = nodes } }

// The recorded job's operators.
var (
	source = Node{ID: "ca88eee0095684d687a1b6495617f957", Name: "Source: numbers"}
	slow   = Node{ID: "59fa767824610e31f4a11d6125e09bf4", Name: "slow"}
	other  = usual.with(func(s *spec) { s.jar = "local:///b.jar" })
)

const count = "b71731f1c0df9c3076c4a455334d0ad6"

// said are findings as "level ID: text".
func said(found []Finding) []string {
	out := []string{}
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s %s: %s", f.Level, f.ID, f.Text))
	}
	return out
}

func TestJudge(t *testing.T) {
	const (
		v1   = "1.20/savepoint-canonical"
		v2   = "2.3/savepoint-canonical"
		keys = "1.20/hashmap-checkpoint"
		rock = "1.20/rocksdb-incremental"
	)
	to2 := usual.with(func(s *spec) { s.version, s.image = "v2_3", "job:2" })
	same := func(*Facts) {}
	for name, c := range map[string]struct {
		was, is spec
		state   string
		more    func(*Facts)
		want    []string
	}{
		"nothing changes":  {usual, usual, v1, same, nil},
		"within the limit": {usual, usual.with(func(s *spec) { s.parallelism = 16 }), v1, same, nil},
		"above it": {
			usual, usual.with(func(s *spec) { s.parallelism = 17 }), v2, same,
			[]string{"fails MAX-PARALLELISM: the state of count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B) is divided into at most 16 parts (its max parallelism), and the parallelism is to be 17"},
		},
		"above it, named by the running job": {
			usual, usual.with(func(s *spec) { s.parallelism = 17 }), v1,
			func(f *Facts) {
				f.Vertices = []Vertex{{ID: "b71731f1c0df9c3076c4a455334d0ad6", Name: "count -> sink", Parallelism: 2}}
			},
			[]string{"fails MAX-PARALLELISM: the state of count -> sink (46.4 KiB), 59fa767824610e31f4a11d6125e09bf4 (1.3 KiB), ca88eee0095684d687a1b6495617f957 (546 B) is divided into at most 16 parts (its max parallelism), and the parallelism is to be 17"},
		},
		"above it, but the adaptive scheduler may do with less": {
			usual, usual.with(func(s *spec) { s.parallelism = 17; set(`"jobmanager.scheduler":"adaptive"`)(s) }), v1, same,
			[]string{"warning MAX-PARALLELISM: the state of b71731f1c0df9c3076c4a455334d0ad6 (46.4 KiB), 59fa767824610e31f4a11d6125e09bf4 (1.3 KiB), ca88eee0095684d687a1b6495617f957 (546 B) is divided into at most 16 parts (its max parallelism), and the parallelism is to be 17; the adaptive scheduler uses less where there are fewer slots"},
		},
		"its code sets the parallelism": {
			usual.with(func(s *spec) { s.parallelism = 4 }), usual.with(func(s *spec) { s.parallelism = 17 }), v1, same,
			[]string{"unknown MAX-PARALLELISM: b71731f1c0df9c3076c4a455334d0ad6 (46.4 KiB), 59fa767824610e31f4a11d6125e09bf4 (1.3 KiB), ca88eee0095684d687a1b6495617f957 (546 B) had a parallelism other than the job's: if its code lets it have the job's 17, that is more than its max parallelism allows"},
		},
		"one operator has another than the job": {
			usual, usual.with(func(s *spec) { s.parallelism = 17 }), v1,
			func(f *Facts) {
				for n := range f.State.Operators {
					f.State.Operators[n].MaxParallelism = 128
				}
				f.State.Operators[1].Parallelism, f.State.Operators[1].MaxParallelism = 1, 4
			},
			[]string{"unknown MAX-PARALLELISM: b71731f1c0df9c3076c4a455334d0ad6 (46.4 KiB) had a parallelism other than the job's: if its code lets it have the job's 17, that is more than its max parallelism allows"},
		},
		"one that stays at 1": {
			usual.with(func(s *spec) { s.parallelism = 1 }), usual.with(func(s *spec) { s.parallelism = 8 }), v1,
			func(f *Facts) {
				for n := range f.State.Operators {
					f.State.Operators[n].Parallelism, f.State.Operators[n].MaxParallelism = 1, 1
				}
			}, nil,
		},
		"an override is above it": {
			usual, usual.with(set(`"pipeline.jobvertex-parallelism-overrides":"b71731f1c0df9c3076c4a455334d0ad6:32, x:1"`)), v1, same,
			[]string{"fails MAX-PARALLELISM: the state of b71731f1c0df9c3076c4a455334d0ad6 (46.4 KiB) is divided into at most 16 parts (its max parallelism), and the parallelism is to be 32"},
		},
		"max parallelism set to what it is": {usual, usual.with(set(`"pipeline.max-parallelism":"16"`)), v1, same, nil},
		"max parallelism no longer set":     {usual.with(set(`"pipeline.max-parallelism":"16"`)), usual, v1, same, nil},
		"max parallelism is changed, set before": {
			usual.with(set(`"pipeline.max-parallelism":"16"`)), usual.with(set(`"pipeline.max-parallelism":"32"`)), v2, same,
			[]string{"fails MAX-PARALLELISM-SET: pipeline.max-parallelism is to be 32, and the state has 16 (count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B), …): Flink refuses to change it"},
		},
		"max parallelism is set, and its code sets its own": {
			usual, usual.with(set(`"pipeline.max-parallelism":"32"`)), v2, same,
			[]string{"unknown MAX-PARALLELISM-SET: pipeline.max-parallelism is to be 32, and count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B), … has another: Flink refuses that unless its code sets it"},
		},
		"a newer format": {
			usual.with(func(s *spec) { s.version, s.image = "v2_3", "job:2" }), usual, v2, same,
			[]string{
				"fails FORMAT: its format (version 6) can't be read by Flink 1.20: it needs 2.1 or newer",
				"warning VERSION: the Flink version goes back from 2.3 to 1.20: Flink doesn't promise that an older version reads the state of a newer one",
				"unknown PLACE: whether each state still has its operator (48.2 KiB in 3 operators: count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B)): a JobManager names only the heads of chains, and of another program nothing. Flink refuses to start where one has none",
			},
		},
		"files are missing": {
			usual, usual, v1, func(f *Facts) { f.State.Missing, f.State.Example = 2, "s3://b/s/x/1" },
			[]string{"fails FILES: 2 of the files that it names aren't there, or not whole, as s3://b/s/x/1"},
		},
		"files are missing of what stands for another": {usual, usual, v1, func(f *Facts) { f.State.Missing, f.State.Proxy = 2, true }, nil},
		"files weren't looked for": {
			usual, usual, v1, func(f *Facts) { f.State.Unchecked = "no rights" }, []string{"unknown FILES: whether all of its files are there: no rights"},
		},
		"RocksDB's files for hashmap": {
			usual.with(set(`"state.backend.type":"rocksdb"`)), usual.with(set(`"state.backend.type":"filesystem"`)), rock, same,
			[]string{"fails BACKEND: the state backend is to be hashmap, and the state is kept as the files of RocksDB or ForSt: b71731f1c0df9c3076c4a455334d0ad6 (735.9 KiB)"},
		},
		"a heap's state for RocksDB": {
			usual.with(set(`"state.backend.type":"hashmap"`)), usual.with(set(`"state.backend.type":"rocksdb"`)), keys, same,
			[]string{"warning BACKEND: the state backend is to be rocksdb, and the state is in a form that may be another one's own: b71731f1c0df9c3076c4a455334d0ad6 (33.9 KiB)"},
		},
		"another backend from a canonical savepoint": {usual.with(set(`"state.backend.type":"rocksdb"`)), usual.with(set(`"state.backend.type":"hashmap"`)), v1, same, nil},
		"another backend from a savepoint that will be canonical": {
			usual.with(set(`"state.backend.type":"rocksdb"`)), usual.with(set(`"state.backend.type":"hashmap"`)), rock, func(f *Facts) { f.State.Proxy, f.State.Fresh = true, true }, nil,
		},
		"data in flight for another program": {
			usual, usual.with(func(s *spec) { s.jar = "local:///b.jar" }), "1.20/unaligned", func(f *Facts) { f.Vertices = nil },
			[]string{
				"warning UNALIGNED: it is an unaligned checkpoint with data in flight, which Flink supports only for the same program under the same Flink version",
				"unknown PLACE: ",
			},
		},
		"data in flight for the same": {usual, usual, "1.20/unaligned", same, nil},
		"from 1.x to 2.x": {
			usual, to2, v1, same,
			[]string{"unknown VERSION: ", "unknown PLACE: ", "unknown PROGRAM: ", "note FLINK-CONF-SAVEPOINT-FORMAT: "},
		},
		"a removed key": {
			usual, to2.with(set(`"state.backend.async":"true"`)), "", same,
			[]string{"warning FLINK-CONF-REMOVED: ", "unknown PROGRAM: ", "note FLINK-CONF-SAVEPOINT-FORMAT: "},
		},
		"a default that changes": {
			usual.with(func(s *spec) { s.version = "v1_18" }), usual, "", same,
			[]string{"note DEFAULT: restart-strategy.type isn't set, and its default changes from fixed-delay (every second, for ever) to exponential-delay"},
		},
		"another program, and what has no operator goes": {
			usual, usual.with(func(s *spec) { s.jar, s.drops = "local:///b.jar", true }), v2, same,
			[]string{"warning PLACE: whether these still have an operator isn't known, and state that has none is dropped without a word (allowNonRestoredState), of 48.2 KiB in all: count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B)"},
		},
		"a graph without an operator": {
			usual, other, v2, graph(source, slow),
			[]string{"fails PLACE: 46.4 KiB of state have no operator in the new graph: count per key (uid count) (46.4 KiB)"},
		},
		"a graph without an operator, whose state may go": {
			usual, other.with(func(s *spec) { s.drops = true }), v2, graph(source, slow),
			[]string{"warning PLACE: 46.4 KiB of state have no operator in the new graph and are dropped, as allowNonRestoredState says: count per key (uid count) (46.4 KiB)"},
		},
		"a graph with another uid": {
			usual, other, v2, graph(source, slow, Node{ID: "0f", Name: "count per key", UID: "counter"}),
			[]string{"fails PLACE: 46.4 KiB of state have no operator in the new graph: count per key (uid count) (46.4 KiB); count per key (uid counter) looks like the same operator under another uid (it was count)"},
		},
		"a graph with all": {
			usual, other, v2, graph(source, slow, Node{ID: count}),
			[]string{"note PLACE: every state has its operator in the new graph: count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B)"},
		},
		"a graph in which the program sets the hash": {
			usual, other, v2, graph(source, slow, Node{ID: "0f", UserID: count}),
			[]string{"note PLACE: every state has its operator in the new graph: count per key (uid count) (46.4 KiB), slow (uid slow) (1.3 KiB), Source: numbers (uid numbers) (546 B)"},
		},
		"a graph with a parallelism that the state can't have": {
			usual, other.with(func(s *spec) { s.parallelism = 17 }), v2, graph(source, slow, Node{ID: count, Parallelism: 17}),
			[]string{
				"fails MAX-PARALLELISM: the state of count per key (uid count) (46.4 KiB) is divided into at most 16 parts (its max parallelism), and the parallelism is to be 17",
				"note PLACE: ",
			},
		},
		"a graph whose program keeps the parallelism": {
			usual, other.with(func(s *spec) { s.parallelism = 17 }), v2, graph(source, slow, Node{ID: count, Parallelism: 2}),
			[]string{"note PLACE: "},
		},
		"a graph with another max parallelism": {
			usual, other, v2, graph(source, slow, Node{ID: count, MaxParallelism: 64}),
			[]string{"fails MAX-PARALLELISM-SET: a max parallelism of 64 is set, and the state has 16 (count per key (uid count) (46.4 KiB)): Flink refuses to change it", "note PLACE: "},
		},
		"a main method that fails": {
			usual, other, v2, func(f *Facts) {
				f.TroubleKind, f.GraphTrouble = TroubleMain, "IllegalArgumentException: --topic is missing"
			},
			[]string{"warning MAIN: the job's main method failed when its graph was to be made: IllegalArgumentException: --topic is missing", "unknown PLACE: "},
		},
		"an image that isn't there": {
			usual, usual, "", func(f *Facts) { f.TroubleKind, f.GraphTrouble = TroubleImage, "ErrImagePull" },
			[]string{"warning IMAGE: the image of what is going to run can't be had: ErrImagePull"},
		},
		"a jar that isn't there": {
			usual, other, v2, func(f *Facts) { f.TroubleKind, f.GraphTrouble = TroubleJar, "/b.jar isn't in the image or a volume" },
			[]string{"fails JAR: the job's jar isn't there: /b.jar isn't in the image or a volume", "unknown PLACE: "},
		},
		"a class that isn't there": {
			usual, usual, "", func(f *Facts) { f.TroubleKind, f.GraphTrouble = TroubleClass, "no class com.acme.Job" },
			[]string{"fails CLASS: the job's class can't be loaded: no class com.acme.Job"},
		},
		"a graph that couldn't be made": {
			usual, usual, "", func(f *Facts) { f.GraphTrouble = "no rights" },
			[]string{"unknown GRAPH: the graph of what is going to run couldn't be made: no rights"},
		},
		"operators without a uid, and another parallelism": {
			usual, usual.with(func(s *spec) { s.parallelism = 3 }), v2,
			func(f *Facts) { f.State.Operators[1].UID = "" },
			[]string{"unknown UID: count per key (46.4 KiB) have no uid: if the other parallelism changes what is chained, so do their IDs"},
		},
		"without state": {
			usual, usual, v1, func(f *Facts) { f.Stateless = true },
			[]string{"warning STATELESS: it starts without state: 48.3 KiB of it in s3://b/s/x are not used"},
		},
		"another job's": {
			usual, usual, v1, func(f *Facts) { f.State.Of.Name = "b" }, []string{"warning OTHER-JOB: the state is of another job, flinkdeployment/b"},
		},
		"legacy claim mode": {
			usual.with(set(`"execution.savepoint-restore-mode":"LEGACY"`)), to2.with(set(`"execution.savepoint-restore-mode":"LEGACY"`)), "", same,
			[]string{"fails CLAIM-MODE: execution.savepoint-restore-mode is LEGACY, which Flink 2 no longer has", "unknown PROGRAM: ", "note FLINK-CONF-SAVEPOINT-FORMAT: "},
		},
		"Java too old": {
			usual, to2.with(func(s *spec) { s.image = "registry:5000/job:2.3-java8" }), "", same,
			[]string{"fails JAVA: the image's tag names Java 8, and Flink 2.3 needs 11 or newer", "unknown PROGRAM: ", "note FLINK-CONF-SAVEPOINT-FORMAT: "},
		},
		"a newer Java": {
			usual.with(func(s *spec) { s.image = "job:1-java11" }), usual.with(func(s *spec) { s.image = "job:1-java17" }), "", same,
			[]string{"note JAVA: Java changes from 11 to 17: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(c.state, "2.3/") && c.was.version == c.is.version {
				c.was.version, c.is.version = "v2_3", "v2_3"
			}
			f := facts(t, c.was, c.is, c.state)
			c.more(&f)
			got := said(Judge(f))
			for n := range got {
				// A want that ends in a blank is a beginning.
				if n < len(c.want) && strings.HasSuffix(c.want[n], " ") && strings.HasPrefix(got[n], c.want[n]) {
					got[n] = c.want[n]
				}
			}
			if diff := cmp.Diff(append([]string{}, c.want...), got); diff != "" {
				t.Error(diff)
			}
			if fails := len(c.want) > 0 && strings.HasPrefix(c.want[0], "fails "); WouldFail(Judge(f)) != fails {
				t.Errorf("would fail: %v", !fails)
			}
		})
	}
}

// Nothing that is unknown is taken for a failure.
func TestUnknownFactsFailNothing(t *testing.T) {
	if found := Judge(Facts{}); len(found) != 0 {
		t.Errorf("%v", said(found))
	}
	for _, name := range []string{"1.20/savepoint-canonical", "2.3/forst", "1.20/unaligned", "2.3/rocksdb-incremental"} {
		f := Facts{State: &State{Summary: recorded(t, name)}}
		if WouldFail(Judge(f)) {
			t.Errorf("%s: %v", name, said(Judge(f)))
		}
	}
}

// Whatever a file and a spec say, judging them ends, and its sizes are not
// negative.
func FuzzJudge(f *testing.F) {
	seed, err := os.ReadFile("../statefile/testdata/2.3/savepoint-canonical/_metadata")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, "v2_3", `job:2.3-java8`, 17, "b71731f1c0df9c3076c4a455334d0ad6:4", "16", "LEGACY", true)
	f.Add(seed[:len(seed)/2], "v1_20", "", -1, ":,::", "x", "", false)
	f.Fuzz(func(t *testing.T, metadata []byte, version, image string, parallelism int, overrides, most, claim string, drops bool) {
		summary, _ := statefile.Summarize(strings.NewReader(string(metadata)), nil)
		is := usual
		is.version, is.image, is.parallelism, is.drops = "v1_20", "x", parallelism, drops
		after := is.job(t)
		_ = after.Set(version, "flinkVersion")
		_ = after.Set(image, "image")
		before := usual.job(t)
		config := api.Config{"pipeline.jobvertex-parallelism-overrides": overrides, "pipeline.max-parallelism": most, "execution.state-recovery.claim-mode": claim}
		for _, found := range Judge(Facts{Before: before, After: after, Cluster: after, Was: api.Config{}, Config: config, State: &State{Summary: summary}}) {
			if found.Text == "" || found.ID == "" || found.Level.rank() < 0 || found.Bytes < 0 || len(found.Operators) > mostListed {
				t.Errorf("%+v", found)
			}
		}
	})
}
