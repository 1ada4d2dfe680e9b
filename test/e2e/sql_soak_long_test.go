//go:build e2e && long

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// waysToEnd are how a client's end comes about. A laptop whose lid is closed
// stops; whether it goes on later or not, others see no difference to a network
// that is lost.
var waysToEnd = map[string]func(*exec.Cmd){
	"killed":           func(c *exec.Cmd) { _ = c.Process.Kill() },
	"told to end":      func(c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGTERM) },
	"hung up":          func(c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGHUP) },
	"Ctrl-C":           func(c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGINT) },
	"Ctrl-C twice":     func(c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGINT); _ = c.Process.Signal(syscall.SIGINT) },
	"a lid that opens": func(c *exec.Cmd) { stopped(c, 45*time.Second); _ = c.Process.Signal(syscall.SIGTERM) },
	"a lid that stays": func(c *exec.Cmd) { stopped(c, 5*time.Second); _ = c.Process.Kill() },
}

func stopped(c *exec.Cmd, d time.Duration) {
	_ = c.Process.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	_ = c.Process.Signal(syscall.SIGCONT)
}

// soakedClient is a client that ends in some way at some moment; it is waited for.
func soakedClient(t *testing.T, way string, after time.Duration, args ...string) {
	var said bytes.Buffer
	command := main.command(t.Context(), args...)
	command.Stderr = &said
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Error(err)
		return
	}
	defer stdin.Close()
	if err := command.Start(); err != nil {
		t.Error(err)
		return
	}
	time.Sleep(after) // what it is doing then is left to chance
	waysToEnd[way](command)
	ended := make(chan struct{})
	go func() { _ = command.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Errorf("%s after %s, it doesn't end: %s", way, after, strings.Join(args, " "))
		_ = command.Process.Kill()
		<-ended
	}
	if strings.Contains(said.String(), "panic:") || strings.Contains(said.String(), "DATA RACE") {
		t.Errorf("%s after %s:\n%s", way, after, said.String())
	}
}

// 200 clients end in every way at any moment, and nothing is left of them: neither
// jobs nor sessions at a gateway that goes on, nor the gateways that they started.
func TestLongSQLSoak(t *testing.T) {
	const namespace, clients = "sql-soak", 200
	main.sqlSession(t, namespace, "2.3", "v2_3", "  flinkConfiguration:", "  flinkConfiguration:\n"+
		"    kubernetes.jobmanager.cpu.limit-factor: \"10\"\n    kubernetes.taskmanager.cpu.limit-factor: \"5\"")
	var ways []string
	for way := range waysToEnd {
		ways = append(ways, way)
	}
	slices.Sort(ways)
	random := rand.New(rand.NewPCG(18, 200))

	t.Run("gateways of their own", func(t *testing.T) {
		var running sync.WaitGroup
		places := make(chan struct{}, 3)
		for _, way := range ways {
			after := time.Duration(5+random.IntN(30)) * time.Second
			running.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				soakedClient(t, way, after, "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-q", "-o", "csv", "-e", "CREATE TABLE endless (a INT) WITH ('connector'='datagen','rows-per-second'='5'); SELECT a FROM endless")
			})
		}
		running.Wait()
		nothingLeft(t, namespace)
	})

	pod, statements, done := heldGateway(t, namespace, "-D", "sql-gateway.session.idle-timeout=30s", "-D", "sql-gateway.session.check-interval=1s")
	t.Logf("the gateway is %s", pod)
	objects := func() string {
		return main.run(t, "get", "pods,jobs,secrets,services", "-n", namespace, "-l", "app.kubernetes.io/name=flink-sql-gateway", "-o", "name").out
	}
	before := objects()
	var running sync.WaitGroup
	places := make(chan struct{}, 6)
	for i := range clients {
		way, after := ways[i%len(ways)], time.Duration(random.IntN(5000))*time.Millisecond
		args := []string{"flink", "sql", "session-example", "-n", namespace, "--gateway", "pod/" + pod, "-q", "-o", "csv"}
		if i%3 == 0 {
			args = append(args, "-f", "-") // waits for statements
		} else {
			args = append(args, "-e", fmt.Sprintf("CREATE TEMPORARY TABLE endless%d (a INT) WITH ('connector'='datagen','rows-per-second'='5'); SELECT a FROM endless%d", i, i))
		}
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			soakedClient(t, way, after, args...)
		})
	}
	running.Wait()
	noSQLJobs(t, namespace)
	opened, closed := regexp.MustCompile(`Session \S+ is opened`), regexp.MustCompile(`Session:? \S+ is closed`)
	eventually(t, "sessions that are open beside the one that holds the gateway", "1", func() string {
		log := main.run(t, "logs", pod, "-n", namespace).out
		return strconv.Itoa(len(opened.FindAllString(log, -1)) - len(closed.FindAllString(log, -1)))
	})
	if after := objects(); after != before {
		t.Errorf("objects before:\n%s\nand after:\n%s", before, after)
	}
	log := main.run(t, "logs", pod, "-n", namespace).out
	if n := len(opened.FindAllString(log, -1)); n < clients/3 {
		t.Errorf("only %d sessions were opened", n)
	} else {
		t.Logf("%d sessions were opened, and all but one closed", n)
	}
	// The one that holds the gateway is none the worse for it.
	if _, err := statements.Write([]byte("SELECT 1 AS x;\n")); err != nil {
		t.Error(err)
	}
	if r := done().wants(t, 0); !strings.Contains(r.out, "x\n1\n") {
		t.Error(r)
	}
	nothingLeft(t, namespace)
}
