package statement

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

const (
	shortestPause = 20 * time.Millisecond
	// tidying bounds the deletion of a statement that is no longer needed.
	tidying = 10 * time.Second
)

// execution is one statement of CMF.
type execution struct {
	session *Session
	text    string
	ref     cmf.Ref
	// object is the statement as CMF showed it last.
	object cmf.Object
	kind   sqlshell.Kind

	schema *sqlshell.Schema
	inline []sqlshell.Row
	token  string
	pages  pages
	begun  bool
	ended  bool
	pause  time.Duration
	delete sync.Once
}

var (
	// "Line 5, Column 10" is in the Java that Flink makes of SQL.
	place = regexp.MustCompile(`\s*\b(?:[Ff]rom |[Aa]t )?line (\d+), column (\d+)(?: to line \d+, column \d+)?(?:: |\.)?`)
	// prefixes only say that something failed.
	prefixes = regexp.MustCompile(`^(?:SQL validation failed\.|SQL parse failed\.)\s*`)
)

// failure is what CMF says of a statement that failed, with its place.
func failure(detail string, err error) error {
	e := &sqlshell.Error{Root: strings.TrimSpace(prefixes.ReplaceAllString(detail, "")), Full: detail}
	if m := place.FindStringSubmatch(e.Root); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Column, _ = strconv.Atoi(m[2])
		e.Root = strings.TrimSpace(place.ReplaceAllString(e.Root, ""))
	}
	if e.Root == "" {
		e.Root = "CMF doesn't say why the statement failed"
		if err != nil {
			e.Root = err.Error()
		}
	}
	return e
}

// Schema waits until CMF knows what the statement gives.
func (e *execution) Schema(ctx context.Context) (sqlshell.Schema, error) {
	for e.schema == nil {
		if err := e.look(); err != nil || e.schema != nil {
			if err != nil {
				return sqlshell.Schema{}, err
			}
			break
		}
		if err := e.wait(ctx); err != nil {
			return sqlshell.Schema{}, err
		}
		object, err := e.session.client.Get(ctx, e.ref)
		if err != nil {
			return sqlshell.Schema{}, err
		}
		e.object = object
	}
	return *e.schema, nil
}

// look sets the schema where the statement has come so far.
func (e *execution) look() error {
	phase := e.object.Text("status.phase")
	switch phase {
	case cmf.PhaseFailed, cmf.PhaseFailing:
		return failure(e.object.Text("status.detail"), nil)
	case cmf.PhaseDeleting:
		return &sqlshell.Error{Root: fmt.Sprintf("%s is being deleted", e.ref)}
	case cmf.PhaseStopped:
		return &sqlshell.Error{Root: fmt.Sprintf("%s was stopped", e.ref)}
	}
	columns := columnsOf(e.object)
	data, inline := rowsOf(e.object, "result.results.data")
	switch {
	case e.kind == sqlshell.KindQuery && len(columns) > 0 && (phase == cmf.PhaseRunning || phase == cmf.PhaseCompleted):
		e.schema = &sqlshell.Schema{Columns: columns, Query: true}
		e.ended = false
	case e.kind == sqlshell.KindJob && (phase == cmf.PhaseRunning || phase == cmf.PhaseCompleted):
		e.schema = &sqlshell.Schema{Job: true, Columns: []sqlshell.Column{{Name: "statement", Type: sqlshell.Type{Name: "STRING"}}}}
		e.session.writes(e.ref.Name)
		e.inline = []sqlshell.Row{{Fields: []any{e.ref.Name}}}
		e.ended = true
	case e.kind != sqlshell.KindQuery && phase == cmf.PhaseCompleted:
		if !inline {
			e.schema, e.ended = &sqlshell.Schema{Command: true}, true
			return nil
		}
		rows, err := readRows(columns, data)
		if err != nil {
			return err
		}
		e.schema, e.inline, e.ended = &sqlshell.Schema{Columns: named(columns, rows)}, rows, true
	case e.kind != sqlshell.KindQuery && phase == cmf.PhaseRunning:
		// Such as CREATE TABLE AS SELECT.
		e.kind = sqlshell.KindJob
		return e.look()
	}
	return nil
}

// named are columns for rows of which CMF doesn't say any.
func named(columns []sqlshell.Column, rows []sqlshell.Row) []sqlshell.Column {
	if len(columns) > 0 || len(rows) == 0 {
		return columns
	}
	for i := range rows[0].Fields {
		columns = append(columns, sqlshell.Column{Name: "column " + strconv.Itoa(i+1), Type: sqlshell.Type{Name: "STRING"}})
	}
	return columns
}

