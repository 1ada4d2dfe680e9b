package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// meta is one command to the shell.
type meta struct {
	// names without the backslash; argument as help shows it.
	names    []string
	argument string
	does     string
	// prompt says that it works at the prompt only.
	prompt bool
	run    func(ctx context.Context, s *shell, argument string) error
}

var metas []meta

func init() {
	metas = []meta{
		{names: []string{"?", "h", "help"}, does: "this help", run: func(ctx context.Context, s *shell, _ string) error { return s.help(ctx) }},
		{names: []string{"q", "quit"}, does: "leave (also QUIT, EXIT, Ctrl-D)", run: func(context.Context, *shell, string) error { return errLeave }},
		{names: []string{"d"}, argument: "[NAME]", does: "tables and views, or columns, keys and options of one", run: describe},
		lists("tables and views whose names match, such as ord*", "SHOW TABLES", "dt"),
		lists("views", "SHOW VIEWS", "dv"),
		lists("databases", "SHOW DATABASES", "l", "dn"),
		lists("catalogs", "SHOW CATALOGS", "dc"),
		lists("functions of the user", "SHOW USER FUNCTIONS", "df"),
		lists("functions, with those of the system", "SHOW FUNCTIONS", "dfS"),
		lists("modules", "SHOW MODULES", "dm"),
		{names: []string{"c"}, argument: "DATABASE", does: "use a database, also CATALOG.DATABASE", run: func(ctx context.Context, s *shell, name string) error {
			if name == "" {
				return errors.New(`\c needs a database, as in \c my_catalog.my_database`)
			}
			return s.execute(ctx, "USE "+name)
		}},
		{names: []string{"jobs"}, does: "jobs of this session (SHOW JOBS; lists all)", run: func(ctx context.Context, s *shell, _ string) error { return s.jobs(ctx) }},
		{names: []string{"cancel"}, argument: "JOB", does: "cancel a job", run: func(ctx context.Context, s *shell, id string) error {
			if id == "" {
				return errors.New(`\cancel needs a job id; \jobs lists them`)
			}
			if err := s.backend.CancelJob(ctx, id); err != nil {
				return err
			}
			s.note("Job %s is being canceled", term.SafeLine(id))
			return nil
		}},
		{names: []string{"e", "edit"}, argument: "[FILE]", does: "edit the last statement or FILE, and run it", prompt: true, run: func(ctx context.Context, s *shell, a string) error { return s.edit(ctx, fileName(a)) }},
		{names: []string{"i", "include"}, argument: "FILE", does: "run the statements of FILE", run: func(ctx context.Context, s *shell, a string) error { return s.include(ctx, fileName(a)) }},
		{names: []string{"g"}, argument: "[FORMAT [FILE]]", does: "the last result again, such as \\g json or \\g csv out.csv", run: again},
		{names: []string{"watch"}, argument: "[SECONDS]", does: "the last query again and again, until Ctrl-C", prompt: true, run: watchAgain},
		{names: []string{"x"}, argument: "[on|off|auto]", does: "a line for each field; auto: where rows are too wide", run: func(_ context.Context, s *shell, a string) error { return s.expandBy(a) }},
		{names: []string{"pager"}, argument: "[on|off]", does: "show what is taller than the terminal in $PAGER or less", run: func(_ context.Context, s *shell, a string) error {
			return s.toggle("Pager", &s.pager, a)
		}},
		{names: []string{"pset"}, argument: "NAME [VALUE]", does: "pager, format or expanded, as in psql", run: setVariable},
		{names: []string{"whole"}, argument: "[on|off]", does: "don't cut columns to the width of the terminal", run: func(_ context.Context, s *shell, a string) error {
			return s.toggle("Whole columns", &s.whole, a)
		}},
		{names: []string{"timing"}, argument: "[on|off]", does: "how long each statement took", run: func(_ context.Context, s *shell, a string) error {
			return s.toggle("Timing", &s.timing, a)
		}},
		{names: []string{"format"}, argument: "[FORMAT]", does: "how results are printed, such as csv or tableau", run: setFormat},
		{names: []string{"export", "o"}, argument: "[FILE]", does: "write results to FILE.csv (or .tsv .json .ndjson .md .txt)", run: func(_ context.Context, s *shell, a string) error { return s.export(fileName(a)) }},
		{names: []string{"set"}, argument: "[KEY VALUE]", does: "set an option of the session, or list them", run: func(ctx context.Context, s *shell, a string) error {
			key, value := a, ""
			if end := strings.IndexAny(a, " \t="); end >= 0 {
				// Another = is the value's.
				key, value = a[:end], strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(a[end:]), "="))
			}
			if key == "" {
				return s.execute(ctx, "SET")
			}
			return s.execute(ctx, fmt.Sprintf("SET %s = %s", literal(key), literal(value)))
		}},
		{names: []string{"unset"}, argument: "KEY", does: "reset an option of the session", run: func(ctx context.Context, s *shell, key string) error {
			if key == "" {
				return errors.New(`\unset needs a key; RESET; resets all`)
			}
			return s.execute(ctx, "RESET "+literal(key))
		}},
		{names: []string{"full"}, does: "all that was said of the last error", run: func(ctx context.Context, s *shell, _ string) error {
			if s.last == nil {
				return errors.New("there was no error yet")
			}
			return s.printText(ctx, strings.TrimSpace(term.Safe(s.last.all()))+"\n")
		}},
	}
}

