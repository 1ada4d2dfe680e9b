package view

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// page is a result whose text is lines of a name and a value.
func page(o cmf.Object, lines func(line func(name, value string))) printer.Result {
	return printer.Result{Object: map[string]any(o), Text: func(w io.Writer) error {
		var out strings.Builder
		lines(func(name, value string) {
			if value != "" {
				fmt.Fprintf(&out, "%-22s%s\n", term.SafeLine(name)+":", term.SafeLine(value))
			}
		})
		_, err := io.WriteString(w, out.String())
		return err
	}}
}

// License shows CMF's license.
func License(o cmf.Object, options TableOptions) printer.Result {
	return page(o, func(line func(name, value string)) {
		line("Status", o.Text("status.status"))
		line("Type", o.Text("status.licenseType"))
		if t, ok := Expiration(o); ok {
			left := "expired " + Age(t.UTC().Format(time.RFC3339), options.Now) + " ago"
			if t.After(options.Now) {
				left = "in " + Age(options.Now.Add(options.Now.Sub(t)).UTC().Format(time.RFC3339), options.Now)
			}
			line("Expires", t.UTC().Format(time.RFC3339)+" ("+left+")")
		}
	})
}

// Expiration is when a license ends; false where it doesn't say.
func Expiration(o cmf.Object) (time.Time, bool) {
	value, _ := o.At("status.expiration")
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	ms, err := number.Int64()
	return time.UnixMilli(ms), err == nil && ms > 0
}

// Resources shows how much there is: counts by name, those by state in one
// line.
func Resources(o cmf.Object, _ TableOptions) printer.Result {
	return page(o, func(line func(name, value string)) {
		resources := o.Map("status.resources")
		for _, name := range slices.Sorted(maps.Keys(resources)) {
			switch v := resources[name].(type) {
			case map[string]any:
				var parts []string
				for _, state := range slices.Sorted(maps.Keys(v)) {
					if _, isMap := v[state].(map[string]any); !isMap && v[state] != nil {
						parts = append(parts, fmt.Sprintf("%v %s", v[state], state))
					}
				}
				line(name, strings.Join(parts, ", "))
			case nil:
			default:
				line(name, fmt.Sprint(v))
			}
		}
		line("CPU", o.Text("status.resourceSummary.cpu"))
		if memory := o.Text("status.resourceSummary.memory"); memory != "" {
			line("Memory", size(memory))
		}
	})
}

// Configuration shows CMF's configuration, without what it calls sensitive.
func Configuration(o cmf.Object, options TableOptions) printer.Result {
	o = o.Copy()
	t := &printer.Table{Palette: options.Palette, Columns: []printer.Column{{Name: "KEY"}, {Name: "VALUE"}, {Name: "ORIGIN"}, {Name: "TYPE"}}}
	list, _ := o.At("status.configurationProperties")
	items, _ := list.([]any)
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			continue
		}
		property := cmf.Object(fields)
		// A property's name tells a secret, which the field's, value, doesn't.
		shown := cmf.Redact(nil, cmf.Object{property.Text("key"): fields["value"]})
		if fields["value"] != nil {
			fields["value"] = shown[property.Text("key")]
			if property.Text("sensitive") == "true" {
				fields["value"] = cmf.Redacted
			}
		}
		t.Rows = append(t.Rows, []printer.Cell{
			printer.C(property.Text("key")), printer.C(property.Text("value")), printer.C(property.Text("origin")), printer.C(property.Text("originType")),
		})
	}
	return printer.Result{Object: map[string]any(o), Table: t}
}

// AuthConfig shows which logins CMF takes.
func AuthConfig(o cmf.Object, _ TableOptions) printer.Result {
	yes := map[string]string{"true": "yes", "false": "no"}
	return page(o, func(line func(name, value string)) {
		line("Authentication", yes[o.Text("authnEnabled")])
		line("Authorization", yes[o.Text("authzEnabled")])
		line("Single sign-on", yes[o.Text("ssoEnabled")])
		line("User and password", yes[o.Text("basicAuthEnabled")])
		if seconds := o.Text("tokenMaxLifeSeconds"); seconds != "" {
			line("Tokens live", seconds+" s at most")
		}
	})
}

// ServiceAccounts shows the service accounts that jobs may run with.
func ServiceAccounts(o cmf.Object, options TableOptions) printer.Result {
	t := &printer.Table{Palette: options.Palette, Columns: []printer.Column{{Name: "NAME"}, {Name: "SOURCE"}, {Name: "AGE"}}}
	items, _ := o["items"].([]any)
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok {
			entry := cmf.Object(fields)
			t.Rows = append(t.Rows, []printer.Cell{printer.C(entry.Name()), printer.C(entry.Text("status.source")), printer.C(Age(entry.Text("metadata.creationTimestamp"), options.Now))})
		}
	}
	return printer.Result{Object: map[string]any(o), Table: t}
}