func (s *Session) writes(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, name)
}

func (e *execution) wait(ctx context.Context) error {
	e.pause = min(max(e.pause*3/2, shortestPause), e.session.options.Poll)
	timer := time.NewTimer(e.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Next waits for rows. CMF gives each page once, in order.
func (e *execution) Next(ctx context.Context) ([]sqlshell.Row, error) {
	if len(e.inline) > 0 {
		rows := e.inline
		e.inline = nil
		return rows, nil
	}
	for !e.ended {
		if e.begun && e.pause > 0 {
			if err := e.wait(ctx); err != nil {
				return nil, err
			}
		}
		page, err := e.session.client.Results(ctx, e.ref, e.token)
		switch status := cmf.StatusOf(err); {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case status == http.StatusBadRequest && !e.begun:
			return nil, e.fails(ctx, errors.New("CMF has no results of this statement"))
		case status == http.StatusGone:
			return nil, &sqlshell.Error{Root: "the results are gone: CMF gives each page once, and keeps none of a statement that has ended", Full: err.Error()}
		case err != nil:
			return nil, e.fails(ctx, err)
		}
		e.begun = true
		data, _ := rowsOf(page, "results.data")
		rows, err := readRows(e.schema.Columns, data)
		if err != nil {
			return nil, err
		}
		next := nextToken(page)
		if err := e.pages.follow(e.token, next, len(rows) > 0); err != nil {
			return nil, fmt.Errorf("results of %s: %w", e.ref, err)
		}
		e.token, e.ended = next, next == ""
		if len(rows) > 0 {
			e.pause = 0
			return rows, nil
		}
		e.pause = max(e.pause, shortestPause)
		if e.ended {
			if err := e.fails(ctx, nil); err != nil {
				return nil, err
			}
		}
	}
	return nil, io.EOF
}

const (
	// maxToken bounds the token of a page, in bytes.
	maxToken = 64 << 10
	// maxPages is how many pages are known again.
	maxPages = 1000
)

// pages knows the pages that were read last. CMF gives each page once, so that
// one which leads back would have the same rows come for ever.
type pages struct {
	read  map[string]bool
	order []string
}

// follow checks the token of the page after the one called token, which had
// rows or not: an empty page may name itself, there are no rows yet.
func (p *pages) follow(token, next string, rows bool) error {
	if len(next) > maxToken {
		return fmt.Errorf("the token of the next page has more than %d KiB", maxToken>>10)
	}
	if !rows || next == "" {
		return nil
	}
	if p.read == nil {
		p.read = map[string]bool{}
	}
	p.read[token] = true
	p.order = append(p.order, token)
	if len(p.order) > maxPages {
		delete(p.read, p.order[0])
		p.order = p.order[1:]
	}
	if p.read[next] {
		return errors.New("CMF names a page as the next one that was read before; what follows would repeat its rows")
	}
	return nil
}

// fails is why the statement failed, if it did, else err.
func (e *execution) fails(ctx context.Context, err error) error {
	object, getErr := e.session.client.Get(ctx, e.ref)
	if getErr == nil {
		if phase := object.Text("status.phase"); phase == cmf.PhaseFailed || phase == cmf.PhaseFailing {
			return failure(object.Text("status.detail"), err)
		}
	}
	return err
}

// nextToken is where CMF says that more rows are. The annotation's name has
// no dots.
func nextToken(page cmf.Object) string { return page.Text("metadata.annotations.nextPageToken") }

// AppendOnly is what CMF says of the statement's rows.
func (e *execution) AppendOnly(context.Context) bool {
	only, _ := e.object.At("status.traits.isAppendOnly")
	return only == true
}

// JobID is the statement's name where it writes.
func (e *execution) JobID() string {
	if e.kind == sqlshell.KindJob {
		return e.ref.Name
	}
	return ""
}

// Cancel ends the statement and its job by deleting it: nobody would find
// the results of a query again.
func (e *execution) Cancel(ctx context.Context) error {
	var err error
	e.delete.Do(func() {
		_, err = e.session.client.Delete(ctx, e.ref, cmf.DeleteOptions{})
		if cmf.IsNotFound(err) {
			err = nil
		}
	})
	return err
}

// Close deletes a statement whose results were read. One that writes goes on.
func (e *execution) Close(ctx context.Context) error {
	if e.kind == sqlshell.KindJob {
		return nil
	}
	background := context.WithoutCancel(ctx)
	e.session.work.Go(func() {
		limited, cancel := context.WithTimeout(background, tidying)
		defer cancel()
		_ = e.Cancel(limited) // what is left shows in the list of statements
	})
	return nil
}
