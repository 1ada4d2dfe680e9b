package cmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// namedSession is a session that --session comes back to. Its file, which only
// its owner can read, has the session's handle, which is all that it takes to use
// it, and what was defined and set in it, but for statements with secrets.
type namedSession struct {
	file string
	name string
	kept sessionRecord
	// statements are those of kept, ended that the session that they were of is
	// no more.
	statements []sqlshell.Statement
	ended      bool
	// resumed says that the session was there before, forgotten that it ends with
	// this command.
	resumed, forgotten bool
}

// sessionRecord is what the file has.
type sessionRecord struct {
	// Place says of what: context, namespace, cluster or gateway, and name.
	Place []string `json:"place"`
	// Handle is the session's at Gateway.
	Handle  string `json:"handle"`
	Gateway string `json:"gateway"`
	// Statements are those that another session needs; WithSecrets is how many
	// more there were.
	Statements  []string `json:"statements"`
	WithSecrets int      `json:"withSecrets,omitempty"`
}

// mostSessionFile bounds the file, in bytes.
const mostSessionFile = 4 << 20

var (
	sessionName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	sessionHandle = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// checkSession finds what is wrong with --session.
func (o *sqlOptions) checkSession() error {
	switch {
	case o.session == "":
		return nil
	case !sessionName.MatchString(o.session):
		return exit.Usagef("--session %q: a name has letters, digits, dots, dashes and underlines, at most 63", o.session)
	case o.startGateway:
		return exit.Usagef("--session: a gateway that --start-gateway starts ends with this command, and its sessions with it; a session to come back to needs a gateway that goes on, which is found or named with --gateway")
	}
	return nil
}

// openNamed reads what is known of the session of --session.
func (o *sqlOptions) openNamed(place reach.Place) (*namedSession, error) {
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return nil, err
	}
	cluster := "gateway " + o.gateway
	if place.Cluster.Object != nil {
		cluster, namespace = place.Cluster.Ref().Name, place.Cluster.Ref().Namespace
	}
	// What the context is called may change its meaning; where its server is may
	// not.
	config, err := o.factory.Config()
	if err != nil {
		return nil, err
	}
	return openNamed(o.session, config.Host, namespace, cluster)
}

// openNamed reads what is known of a named session.
func openNamed(name string, place ...string) (*namedSession, error) {
	place = append(place, name)
	key, err := json.Marshal(place)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	file := stateFile("sql_sessions", hex.EncodeToString(sum[:16])+".json")
	if file == "" {
		return nil, errors.New("--session: there is no home directory to keep the session's handle in")
	}
	n := &namedSession{file: file, name: name, kept: sessionRecord{Place: place}}
	in, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--session: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, mostSessionFile+1))
	if err != nil {
		return nil, fmt.Errorf("--session: %s: %w", file, err)
	}
	var kept sessionRecord
	if len(data) > mostSessionFile || json.Unmarshal(data, &kept) != nil || kept.Handle != "" && !sessionHandle.MatchString(kept.Handle) {
		return nil, fmt.Errorf("--session %s: %s is not what this program writes; delete it for a new session", name, file)
	}
	kept.Place = place
	n.kept = kept
	for _, text := range kept.Statements {
		statement, err := sqlshell.NewSplitter("", strings.NewReader(text)).Next()
		if err == nil && len(sqlshell.Lasting([]sqlshell.Statement{statement})) == 1 {
			n.statements = append(n.statements, statement)
		}
	}
	return n, nil
}

