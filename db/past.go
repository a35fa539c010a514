package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// What was known at an instant is worked out from the log: the events that were stored
// until then, the corrections among them, and the settings with later changes taken
// back. See docs/decisions/0025-as-of.md.

// maxPastEvents is up to how many events are read for what was known: about five seconds
// worth.
const maxPastEvents = 5_000_000

// settling is how long a reader waits for what began before the instant and is still
// being stored.
const settling = 2 * time.Second

// at runs f in a transaction that sees everything that was stored until an instant, and
// that nothing can be added to any more. Errors: [impact.CodeInvalid] of an instant that
// is not past, [impact.CodeUnavailable] if something that began before it takes long.
func (s *Store) at(ctx context.Context, at impact.AsOf, f func(tx *sqlx.Tx) error) error {
	if err := s.awaitPast(ctx, at); err != nil {
		return err
	}
	tx, err := s.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return wrap(err, "read the past")
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return impact.Errorf(impact.CodeUnavailable, "what was known at %s could not be worked out in time: "+
				"ask for fewer companies or a period that ends earlier, or again when there is less to do", at)
		}
		return wrap(err, "read the past")
	}
	return nil
}

func (s *Store) awaitPast(ctx context.Context, at impact.AsOf) error {
	const pause = 10 * time.Millisecond
	for end := time.Now().Add(settling); ; {
		var now struct{ Past, Open bool }
		if err := s.db.GetContext(ctx, &now, query("past_open"), at.Time()); err != nil {
			return wrap(err, "read the past")
		}
		switch {
		case !now.Past:
			return &impact.Error{Code: impact.CodeInvalid, Pointer: "/asOf",
				Message: fmt.Sprintf("%s is not past: what will be known then is not known yet", at)}
		case !now.Open:
			return nil
		case time.Now().After(end):
			return impact.Errorf(impact.CodeUnavailable, "something that began before %s is still being stored: ask again, or for an earlier instant", at)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return wrap(ctx.Err(), "read the past")
		}
	}
}

// pastLog is the log of companies as it was at an instant.
type pastLog struct {
	at        impact.AsOf
	companies []impact.CompanyID
	settings  map[impact.CompanyID]*impact.Settings
	chains    []impact.Chain     // that corrections make up
	members   map[identity]int64 // of chains, by their batch: do not count as they are
	standing  []*impact.Event    // count instead
}

func openPast(ctx context.Context, tx *sqlx.Tx, at impact.AsOf, companies []impact.CompanyID) (*pastLog, error) {
	l := &pastLog{at: at, companies: companies, members: make(map[identity]int64)}
	var err error
	if l.settings, err = pastSettings(ctx, tx, at, companies); err != nil {
		return nil, err
	}
	const known = "EXISTS (SELECT FROM batch b WHERE b.id = o.batch_id AND b.committed_at <= $2)"
	links, err := readChainsAmong(ctx, tx, known, `
		SELECT company_id, key, alias, slot, supersedes, supersedes_key FROM event o
		WHERE company_id = ANY ($1) AND (supersedes IS NOT NULL OR supersedes_key IS NOT NULL) AND batch_id > 0 AND `+known,
		pq.Array(int64s(companies)), at.Time())
	if err != nil {
		return nil, err
	}
	events := make([]*impact.Event, 0, len(links))
	for _, link := range links {
		events = append(events, link.Event)
	}
	l.chains = impact.Chains(events)
	for _, chain := range l.chains {
		for _, e := range chain.Members {
			id := identity{e.Company, e.Key}
			l.members[id] = links[id].batch
		}
		if chain.Standing != nil {
			l.standing = append(l.standing, chain.Standing)
		}
	}
	return l, nil
}

// eachPast goes through the log once, as it was at the instant of the last of logs, and
// calls f with every event that counted in each of them, by their place: of those that
// happened before a day or soon after, in no particular order, with what figures need of
// it, until f returns; an error of f ends it. Logs are of the same companies, by instant; those but the last are
// of one instant. The error is [impact.CodeTooLarge] if events are more than limit.
func eachPast(ctx context.Context, tx *sqlx.Tx, logs []*pastLog, before impact.Day, limit int, f func(log int, e *impact.Event) error) error {
	first, last := logs[0], len(logs)-1
	keyed := slices.ContainsFunc(logs, func(l *pastLog) bool { return len(l.members) > 0 })
	rows, err := tx.QueryContext(ctx, query("past_events"), pq.Array(int64s(first.companies)), logs[last].at.Time(),
		(before + 2).Time(), // a day ends somewhere up to 12 hours after it does in UTC
		keyed, first.at.Time())
	if err != nil {
		return wrap(err, "read events")
	}
	defer rows.Close()
	scanner := newPastScanner()
	for left := limit; rows.Next(); {
		if left--; left < 0 {
			return errPastTooLarge(limit)
		}
		e, early, err := scanner.scan(rows)
		if err != nil {
			return wrap(err, "read events")
		}
		for i, l := range logs {
			if (early || i == last) && !l.isMember(e) {
				if err := f(i, e); err != nil {
					return err
				}
			}
		}
	}
	if err := rows.Err(); err != nil {
		return wrap(err, "read events")
	}
	for i, l := range logs {
		for _, e := range l.standing {
			if err := f(i, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func errPastTooLarge(limit int) error {
	return impact.Errorf(impact.CodeTooLarge, "what was known is worked out from the log, which for more than %d events takes too long: "+
		"ask for fewer companies, or for a period that ends earlier", limit)
}

// isMember reports whether a correction is about an event. Without any the keys of events
// are not read.
func (l *pastLog) isMember(e *impact.Event) bool {
	if len(l.members) == 0 {
		return false
	}
	_, is := l.members[identity{e.Company, e.Key}]
	return is
}

// active are the days of the first and the last event of each company, as [Figures.Active]
// has them.
func (l *pastLog) active(ctx context.Context, tx *sqlx.Tx) (map[impact.CompanyID]impact.Range, error) {
	members := make([]person, 0, len(l.members))
	for id := range l.members {
		members = append(members, person{id.company, fmt.Sprintf("%x", id.key)})
	}
	ids, keys := personColumns(members)
	rows, err := tx.QueryContext(ctx, query("past_active"), pq.Array(int64s(l.companies)), l.at.Time(), pq.Array(ids), pq.Array(keys))
	if err != nil {
		return nil, wrap(err, "days of activity")
	}
	defer rows.Close()
	active := make(map[impact.CompanyID]impact.Range)
	extend := func(company impact.CompanyID, at time.Time) {
		day := impact.DayAt(at, l.settings[company].Calendar.Location)
		r, known := active[company]
		if !known {
			r = impact.Range{From: day, To: day + 1}
		}
		active[company] = impact.Range{From: min(r.From, day), To: max(r.To, day+1)}
	}
	for rows.Next() {
		var company impact.CompanyID
		var first, last time.Time
		if err := rows.Scan(&company, &first, &last); err != nil {
			return nil, wrap(err, "days of activity")
		}
		extend(company, first)
		extend(company, last)
	}
	for _, e := range l.standing {
		if e.Kind != impact.KindUnknown && e.Kind != impact.KindDirectory {
			extend(e.Company, e.OccurredAt)
		}
	}
	return active, wrap(rows.Err(), "days of activity")
}
