package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// sqlLink is a session with a SQL gateway. It implements sqlshell.Backend and
// sqlshell.Renewable.
type sqlLink struct {
	*jarBackend
	o      *sqlOptions
	line   *progress.Line
	tunnel *portforward.Tunnel
	client *operator.Client
	place  reach.Place
	// settings are those of -D, properties those of --set.
	settings, properties map[string]string
	options              sqlgateway.Options
	// where is the gateway; started is nil for one that was found.
	where   string
	started *reach.StartedGateway
	session *sqlgateway.Session
	// named is nil without --session.
	named *namedSession
}

// open finds or starts the gateway and begins the session, or goes on with it.
// close is due also after an error.
func (l *sqlLink) open(ctx context.Context, placeKnown bool) error {
	o := l.o
	gateway, where, started, err := o.connect(ctx, l.line, l.tunnel, l.client, l.place, l.settings)
	if err != nil {
		return err
	}
	l.where, l.started = where, started
	l.options = sqlgateway.Options{Name: "kubectl-flink", Properties: maps.Clone(l.settings)}
	if started != nil {
		l.options.Ended = started.Ended
	}
	if placeKnown {
		o.warnOfVersion(l.line, gateway, l.place)
		for key, value := range reach.GatewayProperties(l.place) {
			if _, own := l.options.Properties[key]; !own {
				l.options.Properties[key] = value
			}
		}
		o.useJobManager(&l.options, l.tunnel, l.place)
	}
	maps.Copy(l.options.Properties, l.properties)
	if l.named != nil {
		l.options.Name += " " + l.named.name
		l.session, err = l.named.open(ctx, gateway, l.options, where, o.interactive(), l.line)
	} else {
		l.session, err = sqlgateway.Open(ctx, gateway, l.options)
	}
	var usage *exit.Error
	if errors.As(err, &usage) {
		return err
	}
	if err != nil {
		return fmt.Errorf("open a session with %s: %w", where, err)
	}
	return l.prepare(ctx)
}

// prepare has the session's jars and options there.
func (l *sqlLink) prepare(ctx context.Context) error {
	l.jarBackend = &jarBackend{Backend: l.session, gateway: l.started, line: l.line}
	if l.named != nil && l.named.resumed {
		for _, all := range []map[string]string{l.settings, l.properties} {
			for key, value := range all {
				if err := l.do(ctx, "SET "+sqlText(key)+" = "+sqlText(value)); err != nil {
					return fmt.Errorf("set %s: %w", key, err)
				}
			}
		}
	}
	for _, jar := range l.o.jars {
		if err := l.add(ctx, jar); err != nil {
			return fmt.Errorf("--jar %s: %w", jar, err)
		}
	}
	return nil
}

// sqlText is a SQL string.
func sqlText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Lost reports whether the session has ended.
func (l *sqlLink) Lost() bool { return l.session.Lost() }

// Renew begins another session, with a new gateway where the one that was
// started for it is no more.
func (l *sqlLink) Renew(ctx context.Context) error {
	defer l.line.Done()
	if l.named != nil {
		l.named.begun()
	}
	if l.started == nil || !l.session.Over() {
		if err := l.session.Renew(ctx); err != nil {
			return reach.AskError(ctx, err)
		}
	} else if err := l.replace(ctx); err != nil {
		return reach.AskError(ctx, err)
	}
	if l.named != nil {
		if err := l.named.save(l.session.Handle()); err != nil {
			return err
		}
	}
	return reach.AskError(ctx, l.prepare(ctx))
}

// replace starts another gateway in place of the one that has ended.
func (l *sqlLink) replace(ctx context.Context) error {
	transport := func(target portforward.Target) http.RoundTripper { return l.tunnel.RoundTripper(target, nil) }
	gateway, where, started, err := l.o.start(ctx, l.line, transport, l.client, l.place, l.settings)
	if err != nil {
		return err
	}
	options := l.options
	options.Ended = started.Ended
	session, err := sqlgateway.Open(ctx, gateway, options)
	if err != nil {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
		defer cancel()
		return errors.Join(fmt.Errorf("open a session with %s: %w", where, err), started.Stop(away))
	}
	l.part(ctx)
	l.session, l.started, l.where, l.options = session, started, where, options
	return nil
}

// part leaves a gateway that has ended: nothing of it is to be left behind.
func (l *sqlLink) part(ctx context.Context) {
	away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
	defer cancel()
	_ = l.session.Close(away) // its gateway is no more
	if err := l.started.Stop(away); err != nil {
		l.line.Print("warning: %v", err)
	}
}

// close ends the session, or leaves it for the next time, and ends a gateway that
// was started for it.
func (l *sqlLink) close(ctx context.Context, failed bool) {
	away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
	defer cancel()
	if l.session != nil {
		handle := l.session.Handle()
		err := l.session.Close(away)
		if err == nil && l.named != nil {
			err = l.named.leave(handle, l.o.quiet, l.line)
		}
		if err != nil && !failed {
			l.line.Print("warning: the session with %s could not be closed: %v", l.where, err)
		}
	}
	if l.started == nil {
		return
	}
	away, cancel = context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
	defer cancel()
	if err := l.started.Stop(away); err != nil {
		l.line.Print("warning: %v", err)
	}
}