// fileName is a file as a command's argument names it: in quotes or not, and from
// the user's directory where it begins with ~/, as a shell would have it.
func fileName(argument string) string {
	name := argument
	if n := len(name); n >= 2 && (name[0] == '\'' || name[0] == '"') && name[n-1] == name[0] {
		name = name[1 : n-1]
	}
	if rest, ok := strings.CutPrefix(name, "~"); ok && rest != "" && os.IsPathSeparator(rest[0]) {
		if home, err := os.UserHomeDir(); err == nil {
			name = filepath.Join(home, rest)
		}
	}
	return name
}

// literal is a SQL string.
func literal(text string) string {
	if len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

func setFormat(_ context.Context, s *shell, format string) error {
	if format == "" {
		s.note("Format is %s, of %s", s.format, strings.Join(Formats(), ", "))
		return nil
	}
	if !slices.Contains(Formats(), format) {
		return fmt.Errorf("unknown format %q; use one of: %s", format, strings.Join(Formats(), ", "))
	}
	s.format = format
	return nil
}

// command runs one command to the shell.
func (s *shell) command(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(strings.TrimPrefix(line, `\`), " ")
	name, argument = strings.TrimSuffix(strings.TrimSpace(name), ";"), strings.TrimSuffix(strings.TrimSpace(argument), ";")
	if m, ok := metaOf(name); ok {
		if m.prompt && !s.prompt {
			return fmt.Errorf(`\%s is for the prompt`, term.SafeLine(name))
		}
		return m.run(ctx, s, argument)
	}
	for _, own := range s.options.Commands {
		if own.Name == name {
			return own.Run(ctx, argument)
		}
	}
	return fmt.Errorf(`there is no command \%s; \? lists them`, term.SafeLine(name))
}

// metaOf is the command of that name, without its backslash.
func metaOf(name string) (meta, bool) {
	for _, m := range metas {
		if slices.Contains(m.names, name) {
			return m, true
		}
	}
	return meta{}, false
}

func (s *shell) help(ctx context.Context) error {
	var out strings.Builder
	out.WriteString("A statement ends with ; and may have several lines. Tab completes, ↑ recalls,\nCtrl-R searches, Ctrl-C ends the query or clears the line, Ctrl-D leaves.\n\n")
	all := slices.Clone(metas)
	for _, own := range s.options.Commands {
		all = append(all, meta{names: []string{own.Name}, argument: own.Argument, does: own.Does})
	}
	for _, m := range all {
		left := `\` + strings.Join(m.names, `, \`)
		if m.argument != "" {
			left += " " + m.argument
		}
		fmt.Fprintf(&out, "  %s %s\n", term.Pad(left, 21), m.does)
	}
	return s.printText(ctx, out.String())
}

func (s *shell) toggle(what string, value *bool, argument string) error {
	switch strings.ToLower(argument) {
	case "":
		*value = !*value
	case "on", "true", "1":
		*value = true
	case "off", "false", "0":
		*value = false
	default:
		return fmt.Errorf("%s is on or off, not %q", what, argument)
	}
	state := "off"
	if *value {
		state = "on"
	}
	s.note("%s is %s", what, state)
	return nil
}

// export sends results to a new file, in the format that its name tells.
func (s *shell) export(file string) error {
	if s.exported != nil {
		name := s.exported.Name()
		err := s.exported.Close()
		s.exported, s.out, s.format = nil, s.options.Out, s.formatBefore
		if err != nil {
			return err
		}
		s.note("%s is written", term.SafeLine(name))
	}
	if file == "" {
		return nil
	}
	format := map[string]string{".csv": CSV, ".tsv": TSV, ".json": JSON, ".ndjson": NDJSON, ".jsonl": NDJSON, ".md": Markdown, ".txt": Table}[strings.ToLower(filepath.Ext(file))]
	if format == "" {
		return fmt.Errorf("%s: the name's end must tell the format: .csv, .tsv, .json, .ndjson, .md or .txt", file)
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already; nothing was overwritten", file)
	}
	if err != nil {
		return err
	}
	s.exported, s.out, s.formatBefore, s.format = out, out, s.format, format
	s.note("Results go to %s until \\export", term.SafeLine(file))
	return nil
}

// jobs lists the jobs of the session.
func (s *shell) jobs(ctx context.Context) error {
	jobs, err := s.backend.Jobs(ctx)
	if err != nil {
		return err
	}
	writer := s.writer(Schema{})
	text := Type{Name: "VARCHAR"}
	err = writer.begin([]Column{{"job id", text}, {"name", text}, {"state", text}})
	for _, job := range jobs {
		if err == nil {
			err = writer.row(Row{Fields: []any{job.ID, job.Name, job.State}})
		}
	}
	return errors.Join(err, writer.end())
}
