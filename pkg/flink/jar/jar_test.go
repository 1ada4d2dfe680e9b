package jar

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// archive is a zip of files, by name.
func archive(t *testing.T, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const manifest = "META-INF/MANIFEST.MF"

func TestCheck(t *testing.T) {
	class := "org/example/Job.class"
	long := "org.example." + strings.Repeat("a", 80) + ".Job"
	whole := archive(t, manifest, "Manifest-Version: 1.0\r\nMain-Class: org.example.Job\r\n\r\nName: x\r\nMain-Class: other\r\n", class, "x")
	for name, c := range map[string]struct {
		data       []byte
		class      string
		main, want string
	}{
		"named by its manifest": {whole, "", "org.example.Job", ""},
		"named by the user":     {archive(t, class, "x"), "org.example.Job", "", ""},
		"of nobody":             {archive(t, class, "x"), "", "", ""},
		"an inner class":        {archive(t, "org/example/A$B.class", "x"), "org.example.A$B", "", ""},
		"for Flink":             {archive(t, manifest, "Main-Class: no.Such\nprogram-class: org.example.Job\n", class, "x"), "", "org.example.Job", ""},
		"a long line":           {archive(t, manifest, "Main-Class: "+long[:50]+"\n "+long[50:]+"\n", strings.ReplaceAll(long, ".", "/")+".class", "x"), "", long, ""},
		"another class":         {whole, "org.example.Other", "org.example.Job", "no class org.example.Other, the class to run"},
		"a wrong manifest":      {archive(t, manifest, "Main-Class: no.Such\n", class, "x"), "", "no.Such", "no class no.Such, which its manifest names"},
		"a manifest too long":   {archive(t, manifest, strings.Repeat("x", 100_000), class, "x"), "", "", "its manifest can't be read"},
		"no class at all":       {archive(t, "a.txt", "x"), "", "", "no class in it"},
		"a text":                {[]byte("<html>not found</html>"), "", "", "no jar, or not whole"},
		"half of it":            {whole[:len(whole)/2], "", "", "no jar, or not whole"},
		"nothing":               {nil, "", "", "it is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Check(bytes.NewReader(c.data), int64(len(c.data)), c.class)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || got.Main != c.main {
				t.Errorf("%+v, %v; want %q, %q", got, err, c.main, c.want)
			}
		})
	}
}

// endless is a zip whose directory is said to be as large as all of it.
type endless struct{ read int64 }

func (e *endless) ReadAt(p []byte, at int64) (int, error) {
	e.read += int64(len(p))
	const size = 2 << 30
	end := []byte("PK\x05\x06\x00\x00\x00\x00\xff\x00\xff\x00\x00\x00\x00\x7f\x00\x00\x00\x00\x00\x00")
	entry := []byte("PK\x01\x02" + strings.Repeat("\x00", 24) + "\x00\x00\xff\xff\x00\x00" + strings.Repeat("\x00", 12))
	for i := range p {
		switch n := at + int64(i); {
		case n >= size-int64(len(end)):
			p[i] = end[n-(size-int64(len(end)))]
		case n%(46+65535) < 46:
			p[i] = entry[n%(46+65535)]
		default:
			p[i] = 'x'
		}
	}
	return len(p), nil
}

func TestCheckIsBounded(t *testing.T) {
	in := &endless{}
	if info, err := Check(in, 2<<30, ""); err == nil || in.read > maxDirectory+1<<20 {
		t.Errorf("%+v, %v, %d bytes read", info, err, in.read)
	}
	if _, err := Check(in, MaxSize+1, ""); err == nil || !strings.Contains(err.Error(), "aren't taken for a jar") {
		t.Error(err)
	}
	b := &bounded{bytes.NewReader(make([]byte, 100)), 10}
	if _, err := b.ReadAt(make([]byte, 8), 0); err != nil {
		t.Error(err)
	}
	if _, err := b.ReadAt(make([]byte, 8), 0); err == nil {
		t.Error("more is read than may be")
	}
}

