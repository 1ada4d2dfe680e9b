package view

import (
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Description is all that is shown of one resource.
type Description struct {
	Ref    cmf.Ref
	Object cmf.Object
	// Events are the newest first, nil where the kind has none; EventsError
	// says why they couldn't be had.
	Events      []cmf.Object
	EventsError error
	// Exceptions are those of a statement, the newest first.
	Exceptions []Exception
	ManagedBy  string
	Now        time.Time
	Palette    term.Palette
}

// maxEvents bounds the events in a description.
const maxEvents = 10

// noise are fields of a status that are long and say nothing to people.
var noise = []string{"status.reconciliationStatus.lastReconciledSpec", "status.reconciliationStatus.lastStableSpec"}

// Describe writes d as text. Secrets must be redacted already, in events too.
func Describe(w io.Writer, d Description) error {
	var out strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%-14s%s\n", name+":", term.SafeLine(value))
		}
	}
	kind, o := d.Ref.Kind, d.Object
	line("Name", d.Ref.Name)
	line("Kind", kind.Kind)
	line("Environment", d.Ref.Scope.Environment)
	line("Catalog", d.Ref.Scope.Catalog)
	line("Application", d.Ref.Scope.Application)
	line("Statement", d.Ref.Scope.Statement)
	if state, verdict, why := kind.State(o); state != "" || verdict == cmf.Failed {
		fmt.Fprintf(&out, "%-14s%s\n", "State:", d.Palette.Paint(color(kind, state), term.SafeLine(state)))
		line("Cause", why)
	}
	if kind.Mode != "" {
		traits(line, o)
	}
	if age := Age(o.Text("metadata.creationTimestamp|created_time"), d.Now); age != "" {
		line("Created", o.Text("metadata.creationTimestamp|created_time")+" ("+age+" ago)")
	}
	line("Updated", o.Text("metadata.updateTimestamp|updated_time"))
	line("UID", o.Text("metadata.uid"))
	line("Managed by", d.ManagedBy)
	section(&out, "Labels", o.Strings("metadata.labels"))
	section(&out, "Annotations", o.Strings("metadata.annotations"))
	rest := o.Copy()
	for _, path := range noise {
		rest.Remove(path)
	}
	for _, field := range []string{"apiVersion", "kind", "metadata", "name", "created_time", "updated_time"} {
		delete(rest, field)
	}
	for _, field := range sorted(rest) {
		if err := block(&out, field, rest[field]); err != nil {
			return err
		}
	}
	for i, e := range d.Exceptions {
		if i == 0 {
			out.WriteString("Exceptions (newest first):\n")
		}
		fmt.Fprintf(&out, "  %-6s %s\n", Age(e.Time, d.Now), term.SafeLine(cmf.Bounded(e.RootCause)))
	}
	events(&out, d)
	_, err := io.WriteString(w, out.String())
	return err
}

// traits say what CMF made of a statement, and why.
func traits(line func(name, value string), o cmf.Object) {
	switch asked, chosen := o.Text("spec.upgradeMode"), o.Text("status.traits.upgradeMode"); {
	case chosen == "" && asked != "":
		line("Upgrade mode", asked+" (as the spec asks)")
	case asked == chosen && chosen != "":
		line("Upgrade mode", chosen+" (as the spec asks)")
	case asked != "":
		line("Upgrade mode", chosen+" (the spec asks for "+asked+")")
	case chosen == api.UpgradeStateless:
		line("Upgrade mode", "stateless: its state is lost over a stop (CMF's choice, since the pool hasn't both a checkpoint and a savepoint directory)")
	case chosen != "":
		line("Upgrade mode", chosen+" (CMF's choice, since the pool has a checkpoint and a savepoint directory)")
	}
	yes := map[string]string{"true": "yes", "false": "no"}
	line("Bounded", yes[o.Text("status.traits.isBounded")])
	line("Append only", yes[o.Text("status.traits.isAppendOnly")])
	line("Upsert by", strings.Join(upsertColumns(o), ", "))
}

// upsertColumns are the names of the columns by which a result is updated.
func upsertColumns(o cmf.Object) []string {
	places, _ := o.At("status.traits.upsertColumns")
	columns, _ := o.At("status.traits.schema.columns")
	list, _ := places.([]any)
	of, _ := columns.([]any)
	var out []string
	for _, place := range list {
		name := fmt.Sprint(place)
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(of) {
			if column, ok := of[i].(map[string]any); ok {
				name = cmf.Object(column).Text("name")
			}
		}
		out = append(out, name)
	}
	return out
}

func section(out *strings.Builder, name string, set map[string]string) {
	if len(set) == 0 {
		return
	}
	fmt.Fprintf(out, "%s:\n", name)
	var keys []string
	for key := range set {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		fmt.Fprintf(out, "  %s=%s\n", term.SafeLine(key), term.SafeLine(set[key]))
	}
}

// sorted are the fields of o; the status comes last.
func sorted(o cmf.Object) []string {
	var out []string
	for field := range o {
		if field != "status" {
			out = append(out, field)
		}
	}
	sort.Strings(out)
	if _, ok := o["status"]; ok {
		out = append(out, "status")
	}
	return out
}

func block(out *strings.Builder, field string, value any) error {
	switch v := value.(type) {
	case nil:
		return nil
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
	case []any:
	default:
		fmt.Fprintf(out, "%s: %s\n", title(field), term.SafeLine(fmt.Sprint(v)))
		return nil
	}
	text, err := printer.EncodeYAML(value)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s:\n", title(field))
	for line := range strings.Lines(term.Safe(string(text))) {
		out.WriteString("  " + line)
	}
	return nil
}

func title(field string) string {
	field = term.SafeLine(field)
	if field == "" {
		return field
	}
	return strings.ToUpper(field[:1]) + field[1:]
}

func events(out *strings.Builder, d Description) {
	switch {
	case d.EventsError != nil:
		fmt.Fprintf(out, "Events: %s\n", secret.Text(term.SafeLine(d.EventsError.Error())))
	case len(d.Events) > 0:
		out.WriteString("Events (newest first):\n")
		for i, e := range d.Events {
			if i == maxEvents {
				fmt.Fprintf(out, "  … and %d more: kubectl cmf event list --application %s\n", len(d.Events)-maxEvents, d.Ref.Name)
				break
			}
			fmt.Fprintf(out, "  %-6s %-16s %s\n", Age(e.Text("metadata.updateTimestamp|metadata.creationTimestamp"), d.Now),
				term.SafeLine(e.Text("status.type")), term.SafeLine(cmf.Bounded(EventMessage(e))))
		}
	}
}
