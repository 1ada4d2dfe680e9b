package view

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// Inspected is a savepoint or checkpoint that was looked into.
type Inspected struct {
	storage.Inspection
	// Job is the job that sees it; zero where none was asked.
	Job api.Ref
	// Snapshot is the name of its FlinkStateSnapshot; "" where none is known.
	Snapshot string
	// Names are the operators' names in the running job, by ID.
	Names map[string]string
	// Problems are why the job as it is now couldn't be restored from it.
	Problems []string
}

// InspectPage is what `kubectl flink snapshot inspect` shows.
type InspectPage struct {
	Inspected
	// Before is what it is compared with; nil for no comparison.
	Before *Inspected
	// Files lists the files, too.
	Files   bool
	Palette term.Palette
	Now     time.Time
	// Width is the terminal's; 0 prints all.
	Width int
}

// inspectObject is what -o json prints.
type inspectObject struct {
	Kind     string `json:"kind"`
	Snapshot string `json:"snapshot,omitempty"`
	Job      string `json:"job,omitempty"`
	Taken    string `json:"taken,omitempty"`
	Sort     string `json:"sort"`
	// Incremental says that it needs files that other checkpoints need too.
	Incremental bool `json:"incremental"`
	storage.Inspection
	Names    map[string]string  `json:"runningNames,omitempty"`
	Problems []string           `json:"problems"`
	Files    []storage.File     `json:"files,omitempty"`
	Before   *inspectObject     `json:"before,omitempty"`
	Changes  []statefile.Change `json:"changes,omitempty"`
	// FileChanges are nil without a comparison, and where there are too many.
	FileChanges *storage.FileChanges `json:"fileChanges,omitempty"`
}

func (i Inspected) object(files bool) *inspectObject {
	out := &inspectObject{
		Kind: "SnapshotInspection", Snapshot: i.Snapshot, Sort: i.Sort(), Incremental: i.incremental(),
		Inspection: i.Inspection, Names: i.Names, Problems: i.problems(),
	}
	if out.Problems == nil {
		out.Problems = []string{}
	}
	if !i.Job.IsZero() {
		out.Job = i.Job.String()
	}
	if !i.Taken.IsZero() {
		out.Taken = i.Taken.UTC().Format(time.RFC3339)
	}
	if files {
		out.Files = i.Inspection.Files
	}
	return out
}

func (i Inspected) incremental() bool { return i.Shared.Files > 0 }

// RestoreFails reports whether a restore is known to fail.
func (i Inspected) RestoreFails() bool { return len(i.problems()) > 0 }

// problems are all reasons why a restore would fail.
func (i Inspected) problems() []string {
	out := slices.Clone(i.Problems)
	if n := len(i.Missing); n > 0 {
		first := i.Missing[0]
		word := "isn't there"
		if first.State == storage.Shorter {
			word = "is shorter than it was"
		}
		text := fmt.Sprintf("the file %s %s", first.Path, word)
		if n > 1 {
			text = fmt.Sprintf("%d files aren't there or aren't whole, as %s", n, first.Path)
		}
		out = append(out, text)
	}
	return out
}

// Failures are why a restore is known to fail.
func (i Inspected) Failures() []string { return i.problems() }

// Result is the page in every format.
func (p InspectPage) Result() printer.Result {
	object := p.object(p.Files)
	if p.Before != nil {
		object.Before = p.Before.object(p.Files)
		object.Changes = statefile.Compare(p.Before.Summary, p.Summary)
		object.FileChanges = storage.CompareFiles(p.Before.Inspection, p.Inspection)
	}
	return printer.Result{Object: object, Text: func(w io.Writer) error {
		var out strings.Builder
		var err error
		if p.Before == nil {
			err = p.page(&out)
		} else {
			err = p.difference(&out, object.Changes, object.FileChanges)
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, out.String())
		return err
	}}
}

