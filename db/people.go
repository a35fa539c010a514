package db

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// What directory events say of people is a rollup too: of each fact, what the latest
// event that states it says.

// foldDirectory takes up what directory events say of people.
func foldDirectory(ctx context.Context, tx *sqlx.Tx, events []*impact.Event) error {
	if err := foldDepartments(ctx, tx, events); err != nil {
		return err
	}
	return foldAttributes(ctx, tx, events)
}

// foldDepartments gives people the department of their latest directory event;
// of two at the same instant, the one that sorts last.
func foldDepartments(ctx context.Context, tx *sqlx.Tx, events []*impact.Event) error {
	type said struct {
		at         time.Time
		department string
	}
	latest := make(map[person]said)
	for _, e := range events {
		if e.Kind != impact.KindDirectory || e.Department == "" || e.Participant == "" {
			continue
		}
		p := person{e.Company, e.Participant}
		now := said{e.OccurredAt.Truncate(time.Microsecond), e.Department} // as exact as the log
		if l, known := latest[p]; !known || cmp.Or(now.at.Compare(l.at), cmp.Compare(now.department, l.department)) > 0 {
			latest[p] = now
		}
	}
	if len(latest) == 0 {
		return nil
	}
	var ids []int64
	var keys, departments, folded []string
	var at []time.Time
	for p, e := range latest {
		ids, keys = append(ids, int64(p.company)), append(keys, p.key)
		departments, folded = append(departments, e.department), append(folded, departmentKey(e.department))
		at = append(at, e.at)
	}
	_, err := tx.ExecContext(ctx, query("fold_departments"), pq.Array(ids), pq.Array(keys), pq.Array(departments), pq.Array(folded), pq.Array(at))
	return wrap(err, "fold %d departments", len(latest))
}

// departmentKey is what departments are compared by.
func departmentKey(name string) string { return strings.ToLower(name) }

// foldAttributes gives people the attributes of their latest directory events, likewise.
func foldAttributes(ctx context.Context, tx *sqlx.Tx, events []*impact.Event) error {
	type attribute struct {
		person
		name string
	}
	type said struct {
		at    time.Time
		value string
	}
	latest := make(map[attribute]said)
	for _, e := range events {
		if e.Kind != impact.KindDirectory || e.Participant == "" {
			continue
		}
		for name, value := range e.Attributes.All() {
			a := attribute{person{e.Company, e.Participant}, name}
			now := said{e.OccurredAt.Truncate(time.Microsecond), value} // as exact as the log
			if l, known := latest[a]; !known || cmp.Or(now.at.Compare(l.at), cmp.Compare(now.value, l.value)) > 0 {
				latest[a] = now
			}
		}
	}
	if len(latest) == 0 {
		return nil
	}
	var ids []int64
	var keys, names, values, folded []string
	var at []time.Time
	for a, s := range latest {
		ids, keys, names = append(ids, int64(a.company)), append(keys, a.key), append(names, a.name)
		values, folded, at = append(values, s.value), append(folded, attributeKey(s.value)), append(at, s.at)
	}
	_, err := tx.ExecContext(ctx, query("fold_attributes"), pq.Array(ids), pq.Array(keys), pq.Array(names), pq.Array(values), pq.Array(folded), pq.Array(at))
	return wrap(err, "fold %d attributes", len(latest))
}

// attributeKey is what values of attributes, and their names, are compared by.
func attributeKey(text string) string { return strings.ToLower(text) }

// recountDirectory finds anew, from the log, what directory events say of people: one of
// theirs is no longer.
func recountDirectory(ctx context.Context, tx *sqlx.Tx, moved map[person]bool) error {
	if len(moved) == 0 {
		return nil
	}
	people := slices.Collect(maps.Keys(moved))
	ids, keys := personColumns(people)
	for _, sql := range []string{
		`UPDATE person p SET department = NULL, department_key = NULL, department_at = NULL
		FROM unnest($1::integer[], $2::text[]) AS asked (company_id, key)
		WHERE p.company_id = asked.company_id AND p.key = asked.key`,
		`DELETE FROM person_attribute a USING unnest($1::integer[], $2::text[]) AS asked (company_id, key), person p
		WHERE p.company_id = asked.company_id AND p.key = asked.key AND a.company_id = p.company_id AND a.ordinal = p.ordinal`,
	} {
		if _, err := tx.ExecContext(ctx, sql, pq.Array(ids), pq.Array(keys)); err != nil {
			return wrap(err, "recount the directory")
		}
	}
	const theirs = "{of}.company_id = asked.company_id AND {of}.participant = asked.key AND e.kind = 'directory'"
	rows, err := tx.QueryContext(ctx, query("read_events")+`
		FROM unnest($1::integer[], $2::text[]) AS asked (company_id, key)
		CROSS JOIN LATERAL `+countedEvents(theirs)+" event",
		pq.Array(ids), pq.Array(keys))
	if err != nil {
		return wrap(err, "recount the directory")
	}
	var events []*impact.Event
	if err := scanEvents(rows, func(e *impact.Event) error { events = append(events, e); return nil }); err != nil {
		return err
	}
	return foldDirectory(ctx, tx, events)
}
