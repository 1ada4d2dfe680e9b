package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// generated is a table that makes rows by itself; options end its WITH clause.
func generated(name, options string) string {
	return "CREATE TEMPORARY TABLE " + name + " (id BIGINT, name STRING) WITH ('connector' = 'datagen', 'fields.name.length' = '20', " + options + ")"
}

// rows compares one query of many rows, to a file: as CSV here, and as
// sql-client.sh prints it in the pod, which has no CSV. How long the gateway
// itself needs for the same rows says how much of the time is its own.
func (b *bench) rows(ctx context.Context, pod string, count int) error {
	address, end, err := b.forward(ctx, pod)
	if err != nil {
		return err
	}
	defer end()
	n := strconv.Itoa(count)
	table := generated("n", "'number-of-rows' = '"+n+"', 'rows-per-second' = '"+n+"', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '"+n+"'")
	script := settings + table + ";\nSELECT * FROM n;\n"
	var ours, theirs, gateways []time.Duration
	var ourKiB, theirKiB int64
	for range b.rounds {
		took, kib, err := b.toFile(ctx, pod, script, count)
		if err != nil {
			return err
		}
		ours, ourKiB = append(ours, took), max(ourKiB, kib)
		if took, kib, err = b.inPod(ctx, tableau+script, count); err != nil {
			return err
		}
		theirs, theirKiB = append(theirs, took), max(theirKiB, kib)
		if took, err = untilAnswered(ctx, address, table, "SELECT * FROM n", count); err != nil {
			return err
		}
		gateways = append(gateways, took)
	}
	fmt.Printf("SQL (SELECT of %d rows to a file, median of %d rounds, in turn)\n", count, b.rounds)
	fmt.Printf("  %-34s %12s %14s %12s\n", "", "time", "rows a second", "peak MiB")
	for _, line := range []struct {
		name string
		took time.Duration
		kib  int64
	}{{"kubectl flink sql -o csv", median(ours), ourKiB}, {"sql-client.sh in the pod", median(theirs), theirKiB}} {
		fmt.Printf("  %-34s %10.1f s %14.0f %12.1f\n", line.name, line.took.Seconds(), float64(count)/line.took.Seconds(), float64(line.kib)/1024)
	}
	fmt.Printf("  %-34s %12.2f %27.2f\n", "ratio", median(ours).Seconds()/median(theirs).Seconds(), float64(ourKiB)/float64(theirKiB))
	fmt.Printf("  %-34s %10.1f s %14.0f\n  %-34s %12.2f\n", "the gateway, asked directly", median(gateways).Seconds(), float64(count)/median(gateways).Seconds(),
		"ratio to it", median(ours).Seconds()/median(gateways).Seconds())
	return nil
}

// toFile runs a script of one query of count rows here, and returns its time and
// the most memory that it had, in KiB.
func (b *bench) toFile(ctx context.Context, pod, script string, count int) (time.Duration, int64, error) {
	file, err := os.CreateTemp("", "rows-*.csv")
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	command := b.command(ctx, "flink", "sql", "session-example", "--gateway", "pod/"+pod, "-q", "-o", "csv", "-e", script)
	command.Stdout, command.Stderr = file, os.Stderr
	began := time.Now()
	if err := command.Run(); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0, errors.New("this system doesn't report a process's memory")
	}
	return took, usage.Maxrss, lines(file.Name(), count)
}

// inPod runs the script with sql-client.sh in the JobManager's pod, and returns
// its time and the most memory that it had, in KiB, which is read while it runs.
func (b *bench) inPod(ctx context.Context, script string, count int) (time.Duration, int64, error) {
	const around = `f=$(mktemp); o=$(mktemp); printf '%s' "$1" >"$f"
/opt/flink/bin/sql-client.sh embedded -Dexecution.target=remote -Drest.address=localhost -Drest.port=8081 -Dhigh-availability.type=NONE -f "$f" >"$o" &
most=0
while kill -0 $! 2>/dev/null; do now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$!/status 2>/dev/null); most=${now:-$most}; sleep 0.2; done
wait $!; code=$?; echo "$most $(grep -c '^| *+I' "$o")"; rm -f "$f" "$o"; exit $code`
	began := time.Now()
	out, err := b.output(ctx, "exec", "deployment/session-example", "--", "bash", "-c", around, "bench", script)
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	var kib int64
	var printed int
	if _, err := fmt.Sscanf(out, "%d %d", &kib, &printed); err != nil || printed != count || kib == 0 {
		return 0, 0, fmt.Errorf("sql-client.sh: %q instead of its memory and %d rows", out, count)
	}
	return took, kib, nil
}