func (p InspectPage) page(out *strings.Builder) error {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 14), term.SafeLine(fmt.Sprintf(format, args...)))
	}
	title := "standard input"
	switch {
	case p.Snapshot != "":
		title = api.StateSnap.Singular + "/" + p.Snapshot
	case p.Dir != "":
		title = storage.Base(p.Dir)
	}
	fmt.Fprintf(out, "%s  %s\n", p.Palette.Paint(term.Bold, term.SafeLine(title)), p.sort())
	if p.Dir != "" {
		line("Path", "%s", p.Dir)
		line("Read", "%s", p.Where)
	}
	if !p.Job.IsZero() {
		line("Job", "%s", p.Job)
	}
	if !p.Taken.IsZero() {
		line("Taken", "%s (%s ago)", p.Taken.UTC().Format(time.RFC3339), age(p.Taken, p.Now))
	}
	line("Checkpoint", "%d", p.CheckpointID)
	line("Format", "version %d, which Flink %s writes", p.Version, statefile.WrittenBy(p.Version))
	line("Size", "%s", p.size())
	line("Files", "%s", p.files())
	switch {
	case p.Relocatable:
		line("Movable", "yes: it needs no file outside its directory")
	case p.incremental():
		line("Movable", "no: it needs files outside its directory, which it shares with other checkpoints")
	default:
		line("Movable", "no: it names files by their full paths")
	}
	if most := p.LowestMax(); most > 0 {
		line("Rescalable", "up to parallelism %d, the lowest max parallelism in it", most)
	}
	if pr := p.Properties; pr != nil && !pr.Savepoint {
		switch {
		case pr.DiscardCanceled:
			line("Lifetime", "Flink deletes it when it has newer ones, and when the job is canceled")
		case pr.DiscardSubsumed:
			line("Lifetime", "Flink deletes it when it has newer ones")
		}
	}
	for _, m := range p.MasterStates {
		line("Hook", "%s, version %d, %s", m.Name, m.Version, Bytes(m.Size))
	}
	problems := p.problems()
	for _, problem := range problems {
		fmt.Fprintf(out, "%s\n", p.Palette.Paint(term.Red, term.SafeLine("A restore would fail: "+problem)))
	}
	if len(problems) == 0 && p.Unchecked == "" {
		line("Restore", "nothing that is checked here is in its way")
	}
	out.WriteByte('\n')
	if err := p.operators(out); err != nil {
		return err
	}
	if p.Files {
		out.WriteByte('\n')
		return p.list(out)
	}
	return nil
}

func (p InspectPage) sort() string {
	text := p.Sort()
	if pr := p.Properties; pr != nil && pr.Name != "" && pr.Name != "Savepoint" && pr.Name != "Checkpoint" {
		text += ", taken as " + pr.Name
	}
	if p.incremental() {
		text += ", incremental"
	}
	if p.Has(statefile.Changelog) {
		text += ", with a changelog"
	}
	if p.Has(statefile.Channel) || p.Has(statefile.MergedChannel) {
		text += ", unaligned"
	}
	return term.SafeLine(text)
}

