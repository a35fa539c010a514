package db

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// readEvents calls f with the events of the log that satisfy where, in no
// particular order. Only what the fold needs is read.
func readEvents(ctx context.Context, q sqlx.QueryerContext, f func(*impact.Event) error, where string, args ...any) error {
	rows, err := q.QueryContext(ctx, query("read_events")+" WHERE "+where, args...)
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
		var kind, dimension, status string
		if err := rows.Scan(&e.Company, &kind, &e.Type, &e.Programme, &e.Participant, &e.Volunteer, &e.OccurredAt,
			&e.DurationMS, &e.Score, &e.ScoreScale, &e.Confidence, &e.HasConfidence,
			&dimension, &status, &e.FromVolunteer, &e.Points, &e.Department); err != nil {
			return wrap(err, "read events")
		}
		e.Kind, _ = impact.ParseKind(kind)
		e.Dimension, _ = impact.ParseDimension(dimension)
		e.Status, _ = impact.ParseStatus(status)
		if err := f(e); err != nil {
			return err
		}
	}
	return wrap(rows.Err(), "read events")
}
