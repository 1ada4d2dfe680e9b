package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// uploader brings a file to where a gateway runs.
type uploader interface {
	Upload(ctx context.Context, name string, in io.Reader) (path string, err error)
}

// jarBackend has jars of this computer reach the gateway: ADD JAR of one copies
// it first, and REMOVE JAR knows it by the name that the user gave.
type jarBackend struct {
	sqlshell.Backend
	gateway uploader
	line    *progress.Line
	// there are the paths at the gateway of files of this computer, copied is how
	// many were copied so far.
	there  map[string]string
	copied int
}

var (
	jarStatement = regexp.MustCompile(`(?is)^(ADD|REMOVE)\s+JAR\s+'((?:[^']|'')+)'$`)
	hasScheme    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)
)

// Run copies what ADD JAR names before it sends the statement.
func (b *jarBackend) Run(ctx context.Context, statement string) (sqlshell.Execution, error) {
	if parts := jarStatement.FindStringSubmatch(statement); parts != nil {
		file := strings.ReplaceAll(parts[2], "''", "'")
		path, err := b.path(ctx, strings.ToUpper(parts[1]), file)
		if err != nil {
			return nil, err
		}
		if path != file {
			statement = parts[1] + " JAR '" + path + "'"
		}
	}
	return b.Backend.Run(ctx, statement)
}

// path is what a jar is called at the gateway.
func (b *jarBackend) path(ctx context.Context, what, file string) (string, error) {
	if hasScheme.MatchString(file) {
		return file, nil
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	if path, ok := b.there[absolute]; ok {
		if what == "REMOVE" {
			delete(b.there, absolute)
		}
		return path, nil
	}
	if info, err := os.Stat(file); what == "REMOVE" || err != nil || !info.Mode().IsRegular() {
		return file, nil // a file of the gateway, which says if there is none
	}
	in, err := source.Open(ctx, file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	b.line.Set("copying %s to the SQL gateway", file)
	path, err := b.gateway.Upload(ctx, fmt.Sprintf("%d-%s", b.copied, safeName(filepath.Base(file))), in)
	b.copied++ // none is written over a jar that Flink has open
	b.line.Done()
	if err != nil {
		return "", fmt.Errorf("copy %s to the SQL gateway: %w", file, err)
	}
	if b.there == nil {
		b.there = map[string]string{}
	}
	b.there[absolute] = path
	return path, nil
}

// add runs ADD JAR.
func (b *jarBackend) add(ctx context.Context, jar string) error {
	return b.do(ctx, "ADD JAR "+sqlText(jar))
}

// do runs a statement without rows to its end.
func (b *jarBackend) do(ctx context.Context, statement string) error {
	execution, err := b.Run(ctx, statement)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = execution.Next(ctx)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, execution.Close(ctx))
}

// checkJar finds what is wrong with a --jar before anything is started. uploads
// says that files of this computer can be brought to the gateway.
func checkJar(jar string, uploads bool) error {
	if hasScheme.MatchString(jar) {
		return nil
	}
	info, err := os.Stat(jar)
	switch {
	case err != nil:
		return exit.With(exit.Usage, fmt.Errorf("--jar: %w", err))
	case !info.Mode().IsRegular():
		return exit.Usagef("--jar: %s is not a regular file", jar)
	case !strings.HasSuffix(strings.ToLower(jar), ".jar"):
		return exit.Usagef("--jar: %s doesn't end with .jar, which Flink wants", jar)
	case !uploads:
		return exit.Usagef("--jar: a file of this computer goes into the pod of a gateway: give --start-gateway, without --in-jobmanager")
	}
	return nil
}