func (i Inspected) size() string {
	text := Bytes(i.Size)
	switch {
	case i.Inline == i.Size && i.Size > 0:
		text += ", all of it in the _metadata"
	case i.Inline > 0:
		text += ", of that " + Bytes(i.Inline) + " in the _metadata"
	}
	return text + fmt.Sprintf(" (which has %s)", Bytes(i.Bytes))
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func (i Inspected) files() string {
	own, shared := i.Own, i.Shared
	text := "none"
	if own.Files+shared.Files > 0 {
		text = fmt.Sprintf("%s of its own, %s", plural(own.Files, "file"), Bytes(own.Size))
	}
	if shared.Files > 0 {
		text += fmt.Sprintf("; %d shared, %s", shared.Files, Bytes(shared.Size))
	}
	switch {
	case own.Files+shared.Files == 0:
	case i.Checked > 0 && len(i.Missing) == 0 && i.Unchecked == "":
		text += "; all are there"
	case i.Checked > 0:
		text += fmt.Sprintf("; %d of %d looked for are there", i.Checked-len(i.Missing), i.Checked)
	}
	if i.Unchecked != "" && own.Files+shared.Files > 0 {
		text += "; not looked for: " + i.Unchecked
	}
	if i.Unnamed > 0 {
		text += fmt.Sprintf("; %s beside it that it doesn't name", plural(i.Unnamed, "file"))
	}
	return text
}

// called is the operator's name in a line of a table.
func (i Inspected) called(id, name, uid string) string {
	if name == "" {
		name = i.Names[id]
	}
	switch {
	case name != "" && uid != "":
		return name + "  uid=" + uid
	case uid != "":
		return "uid=" + uid
	case name != "":
		return name
	}
	return id
}

func (p InspectPage) operators(out *strings.Builder) error {
	table := printer.Table{Width: p.Width, Palette: p.Palette, Columns: []printer.Column{
		{Name: "OPERATOR"}, {Name: "SIZE"}, {Name: "SHARE"}, {Name: "PARALLELISM", Short: "PAR"}, {Name: "MAX"}, {Name: "STATE", Give: 1},
	}}
	sorted := slices.Clone(p.Operators)
	sorting.By(sorted, func(a, b statefile.OperatorSummary) int {
		switch {
		case a.Size > b.Size:
			return -1
		case a.Size < b.Size:
			return 1
		}
		return 0
	})
	for _, o := range sorted {
		name := p.called(o.ID, o.Name, o.UID)
		if p.Width > 0 {
			name = term.Cut(term.SafeLine(name), max(20, p.Width-48))
		}
		cell := printer.C(name)
		if !o.HasState() {
			cell.Color = term.Dim
		}
		table.Rows = append(table.Rows, []printer.Cell{
			cell, printer.C(Bytes(o.Size)), printer.C(bar(o.Size, p.Size)),
			printer.C(fmt.Sprint(o.Parallelism)), printer.C(fmt.Sprint(o.MaxParallelism)), printer.C(stateWords(o)),
		})
	}
	if len(table.Rows) == 0 {
		out.WriteString("It has no operators.\n")
		return nil
	}
	return table.Print(out, false, false)
}

const barWidth = 10

// bar shows a share of the whole in characters that every terminal and every
// log has.
func bar(part, whole int64) string {
	if whole <= 0 || part <= 0 {
		return "-"
	}
	share := float64(part) / float64(whole)
	full := int(math.Round(share * barWidth))
	return fmt.Sprintf("%s%s %3.0f%%", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), share*100)
}

// stateWords are the kinds of an operator's state with their sizes.
func stateWords(o statefile.OperatorSummary) string {
	var words []string
	for _, kind := range statefile.Kinds {
		if amount, ok := o.Kinds[kind]; ok {
			words = append(words, string(kind)+" "+Bytes(amount.Size))
		}
	}
	switch {
	case o.FullyFinished:
		words = append(words, "finished")
	case o.Finished > 0:
		words = append(words, fmt.Sprintf("%d of %d subtasks finished", o.Finished, o.Parallelism))
	}
	if len(o.States) > 0 {
		names := make([]string, len(o.States))
		for i, s := range o.States {
			names[i] = s.Name
		}
		words = append(words, "("+strings.Join(names, ", ")+")")
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func (p InspectPage) list(out *strings.Builder) error {
	if p.Inspection.Files == nil {
		fmt.Fprintf(out, "Its files aren't listed: %s.\n", term.SafeLine(p.Unchecked))
		return nil
	}
	table := printer.Table{Palette: p.Palette, Columns: []printer.Column{{Name: "FILE"}, {Name: "SIZE"}, {Name: "OF"}, {Name: "KIND"}, {Name: "STATE"}}}
	names := map[string]statefile.OperatorSummary{}
	for _, o := range p.Operators {
		names[o.ID] = o
	}
	for _, f := range p.Inspection.Files {
		of := names[f.Operator]
		kind := string(f.Kind)
		if f.Shared {
			kind += ", shared"
		}
		state := printer.C(or(f.State, "not looked for"))
		if f.State == storage.Missing || f.State == storage.Shorter {
			state.Color = term.Red
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(f.Path), printer.C(Bytes(f.Size)), printer.C(p.called(f.Operator, of.Name, of.UID)), printer.C(kind), state,
		})
	}
	if len(table.Rows) == 0 {
		out.WriteString("It names no files.\n")
		return nil
	}
	return table.Print(out, false, false)
}
