package reach

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A process that is called java, and a jcmd that prints its arguments.
func TestJcmdScript(t *testing.T) {
	dir := t.TempDir()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	java, jcmd := filepath.Join(dir, "java"), filepath.Join(dir, "jcmd")
	for file, text := range map[string]string{java: string(program), jcmd: "#!/bin/sh\necho \"$@\"\n"} {
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	process := exec.Command(java, "60")
	if err := process.Start(); err != nil {
		t.Skip("this sleep goes by no other name: ", err)
	}
	defer func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	}()
	run := func(pid int, path string) (string, int) {
		command := exec.Command("sh", "-c", jcmdScript, "jcmd", strconv.Itoa(pid), "GC.x", "a b")
		command.Env = []string{"PATH=" + path + "/usr/bin:/bin", "JAVA_HOME=/none"}
		out, err := command.CombinedOutput()
		var exited *exec.ExitError
		if err != nil && !errors.As(err, &exited) {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out)), command.ProcessState.ExitCode()
	}
	pid := process.Process.Pid
	if out, code := run(pid, dir+":"); code != 0 || out != "-J-Xmx48m -J-XX:+UseSerialGC "+strconv.Itoa(pid)+" GC.x a b" {
		t.Errorf("exit code %d: %s", code, out)
	}
	// What asked the JVM to listen is gone.
	if _, err := os.Lstat("/tmp/.attach_pid" + strconv.Itoa(pid)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if out, code := run(os.Getpid(), dir+":"); code != noProcess {
		t.Errorf("exit code %d: %s", code, out)
	}
	if _, err := exec.LookPath("/usr/bin/jcmd"); err != nil {
		if out, code := run(pid, ""); code != noJcmd {
			t.Errorf("exit code %d: %s", code, out)
		}
	}
}

// The directory is there while its client lives, and is gone after it with all in
// it.
func TestDumpLeaseScript(t *testing.T) {
	command := exec.Command("bash", "-c", DumpLeaseScript, "lease", "60", strconv.Itoa(os.Getuid())+":"+strconv.Itoa(os.Getgid()))
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Skip(err)
	}
	line := make([]byte, 100)
	n, err := out.Read(line)
	directory := strings.TrimSpace(string(line[:n]))
	if err != nil || !dumpDirectory.MatchString(directory) {
		t.Fatalf("%q, %v", directory, err)
	}
	if err := os.WriteFile(directory+"/heap.hprof", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader := exec.Command("tail", "-f", directory+"/heap.hprof")
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // its client was killed, and no line comes any more
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if err := reader.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("who reads the dump: %v", err)
	}
	if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
