package probe

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The classes are those that were built from the sources beside them.
func TestTheClassesAreOfTheirSources(t *testing.T) {
	sums, err := os.ReadFile("java/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, program := range []struct {
		name  string
		class []byte
	}{{"StateProbe", stateProbe}, {"GraphProbe", graphProbe}} {
		source, err := os.ReadFile("java/" + program.name + ".java")
		if err != nil {
			t.Fatal(err)
		}
		want += fmt.Sprintf("%x  %s.java\n%x  %s.class\n", sha256.Sum256(source), program.name, sha256.Sum256(program.class), program.name)
		// 52 is Java 8, which Flink's oldest images have.
		if !bytes.HasPrefix(program.class, []byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52}) {
			t.Errorf("the class of %s begins with % x", program.name, program.class[:8])
		}
	}
	if string(sums) != want {
		t.Errorf("java/SHA256SUMS is\n%s\nwant\n%s\nA source was changed: run make probe", sums, want)
	}
}

func line(parts ...string) string {
	text := mark
	for _, part := range parts {
		text += "\t" + base64.StdEncoding.EncodeToString([]byte(part))
	}
	return text + "\n"
}

// What other libraries print doesn't disturb, and a program that ends early is
// noticed.
func TestReadOutcomes(t *testing.T) {
	said := "WARN something\n" + line("s3://b/c", "open", "ok", "") + mark + "\tnot base64\t\t\t\n" +
		line("s3://b/c", "write", "failed", "java.io.IOException: a\tb\n\tat X") + line("s3://b/c", "delete", "timeout", "") + line("x", "other", "ok", "")
	got, whole := ReadOutcomes(strings.NewReader(said))
	if whole || len(got) != 3 || !got[0].OK || got[1].OK || got[1].Trace != "java.io.IOException: a\tb\n\tat X" || !got[2].TimedOut {
		t.Errorf("%+v %v", got, whole)
	}
	if got, whole := ReadOutcomes(strings.NewReader(said + line("", "end", "ok", "") + line("s3://b/c", "list", "ok", ""))); !whole || len(got) != 3 {
		t.Errorf("%+v %v", got, whole)
	}
	if got, whole := ReadOutcomes(strings.NewReader(strings.Repeat("x", mostLine+1) + "\n" + said)); whole || len(got) > 0 {
		t.Errorf("a line without end: %+v", got)
	}
}

// Settings go by standard input only, a job's own before ours, and none can add
// another.
func TestInput(t *testing.T) {
	config := map[string]string{"s3.secret-key": "hush", "s3.retry.limit": "7", "bad": "a\ns3.endpoint=x", "with=sign": "x"}
	data, _ := io.ReadAll(Input(config))
	text := string(data)
	if !strings.Contains(text, "s3.secret-key=hush\n") || !strings.Contains(text, "s3.retry.limit=7\n") || strings.Contains(text, "bad") || strings.Contains(text, "with=") || !strings.HasSuffix(text, "\n\n") {
		t.Error(text)
	}
	if args := strings.Join(Command("probe", config, "jobmanager", []string{"s3://b/c"}), " "); strings.Contains(args, "hush") {
		t.Error("the list of processes shows a secret")
	}
}

// Of Java's options only those go along that open modules.
func TestJavaOptions(t *testing.T) {
	got := javaOptions(map[string]string{
		"env.java.opts.all":        `"--add-opens=java.base/java.lang=ALL-UNNAMED -XX:+UseG1GC --add-opens=*"`,
		"env.java.opts.jobmanager": "--add-exports=a/b=ALL-UNNAMED --add-opens=java.base/java.lang=ALL-UNNAMED -Dx=$(id)",
	}, "jobmanager")
	if got != "--add-opens=java.base/java.lang=ALL-UNNAMED --add-exports=a/b=ALL-UNNAMED" {
		t.Errorf("%q", got)
	}
}

// Only options that are passed on make a difference between the sides.
func TestOptionsDiffer(t *testing.T) {
	for value, want := range map[string]bool{"-XX:+UseG1GC": false, "--add-opens=java.base/java.lang=ALL-UNNAMED": true} {
		if got := OptionsDiffer(map[string]string{"env.java.opts.taskmanager": value}); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
}

// The script hands the program over byte for byte, with arguments that a shell
// would take apart.
func TestScript(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	room := t.TempDir()
	bin := filepath.Join(room, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct{ name, text string }{{filepath.Join(bin, "java"), "#!/bin/sh\nprintf '%s\\n' \"$FLINK_PLUGINS_DIR\" \"$@\"\ncat\n"}, {filepath.Join(room, "ready"), ""}} {
		if err := os.WriteFile(file.name, []byte(file.text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	args := Command("name", map[string]string{"env.java.opts.all": "--add-opens=a/b=C"}, "jobmanager", []string{"s3://b/it's $(here)", "-x"})
	args[4], args[5] = room, filepath.Join(room, "ready")
	cmd := exec.Command(shell, args[1:]...)
	cmd.Env = append(os.Environ(), "JAVA_HOME=", "FLINK_HOME="+room, "HADOOP_CLASSPATH=", "FLINK_LIB_DIR=", "FLINK_PLUGINS_DIR=", "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader("a=b\n\n")
	out, err := cmd.CombinedOutput()
	want := fmt.Sprintf("%s/plugins\n-Xmx192m\n--add-opens=a/b=C\n-cp\n%s:%s/lib/*:\nStateProbe\nname\n40\ns3://b/it's $(here)\n-x\na=b\n\n", room, room, room)
	if err != nil || string(out) != want {
		t.Errorf("%v %s\nwant %s", err, out, want)
	}
	written, err := os.ReadFile(filepath.Join(room, "StateProbe.class"))
	if err != nil || !bytes.Equal(written, stateProbe) {
		t.Errorf("%d bytes of %d arrived, %v", len(written), len(stateProbe), err)
	}
}
