package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// door is a command of Confluent's CLI for a CMF of one's own, behind
// `confluent flink`, with what does the same here.
type door struct {
	theirs string
	// ours is the command without the program's name; a path of it ends at the
	// first word that is an argument.
	ours string
	// flags are theirs with ours; a value that isn't a flag says what is instead.
	flags map[string]string
}

const asIs = ""

// everywhere are the flags that all of their commands have.
var everywhere = map[string]string{
	"--url": "--cmf-url", "--client-key-path": "--cmf-key", "--client-cert-path": "--cmf-cert", "--certificate-authority-path": "--cmf-ca",
	"--environment": "--environment", "--page-size": "not needed: all pages are read", "--force": "not needed: names are not asked about again; what loses state wants --lose-state",
}

// doors are all of them.
var doors = func() []door {
	file := func(kind, ours string, flags map[string]string) []door {
		var out []door
		for _, verb := range []string{"create", "update"} {
			out = append(out, door{kind + " " + verb, ours + " " + verb + " -f FILE", flags})
		}
		return out
	}
	named := func(kind, ours string, flags map[string]string, verbs ...string) []door {
		var out []door
		for _, verb := range verbs {
			call := ours + " " + verb
			if verb != "list" {
				call += " NAME"
			}
			out = append(out, door{kind + " " + verb, call, flags})
		}
		return out
	}
	defaults := map[string]string{"--defaults": asIs, "--statement-defaults": asIs, "--compute-pool-defaults": asIs}
	create := maps.Clone(defaults)
	create["--kubernetes-namespace"] = asIs
	of := map[string]string{"--application": asIs}
	either := map[string]string{"--application": asIs, "--statement": asIs}
	in := map[string]string{"--catalog": asIs}
	forced := map[string]string{"--application": asIs, "--statement": asIs, "--force": "--metadata-only"}
	return slices.Concat(
		[]door{{"environment create", "env create NAME", create}, {"environment update", "env update NAME", defaults}},
		named("environment", "env", nil, "list", "describe", "delete"),
		file("application", "app", nil), named("application", "app", nil, "list", "describe", "delete"),
		[]door{
			{"application instance list", "instance list", of},
			{"application instance describe", "instance describe NAME", of},
			{"application event list", "event list", of},
			{"application web-ui-forward", "ui app/NAME", map[string]string{"--port": asIs}},
		},
		file("catalog", "catalog", nil), named("catalog", "catalog", nil, "list", "describe", "delete"),
		file("catalog database", "database", in), named("catalog database", "database", in, "list", "describe", "delete"),
		[]door{{"compute-pool create", "pool create -f FILE", nil}}, named("compute-pool", "pool", nil, "list", "describe", "delete"),
		[]door{
			{"statement create", "statement create NAME", map[string]string{
				"--sql": asIs, "--compute-pool": "--pool", "--parallelism": asIs, "--catalog": asIs, "--database": asIs, "--flink-configuration": asIs, "--wait": asIs,
			}},
			{"statement list", "statement list", map[string]string{"--compute-pool": "--pool", "--status": asIs}},
		},
		named("statement", "statement", nil, "describe", "delete", "stop", "resume"),
		[]door{
			{"statement rescale", "statement rescale NAME", map[string]string{"--parallelism": asIs}},
			{"statement exception list", "statement exceptions NAME", nil},
			{"statement web-ui-forward", "ui statement/NAME", map[string]string{"--port": asIs}},
			{"savepoint create", "savepoint create NAME", map[string]string{"--application": asIs, "--statement": asIs, "--path": asIs, "--format": asIs, "--backoff-limit": asIs}},
		},
		named("savepoint", "savepoint", either, "list", "describe"), named("savepoint", "savepoint", forced, "delete"), named("savepoint", "savepoint", of, "detach"),
		[]door{
			{"detached-savepoint create", "detached-savepoint create NAME", map[string]string{"--path": asIs}},
			{"detached-savepoint list", "detached-savepoint list", map[string]string{"--filter": "--filter"}},
		},
		named("detached-savepoint", "detached-savepoint", nil, "describe", "delete"),
		file("secret", "secret", nil), named("secret", "secret", nil, "list", "describe", "delete"),
		file("secret-mapping", "secret-mapping", nil), named("secret-mapping", "secret-mapping", nil, "list", "describe", "delete"),
		[]door{
			{"system-info", "version", nil},
			{"shell", "sql", map[string]string{"--compute-pool": "--pool", "--catalog": asIs, "--database": asIs, "--flink-configuration": "--set, once for each key"}},
		},
	)
}()

// here is the flag of ours that theirs is.
func (d door) here(flag string) string {
	if ours := d.flags[flag]; ours != asIs {
		return ours
	}
	return flag
}

// confluentPage is the page that maps Confluent's commands to ours.
func confluentPage() []byte {
	var out bytes.Buffer
	out.WriteString("# From confluent flink to kubectl cmf\n\nEvery command of Confluent's CLI for a CMF of one's own (`confluent flink …`), and what does the same here.\n" +
		"The file name confluent-cmf on PATH makes `confluent cmf …` of it.\n\n| confluent flink | kubectl cmf | flags that are called otherwise |\n| --- | --- | --- |\n")
	for _, d := range doors {
		var other []string
		for _, flag := range slices.Sorted(maps.Keys(d.flags)) {
			if ours := d.here(flag); ours != flag {
				other = append(other, "`"+flag+"`: "+shownFlag(ours))
			}
		}
		fmt.Fprintf(&out, "| %s | `%s` | %s |\n", d.theirs, d.ours, strings.Join(other, "; "))
	}
	out.WriteString("\n| flags of all commands | here |\n| --- | --- |\n")
	for _, flag := range slices.Sorted(maps.Keys(everywhere)) {
		fmt.Fprintf(&out, "| `%s` | %s |\n", flag, shownFlag(everywhere[flag]))
	}
	return out.Bytes()
}

func shownFlag(text string) string {
	if strings.HasPrefix(text, "--") && !strings.Contains(text, " ") {
		return "`" + text + "`"
	}
	return text
}
