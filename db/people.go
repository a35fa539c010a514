package db

import (
	"cmp"
	"context"
	"iter"
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
	latest := make(facts)
	for _, e := range events {
		for of, s := range factsOf(e) {
			latest.note(of, s)
		}
	}
	if err := foldDepartments(ctx, tx, latest); err != nil {
		return err
	}
	return foldAttributes(ctx, tx, latest)
}

// fact is something that directory events say of somebody: the value of an attribute or,
// without a name, the department.
type fact struct {
	person
	name string
}

type said struct {
	at   time.Time
	text string
}

// facts are what the latest directory event that states a fact says; of two at the same
// instant, the one that sorts last.
type facts map[fact]said

func (f facts) note(of fact, now said) {
	if l, known := f[of]; !known || cmp.Or(now.at.Compare(l.at), cmp.Compare(now.text, l.text)) > 0 {
		f[of] = now
	}
}

// factsOf are what an event says of its participant.
func factsOf(e *impact.Event) iter.Seq2[fact, said] {
	return func(yield func(fact, said) bool) {
		if e.Kind != impact.KindDirectory || e.Participant == "" {
			return
		}
		of, at := person{e.Company, e.Participant}, e.OccurredAt.Truncate(time.Microsecond) // as exact as the log
		if e.Department != "" && !yield(fact{of, ""}, said{at, e.Department}) {
			return
		}
		for name, value := range e.Attributes.All() {
			if !yield(fact{of, name}, said{at, value}) {
				return
			}
		}
	}
}

func foldDepartments(ctx context.Context, tx *sqlx.Tx, latest facts) error {
	var ids []int64
	var keys, departments, folded []string
	var at []time.Time
	for of, s := range latest {
		if of.name != "" {
			continue
		}
		ids, keys = append(ids, int64(of.company)), append(keys, of.key)
		departments, folded = append(departments, s.text), append(folded, departmentKey(s.text))
		at = append(at, s.at)
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, query("fold_departments"), pq.Array(ids), pq.Array(keys), pq.Array(departments), pq.Array(folded), pq.Array(at))
	return wrap(err, "fold %d departments", len(ids))
}

// departmentKey is what departments are compared by.
func departmentKey(name string) string { return strings.ToLower(name) }

func foldAttributes(ctx context.Context, tx *sqlx.Tx, latest facts) error {
	var ids []int64
	var keys, names, values, folded []string
	var at []time.Time
	for of, s := range latest {
		if of.name == "" {
			continue
		}
		ids, keys, names = append(ids, int64(of.company)), append(keys, of.key), append(names, of.name)
		values, folded, at = append(values, s.text), append(folded, attributeKey(s.text)), append(at, s.at)
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, query("fold_attributes"), pq.Array(ids), pq.Array(keys), pq.Array(names), pq.Array(values), pq.Array(folded), pq.Array(at))
	return wrap(err, "fold %d attributes", len(ids))
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