// open goes on with the session, or begins another where it has ended.
func (n *namedSession) open(ctx context.Context, client *sqlgateway.Client, options sqlgateway.Options, where string, interactive bool, line *progress.Line) (*sqlgateway.Session, error) {
	options.Keep, options.Handle = true, n.kept.Handle
	session, err := sqlgateway.Open(ctx, client, options)
	switch {
	case errors.Is(err, sqlgateway.ErrGone):
		n.ended = true
		if !interactive && len(n.kept.Statements)+n.kept.WithSecrets > 0 {
			return nil, exit.With(exit.Failed, fmt.Errorf("the session %s has ended, and what was defined and set in it is lost: nothing ran. At the prompt, without -e and -f, a new one begins and the %d statements that are kept can be run again in it", n.name, len(n.kept.Statements)))
		}
		line.Print("The session %s has ended: the SQL gateway restarted, or closed it after some time without a client. What it had set and created for itself is lost; a new one has begun", n.name)
		if n.kept.WithSecrets > 0 {
			line.Print("Statements with passwords or keys in them were not kept (%d): they have to be typed again", n.kept.WithSecrets)
		}
		options.Handle = ""
		if session, err = sqlgateway.Open(ctx, client, options); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case n.kept.Handle != "":
		n.resumed = true
		line.Print("Back in the session %s", n.name)
	}
	n.kept.Gateway = where
	if n.ended || n.kept.Handle == "" {
		n.kept.Statements, n.kept.WithSecrets = nil, 0
	}
	return session, n.save(session.Handle())
}

// ran takes note of a statement.
func (n *namedSession) ran(session *sqlgateway.Session, statement sqlshell.Statement) error {
	before := n.statements
	if n.ended {
		n.ended, before = false, nil
	}
	if len(sqlshell.Lasting([]sqlshell.Statement{statement})) == 0 && !strings.EqualFold(firstOf(statement), "DROP") {
		return nil
	}
	n.statements = sqlshell.Lasting(append(slices.Clip(before), statement))
	n.kept.Statements, n.kept.WithSecrets = nil, 0
	for _, s := range n.statements {
		if s.HasSecrets() {
			n.kept.WithSecrets++
			continue
		}
		n.kept.Statements = append(n.kept.Statements, s.Text)
	}
	return n.save(session.Handle())
}

func firstOf(s sqlshell.Statement) string {
	if words := sqlshell.Words(s.Text); len(words) > 0 {
		return words[0]
	}
	return ""
}

// save writes the file, as a whole.
func (n *namedSession) save(handle string) error {
	if handle != "" {
		n.kept.Handle = handle
	}
	data, err := json.Marshal(n.kept)
	if err != nil {
		return err
	}
	if len(data) > mostSessionFile {
		n.kept.Statements = nil
		if data, err = json.Marshal(n.kept); err != nil {
			return err
		}
	}
	dir := filepath.Dir(n.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the session %s can't be come back to: %w", n.name, err)
	}
	temporary, err := os.CreateTemp(dir, ".session-*") // 0600
	if err != nil {
		return fmt.Errorf("the session %s can't be come back to: %w", n.name, err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary.Name(), n.file)
	}
	return err
}

// begun says that another session has begun in place of this one.
func (n *namedSession) begun() {
	n.ended, n.resumed, n.statements = false, false, nil
	n.kept.Statements, n.kept.WithSecrets = nil, 0
}

// attach has the shell say what ran, and offer what is lost.
func (n *namedSession) attach(link *sqlLink, shell *sqlshell.Options) {
	if n == nil {
		return
	}
	before := shell.Succeeded
	shell.Succeeded = func(statement sqlshell.Statement) {
		if before != nil {
			before(statement)
		}
		if err := n.ran(link.session, statement); err != nil {
			link.line.Print("warning: %v", err)
		}
	}
	if n.ended {
		shell.Offer = n.statements
	} else {
		shell.Had = n.statements
	}
	shell.Commands = append(shell.Commands, sqlshell.Command{
		Name: "forget", Does: "end the session " + n.name + " with this prompt",
		Run: func(context.Context, string) error {
			n.forgotten = true
			link.session.Forget()
			link.line.Print("The session %s ends with this prompt", n.name)
			return nil
		},
	})
}

// leave keeps the handle for the next time, or removes the file of a session that
// has ended.
func (n *namedSession) leave(handle string, quiet bool, line *progress.Line) error {
	if n.forgotten {
		if err := os.Remove(n.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if !quiet {
		line.Print("The session %s stays open: --session %s comes back to it, until its gateway ends, or closes it after a time without a client (sql-gateway.session.idle-timeout, 10 minutes by default)", n.name, n.name)
	}
	return n.save(handle)
}
