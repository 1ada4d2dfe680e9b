package logs

import (
	"strings"
	"testing"
)

// levelsOf are the levels of the records of a log, with how many lines each has.
func levelsOf(t *testing.T, config, text string) string {
	t.Helper()
	var out []string
	err := File(t.Context(), strings.NewReader(text), Record{}, Patterns(config), func(r Record) error {
		word := r.Level
		if word == "" {
			word = "-"
		}
		out = append(out, word+strings.Repeat("+", len(r.Lines)-1))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestLevelsOfManyLayouts(t *testing.T) {
	const logback = `2026-11-25 14:29:08.001 [main] INFO  o.a.flink.runtime.taskexecutor.TaskManagerRunner  - starting
2026-11-25 14:29:08.216 [Kafka 0.10 Fetcher for Source: Custom Source -> Flat Map -> Timestamps/Watermarks -> Process (6/60)] WARN  o.a.kafka.clients.ClientUtils  - Removing server broker-3 from bootstrap.servers as DNS resolution failed
2026-11-25 14:29:09.300 [Source: orders[1] -> Calc[2] -> Sink: ERROR out (6/60)#0] ERROR c.example.Sink  - batch lost
java.io.IOException: connection reset
	at com.example.Sink.flush(Sink.java:42)
Caused by: java.lang.IllegalStateException: WARN inner
	at com.example.Sink.flush(Sink.java:43)
2026-11-25 14:29:10.000 [Sink: ERROR topic (1/2)#0] INFO  o.a.flink.runtime.taskmanager.Task  - switched from DEPLOYING to RUNNING
`
	const unbracketed = `2026-11-25 14:29:08,001 main INFO  org.apache.flink.A - starting with ERROR handling
2026-11-25 14:29:08,216 Sink: ERROR topic -> WARN sink (1/2)#0 INFO  org.apache.flink.B - ok
2026-11-25 14:29:09,300 Source: Custom WARN  org.apache.flink.C - slow
2026-11-25 14:29:09,400 main ERROR org.apache.flink.D - lost
`
	for name, c := range map[string]struct{ config, log, want string }{
		"Flink's log4j":             {"", "2026-11-25 14:29:08,001 INFO  org.apache.flink.A [] - a\n2026-11-25 14:29:08,002 WARN  org.apache.flink.B [] - b ERROR\n", "INFO WARN"},
		"logback, long threads":     {"", logback, "INFO WARN ERROR++++ INFO"},
		"logback, its own pattern":  {`<encoder><pattern>%d{yyyy-MM-dd HH:mm:ss.SSS} [%thread] %-5level %logger{60} %X{sourceThread} - %msg%n</pattern></encoder>`, logback, "INFO WARN ERROR++++ INFO"},
		"threads without brackets":  {"", unbracketed, "INFO INFO WARN ERROR"},
		"the same, by its pattern":  {"appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %t %-5p %c - %m%n", unbracketed, "INFO INFO WARN ERROR"},
		"the level after the class": {"appender.console.layout.pattern=%d %c{1.} %t | %p | %m%n", "2026-11-25 14:29:08,001 o.a.f.A ERROR thread | INFO | m\n", "INFO"},
		"a short level":             {"<PatternLayout pattern=\"%d{HH:mm:ss} %.-1p [%t] %c - %m%n\"/>", "14:29:08 W [I am ERROR] a.B - m\n14:29:09 I [x] a.B - m\n", "WARN INFO"},
		"short levels, learned":     {"", "2026-11-25 14:29:08.001 I [main] a.B: m\n2026-11-25 14:29:08.001 W [ERROR] a.B: m\n2026-11-25 14:29:08.001 E [main] a.B: m\n", "INFO WARN ERROR"},
		"glog":                      {"", "I1125 14:29:08.216000 1 file.cc:10] m\nE1125 14:29:09.216000 1 file.cc:11] m\n", "INFO ERROR"},
		"levels in brackets":        {"", "2026-11-25 14:29:08,001 [ERROR] [main] a.B - m\n[2026/11/25 14:29:08] [ warn] [input:tail] m\n[2026-11-25T14:29:08] [main] [INFO ] a.B - m\n", "ERROR WARN INFO"},
		"WARNING and SEVERE":        {"", "2026-11-25 14:29:08 WARNING [a.B] m\n2026-11-25 14:29:08 SEVERE [a.B] m\n2026-11-25 14:29:08 FINE [a.B] m\n", "WARN ERROR DEBUG"},
		"Java's own":                {"", "Nov 25, 2026 2:29:08 PM a.B main\nSEVERE: m\njava.lang.IllegalStateException: x\n\tat a.B.c(D.java:1)\nNov 25, 2026 2:29:09 PM a.B main\nINFO: m\n", "ERROR+++ INFO+"},
		"the level first":           {"", "INFO  a.B - m\nWARN  a.B - m\njava.lang.Exception: x\n\tat a.B.c(D.java:1)\n[ERROR] a.B - m\n", "INFO WARN++ ERROR"},
		"Java's own, in German":     {"", "Nov. 25, 2026 2:29:08 PM a.B main\nSCHWERWIEGEND: m\nNov. 25, 2026 2:29:09 PM a.B main\nWARNUNG: m\nNov. 25, 2026 2:29:10 PM a.B main\nINFORMATION: m\n", "ERROR+ WARN+ INFO+"},
		"Java's own, in Chinese":    {"", "Nov 25, 2026 2:29:08 PM a.B main\n警告: m\n", "WARN+"},
		"a date in Chinese":         {"appender.console.layout.pattern=%d{yyyy年MM月dd日 HH:mm:ss} [%t] %p %c - %m%n", "2026年11月25日 14:29:08 [ERROR] INFO a.B - m\n2026年11月25日 14:29:08 [main] WARN a.B - m\n", "INFO WARN"},
		"fields between bars":       {"", "2026-11-25 14:29:08.001|Sink: ERROR topic|INFO|a.B|m\n2026-11-25 14:29:08.001|main|WARN|a.B|m\n", "INFO WARN"},
		"bars in the message":       {"", "2026-11-25 14:29:08,001 INFO  a.B - x | ERROR | y\n2026-11-25 14:29:08,001 WARN  a.B - z\n", "INFO WARN"},
		"times since the start":     {"", "[     0.002s]  INFO ThreadId(01) linkerd2_proxy: a\n[  9999.003s] ERROR ThreadId(01) x: b\n", "INFO ERROR"},
		"logfmt":                    {"", "time=2026-11-25T14:29:08Z level=warning msg=\"an ERROR of x\"\nts=1 caller=x level=info msg=y\n", "WARN INFO"},
		"colors":                    {"", "\x1b[33m2026-11-25 01:00:00,100\x1b[m \x1b[36mo.a.f.k.o.X\x1b[m \x1b[1;31m[ERROR][ns/name] text\x1b[m\n", "ERROR"},
		"ECS":                       {"", `{"@timestamp":"2026-11-25T14:29:08.216Z","ecs.version":"1.2.0","log.level":"WARN","message":"ERROR in text","process.thread.name":"Sink: ERROR","log.logger":"a.B"}` + "\n", "WARN"},
		"ECS, nested":               {"", `{"@timestamp":"2026-11-25T14:29:08.216Z","log":{"level":"error","logger":"a.B"},"message":"m"}` + "\n", "ERROR"},
		"GELF":                      {"", `{"version":"1.1","host":"h","short_message":"m","timestamp":1795571348.216,"level":3,"_logger":"a.B","_thread":"INFO"}` + "\n" + `{"version":"1.1","host":"h","short_message":"m","timestamp":1795571348.3,"level":6}` + "\n" + `{"version":"1.1","host":"h","short_message":"m","timestamp":1795571348.3,"level":4}` + "\n", "ERROR INFO WARN"},
		"Logstash":                  {"", `{"@version":1,"@timestamp":"2026-11-25T14:29:08.216Z","level":"ERROR","level_value":40000,"message":"m","stack_trace":"java.lang.X"}` + "\n", "ERROR"},
		"only a number":             {"", `{"@timestamp":"2026-11-25T14:29:08.216Z","level_value":30000,"message":"m"}` + "\n", "WARN"},
		"a cloud's":                 {"", `{"severity":"WARNING","time":"2026-11-25T14:29:08Z","message":"m"}` + "\n" + `{"@level":"debug","@timestamp":"2026-11-25T14:29:08Z","@message":"m"}` + "\n", "WARN DEBUG"},
		"JSON over several lines":   {"", "{\n  \"level\" : \"WARN\",\n  \"thread\" : \"ERROR\",\n  \"message\" : \"m\"\n}\n{\n  \"level\" : \"INFO\"\n}\n", "WARN++++ INFO++"},
		"JSON without a level":      {"", `{"time":"2026-11-25T14:29:08Z","message":"ERROR"}` + "\n", "-"},
		"standard output":           {"", "order 1 shipped\norder 2 ERROR\n", "- -"},
		"times, but no levels":      {"", strings.Repeat("2026-11-25 14:29:08 order shipped\n", 30) + "2026-11-25 14:29:08 the ERROR topic\n", strings.TrimSpace(strings.Repeat("- ", 31))},
	} {
		if got := levelsOf(t, c.config, c.log); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPatternsOfConfigurations(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   int
	}{
		"log4j 2, properties": {"appender.console.type = CONSOLE\nappender.console.layout.type = PatternLayout\nappender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n\nappender.rolling.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n\n", 1},
		"log4j 1":             {"log4j.appender.console.layout.ConversionPattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n\n", 1},
		"a property":          {"property.p = %d %-5p %c - %m%n\nappender.console.layout.pattern = ${p}\n", 1},
		"log4j 2, XML":        {`<Properties><Property name="p">%d %highlight{%-5level}{ERROR=red} [%t] %c - %m%n</Property></Properties><PatternLayout pattern="${p}"/>`, 1},
		"log4j 2, YAML":       {"Appenders:\n  Console:\n    PatternLayout:\n      pattern: \"%d [%t] %-5level %logger{36} - %msg%n\"\n", 1},
		"logback":             {"<configuration><appender><encoder><pattern>%d{HH:mm:ss.SSS} [%thread] %highlight(%-5level) %cyan(%logger{15}) - %msg %n</pattern></encoder></appender></configuration>", 1},
		"no level":            {"appender.console.layout.pattern = %d %m%n\n", 0},
		"JSON":                {"appender.console.layout.type = JsonTemplateLayout\nappender.console.layout.eventTemplateUri = classpath:EcsLayout.json\n", 0},
		"nonsense":            {"appender.console.layout.pattern = %d{ %highlight{ %p (\n", 1},
	} {
		if got := Patterns(c.config); len(got) != c.want {
			t.Errorf("%s: %d %v", name, len(got), got)
		}
	}
	// Each of them reads its own lines.
	p := Patterns("<pattern>%d{HH:mm:ss.SSS} [%thread] %highlight(%-5level) %cyan(%logger{15}) - %msg %n</pattern>")
	if level, ok := p[0].read("14:29:08.216 [Sink: ERROR x] WARN  a.B - m"); !ok || level != "WARN" {
		t.Error(level, ok)
	}
}
