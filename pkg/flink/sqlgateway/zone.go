package sqlgateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // where the computer has no time zones: Windows, small images

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

const zoneOption = "table.local-time-zone"

// zone is a session's time zone.
type zone struct {
	// name is the option's value; "" where the session doesn't set it.
	name string
	// location is nil where it isn't known: the gateway's own zone, or one that
	// only Java knows.
	location *time.Location
}

// zoneOf is the zone of the session with the handle.
func (s *Session) zoneOf(ctx context.Context, handle string) (zone, error) {
	s.mu.Lock()
	known := s.zone
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	var answer struct {
		Properties map[string]string `json:"properties"`
	}
	if err := s.call(ctx, http.MethodGet, httpapi.Path("sessions", handle), nil, &answer); err != nil {
		return zone{}, fmt.Errorf("the session's time zone isn't known: %w", s.explain(err))
	}
	z := zone{name: answer.Properties[zoneOption]}
	z.location = parseZone(z.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == handle {
		s.zone = &z
	}
	return z, nil
}

// readUTC has the gateway write local timestamps in UTC, until the session's
// next statement begins. In the session's zone they have no offset: those of
// the hour that is there twice, when daylight saving ends, can't be told apart.
// And gateways leave out those inside of rows when they convert (seen with
// 1.20.5 and 2.3.0), which a later one may not.
//
// The caller holds s.zoning until it has what it reads.
func (s *Session) readUTC(ctx context.Context, handle string) error {
	z, err := s.zoneOf(ctx, handle)
	if err != nil || z.location == time.UTC || s.inUTC == handle {
		return err
	}
	s.changed = handle // also where it seems to fail
	if err := s.silently(ctx, handle, "SET '"+zoneOption+"' = 'UTC'"); err != nil {
		return fmt.Errorf("local timestamps can't be read: set the session's time zone: %w", err)
	}
	s.inUTC = handle
	return nil
}

// restoreZone undoes readUTC.
func (s *Session) restoreZone(ctx context.Context, handle string) error {
	s.zoning.Lock()
	defer s.zoning.Unlock()
	if s.changed != handle {
		return nil
	}
	z, err := s.zoneOf(ctx, handle)
	if err != nil {
		return err
	}
	s.inUTC = ""
	statement := "RESET '" + zoneOption + "'"
	if z.name != "" {
		statement = "SET '" + zoneOption + "' = '" + strings.ReplaceAll(z.name, "'", "''") + "'"
	}
	if err := s.silently(ctx, handle, statement); err != nil {
		return fmt.Errorf("the session's time zone can't be set back, and without it a statement would have another meaning: %w", err)
	}
	s.changed = ""
	return nil
}

// silently runs a statement for what it does.
func (s *Session) silently(ctx context.Context, handle, statement string) error {
	e, err := s.submit(ctx, handle, statement)
	if err != nil {
		return err
	}
	defer e.Close(ctx) //nolint:errcheck // it never fails
	for err == nil {
		_, err = e.Next(ctx)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// parseZone reads a zone as Java does: a region, or an offset with or without
// UTC, GMT or UT in front. nil is one that isn't known here; "" and "default"
// are the gateway's own.
func parseZone(name string) *time.Location {
	switch name {
	case "", "default", "Local":
		return nil
	case "Z", "UTC", "GMT", "UT", "Etc/UTC", "Etc/GMT":
		return time.UTC
	}
	for _, prefix := range []string{"UTC", "GMT", "UT", ""} {
		offset, ok := strings.CutPrefix(name, prefix)
		if !ok || offset == "" || offset[0] != '+' && offset[0] != '-' {
			continue
		}
		seconds, err := parseOffset(offset[1:])
		switch {
		case err != nil:
			return nil
		case seconds == 0:
			return time.UTC
		case offset[0] == '-':
			seconds = -seconds
		}
		return time.FixedZone(name, seconds)
	}
	if location, err := time.LoadLocation(name); err == nil {
		return location
	}
	return nil
}

// parseOffset reads h, hh, hh:mm, hhmm, hh:mm:ss or hhmmss, in seconds.
func parseOffset(s string) (int, error) {
	parts := strings.Split(s, ":")
	if len(parts) == 1 && len(s) > 2 {
		if len(s)%2 != 0 || len(s) > 6 {
			return 0, strconv.ErrSyntax
		}
		parts = nil
		for i := 0; i < len(s); i += 2 {
			parts = append(parts, s[i:i+2])
		}
	}
	seconds, unit := 0, 3600
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || unit == 0 || n > 59 {
			return 0, strconv.ErrSyntax
		}
		seconds += int(n) * unit
		unit /= 60
	}
	if seconds > 18*3600 {
		return 0, strconv.ErrRange
	}
	return seconds, nil
}

const clockLayout = "2006-01-02 15:04:05.999999999"

// inZone writes a local timestamp, which came in UTC, in a zone; one that isn't
// known is UTC.
func inZone(t sqlshell.Type, clock string, location *time.Location) string {
	at, err := time.Parse(clockLayout, withSeconds(clock))
	if err != nil || location == nil {
		return fraction(clock, t.Precision) + "Z"
	}
	at = at.In(location)
	return fraction(at.Format(clockLayout), t.Precision) + offset(at)
}

// withOffset adds the offset of a zone to a clock time in it. Nothing is added
// where that isn't known: the zone isn't, or the time is there twice.
func withOffset(clock string, location *time.Location) string {
	if location == nil {
		return clock
	}
	wall, err := time.Parse(clockLayout, withSeconds(clock))
	if err != nil {
		return clock
	}
	found := map[string]bool{}
	suffix := ""
	for _, hours := range []time.Duration{-24, 0, 24} {
		_, seconds := wall.Add(hours * time.Hour).In(location).Zone()
		at := wall.Add(-time.Duration(seconds) * time.Second).In(location)
		if at.Format(clockLayout) == wall.Format(clockLayout) {
			suffix = offset(at)
			found[suffix] = true
		}
	}
	if len(found) != 1 {
		return clock
	}
	return clock + suffix
}

// offset is that of a time, with seconds where it has some: zones had before
// there was standard time.
func offset(at time.Time) string {
	if _, seconds := at.Zone(); seconds%60 != 0 {
		return at.Format("Z07:00:00")
	}
	return at.Format("Z07:00")
}