// lines checks that a CSV file has count rows below its heading.
func lines(name string, count int) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	scanner, seen := bufio.NewScanner(file), 0
	for scanner.Scan() {
		seen++
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	if seen != count+1 {
		return fmt.Errorf("%d lines were written instead of %d rows and a heading", seen, count)
	}
	return nil
}

// firstRow compares the time until the first row of a query without an end is
// printed with the time until the gateway itself has it.
func (b *bench) firstRow(ctx context.Context, pod string) error {
	address, end, err := b.forward(ctx, pod)
	if err != nil {
		return err
	}
	defer end()
	table := generated("u", "'rows-per-second' = '1000'")
	var ours, theirs []time.Duration
	for range b.rounds {
		took, err := b.untilPrinted(ctx, pod, settings+table+";\nSELECT * FROM u;\n")
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if took, err = untilAnswered(ctx, address, table, "SELECT * FROM u", 1); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	fmt.Printf("SQL (first row of a query without an end, median of %d rounds, in turn)\n", b.rounds)
	fmt.Printf("  %-34s %10.2f s\n  %-34s %10.2f s\n  %-34s %12.2f\n", "kubectl flink sql -o csv", median(ours).Seconds(),
		"the gateway, asked directly", median(theirs).Seconds(), "ratio", median(ours).Seconds()/median(theirs).Seconds())
	return nil
}

// forward runs kubectl port-forward to a gateway's pod, and returns the URL that
// it is at; end ends it.
func (b *bench) forward(ctx context.Context, pod string) (address string, end func(), err error) {
	forward := b.command(ctx, "port-forward", "pod/"+pod, ":8083")
	out, err := forward.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := forward.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		_ = forward.Process.Kill()
		_ = forward.Wait()
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return "", nil, fmt.Errorf("kubectl port-forward: %w", err)
	}
	address, _, _ = strings.Cut(strings.TrimPrefix(said, "Forwarding from "), " ")
	return "http://" + address, end, nil
}

// untilPrinted runs the plugin until it prints a row below the heading.
func (b *bench) untilPrinted(ctx context.Context, pod, script string) (time.Duration, error) {
	command := b.command(ctx, "flink", "sql", "session-example", "--gateway", "pod/"+pod, "-q", "-o", "csv", "-e", script)
	out, err := command.StdoutPipe()
	if err != nil {
		return 0, err
	}
	var said bytes.Buffer
	command.Stderr = &said
	began := time.Now()
	if err := command.Start(); err != nil {
		return 0, err
	}
	reader := bufio.NewReader(out)
	_, err = reader.ReadString('\n')
	if err == nil {
		_, err = reader.ReadString('\n')
	}
	took := time.Since(began)
	// It cancels the query, so that the next one has the slots.
	_ = command.Process.Signal(os.Interrupt)
	_, _ = io.Copy(io.Discard, reader)
	_ = command.Wait()
	if err != nil {
		return 0, fmt.Errorf("no row was printed: %w\n%s", err, said.String())
	}
	return took, nil
}

// untilAnswered is how long the gateway needs for count rows of a query, over its
// REST API and without a pause between questions.
func untilAnswered(ctx context.Context, gateway, table, query string, count int) (time.Duration, error) {
	began := time.Now()
	var session struct {
		SessionHandle string `json:"sessionHandle"`
	}
	if err := ask(ctx, http.MethodPost, gateway+"/v2/sessions", map[string]any{}, &session); err != nil {
		return 0, err
	}
	of := gateway + "/v2/sessions/" + session.SessionHandle
	defer func() { _ = ask(context.WithoutCancel(ctx), http.MethodDelete, of, nil, nil) }()
	for _, statement := range []string{strings.TrimSuffix(settings, ";\n"), table, query} {
		var operation struct {
			OperationHandle string `json:"operationHandle"`
		}
		if err := ask(ctx, http.MethodPost, of+"/statements", map[string]any{"statement": statement}, &operation); err != nil {
			return 0, err
		}
		running := of + "/operations/" + operation.OperationHandle
		next, seen := "/result/0?rowFormat=JSON", 0
		for {
			var page struct {
				ResultType string `json:"resultType"`
				Next       string `json:"nextResultUri"`
				Results    struct {
					Data []json.RawMessage `json:"data"`
				} `json:"results"`
			}
			if err := ask(ctx, http.MethodGet, running+next, nil, &page); err != nil {
				return 0, err
			}
			seen += len(page.Results.Data)
			if statement == query && seen >= count {
				took := time.Since(began)
				// Which ends the query.
				return took, ask(ctx, http.MethodDelete, running+"/close", nil, nil)
			}
			if page.ResultType == "EOS" {
				break
			}
			if at := strings.LastIndex(page.Next, "/result/"); at >= 0 {
				next = page.Next[at:]
			}
		}
	}
	return 0, errors.New("the query ended with too few rows")
}

func ask(ctx context.Context, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %.300s", method, url, response.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