func TestCheckClass(t *testing.T) {
	for name, ok := range map[string]bool{"org.example.Job": true, "Job": true, "a.B$C": true, "org/example/Job": false, "": false, "a..b": false, "a.1b": false, "a b": false, "../../x": false} {
		if err := CheckClass(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOperatorCanFetch(t *testing.T) {
	for name, c := range map[string]struct {
		operator  Operator
		want      string
		wantNotes int
	}{
		"an older one":           {Operator{Version: "1.12.0", Known: true}, "", 1},
		"the default":            {Operator{Version: "1.16.0", Known: true}, "allows https for the jars of session jobs, and not s3:\nSet " + SchemesKey + ": https;s3 in", 0},
		"others":                 {Operator{Version: "1.16.1", Known: true, Schemes: "file;https;http"}, ": file;https;http;s3 in", 0},
		"allowed":                {Operator{Version: "1.16.1", Known: true, Schemes: "https;S3"}, "", 1},
		"allowed, in YAML":       {Operator{Version: "1.16.1", Known: true, Schemes: `[https, "s3"]`}, "", 1},
		"with commas it is one":  {Operator{Version: "1.16.1", Known: true, Schemes: "https,s3"}, "allows https,s3 for", 0},
		"a version without name": {Operator{Version: "latest", Known: true}, "and not s3:", 0},
		"nothing known":          {Operator{}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			notes, err := c.operator.CanFetch("s3")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || len(notes) != c.wantNotes {
				t.Errorf("%v, %q; want %q", err, notes, c.want)
			}
		})
	}
}

func TestApplicationCanFetch(t *testing.T) {
	pod := func(spec map[string]any, main map[string]any) map[string]any {
		main["name"] = api.MainContainer
		spec["containers"] = []any{main}
		return map[string]any{"flinkVersion": "v2_0", "podTemplate": map[string]any{"spec": spec}}
	}
	readOnly := map[string]any{"readOnlyRootFilesystem": true}
	mounted := []any{map[string]any{"name": "a", "mountPath": "/opt/flink/artifacts/"}}
	onS3 := api.Config{"execution.checkpointing.dir": "s3://b/c"}
	for name, c := range map[string]struct {
		spec      map[string]any
		config    api.Config
		want      string
		wantNotes string
	}{
		"plain":               {map[string]any{"flinkVersion": "v1_19"}, onS3, "", ""},
		"old":                 {map[string]any{"flinkVersion": "v1_18"}, onS3, "from Flink 1.19 on, and this is v1_18", ""},
		"standalone":          {map[string]any{"flinkVersion": "v2_0", "mode": "standalone"}, onS3, "mode: standalone", ""},
		"no state in S3":      {map[string]any{"flinkVersion": "v2_0"}, nil, "", "needs the plugin for s3:"},
		"with the plugin":     {pod(map[string]any{}, map[string]any{"env": []any{map[string]any{"name": "ENABLE_BUILT_IN_PLUGINS", "value": "x"}}}), nil, "", ""},
		"read-only":           {pod(map[string]any{}, map[string]any{"securityContext": readOnly}), onS3, "root filesystem is read-only\nMount an emptyDir", ""},
		"read-only, mounted":  {pod(map[string]any{}, map[string]any{"securityContext": readOnly, "volumeMounts": mounted}), onS3, "", ""},
		"read-only elsewhere": {pod(map[string]any{}, map[string]any{"securityContext": readOnly, "volumeMounts": mounted}), api.Config{"execution.checkpointing.dir": "s3://b/c", "user.artifacts.base-dir": "/a"}, "into /a (user.artifacts.base-dir)", ""},
		"another user":        {pod(map[string]any{"securityContext": map[string]any{"runAsUser": int64(1000)}}, map[string]any{}), onS3, "", "runs as user 1000"},
		"Flink's user":        {pod(map[string]any{"securityContext": map[string]any{"runAsUser": int64(9999)}}, map[string]any{}), onS3, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			notes, err := ApplicationCanFetch(c.spec, c.config, "s3")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if text := strings.Join(notes, "\n"); (c.wantNotes == "") != (text == "") || !strings.Contains(text, c.wantNotes) {
				t.Errorf("notes %q, want %q", text, c.wantNotes)
			}
		})
	}
	if isMounted(corev1.Container{VolumeMounts: []corev1.VolumeMount{{MountPath: "/opt/flink/art"}, {MountPath: "/opt", ReadOnly: true}}}, artifactsDir) {
		t.Error("a directory beside it, or one that is read-only, counts")
	}
}

func TestPlace(t *testing.T) {
	for dir, want := range map[string]string{
		"s3://flink/shop/savepoints": "s3://flink/shop/jars/", "s3a://flink/savepoints/": "s3a://flink/jars/", "s3://flink": "s3://flink/jars/",
		"file:///data": "", "": "", "gs://b/c": "", "s3://": "",
	} {
		if got := Place(api.Config{"execution.checkpointing.savepoint-dir": dir}); got != want {
			t.Errorf("%q: %q, want %q", dir, got, want)
		}
	}
	if got := Place(api.Config{"execution.checkpointing.savepoint-dir": "/data", "high-availability.storageDir": "s3://b/x/ha"}); got != "s3://b/x/jars/" {
		t.Error(got)
	}
}

func TestNameFor(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	for file, want := range map[string]string{
		"top-speed.jar": "top-speed-0123456789ab.jar", "/home/me/My Job (1).jar": "My-Job-1-0123456789ab.jar", strings.Repeat("a", 300) + ".jar": strings.Repeat("a", 100) + "-0123456789ab.jar",
	} {
		if got := NameFor(file, sum); got != want {
			t.Errorf("%s: %q", file, got)
		}
	}
}
