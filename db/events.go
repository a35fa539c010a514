package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// readEvents calls f with the events of the log that satisfy where, in no
// particular order. Only what the fold needs is read.
func readEvents(ctx context.Context, q sqlx.QueryerContext, f func(*impact.Event) error, where string, args ...any) error {
	rows, err := q.QueryContext(ctx, query("read_events")+"FROM event WHERE "+where, args...)
	if err != nil {
		return wrap(err, "read events")
	}
	return scanEvents(rows, f)
}

// fetchEvents fetches the next chunk of the cursor "log".
func fetchEvents(ctx context.Context, tx *sqlx.Tx) (events []*impact.Event, err error) {
	rows, err := tx.QueryContext(ctx, "FETCH "+strconv.Itoa(rebuildChunk)+" FROM log")
	if err != nil {
		return nil, wrap(err, "fetch events")
	}
	err = scanEvents(rows, func(e *impact.Event) error { events = append(events, e); return nil })
	return events, err
}

func scanEvents(rows *sql.Rows, f func(*impact.Event) error) error {
	defer rows.Close()
	for rows.Next() {
		e := new(impact.Event)
		if err := scanEvent(rows, e); err != nil {
			return wrap(err, "read events")
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return wrap(rows.Err(), "read events")
}

// scanEvent reads the columns of read_events, and into more what follows them.
func scanEvent(rows *sql.Rows, e *impact.Event, more ...any) error {
	var kind, dimension, status string
	err := rows.Scan(append([]any{
		&e.Company, (*uuid)(&e.Key), &kind, &e.Type, &e.Programme, &e.Participant, &e.Volunteer, &e.OccurredAt,
		&e.DurationMS, &e.Score, &e.ScoreScale, &e.Confidence, &e.HasConfidence,
		&dimension, &status, &e.FromVolunteer, &e.Points, &e.Department, &e.Attributes,
	}, more...)...)
	e.Kind, _ = impact.ParseKind(kind)
	e.Dimension, _ = impact.ParseDimension(dimension)
	e.Status, _ = impact.ParseStatus(status)
	return err
}

// countedEvents is SQL for the counted events of the log that satisfy where, in
// which {of} stands for the table that has what stands of an event e. It needs a
// name after it.
func countedEvents(where string) string {
	return "(" + strings.NewReplacer(
		"{event}", strings.ReplaceAll(where, "{of}", "e"),
		"{standing}", strings.ReplaceAll(where, "{of}", "c"),
	).Replace(query("counted_events")) + ")"
}
