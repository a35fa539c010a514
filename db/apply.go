package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// foldCompany is a company as a fold sees it, under its row lock.
type foldCompany struct {
	location    *time.Location
	nextOrdinal impact.Ordinal
	erasures    int32 // of people, so far
}

// apply merges the events of a fold into the rollups of their companies, which it
// locks.
func (s *Store) apply(ctx context.Context, tx *sqlx.Tx, f fold) (learned func(), err error) {
	companies, err := lockCompanies(ctx, tx, f.events)
	if err != nil {
		return nil, err
	}
	fix, err := correct(ctx, tx, companies, f)
	if err != nil {
		return nil, err
	}
	people := peopleOf(f.events, fix.standing)
	learned, err = s.number(ctx, tx, companies, people)
	if err != nil {
		return nil, err
	}
	if err := s.count(ctx, tx, companies, people, fix.counted(f.events), fix.stale); err != nil {
		return nil, err
	}
	if err := recountDirectory(ctx, tx, fix.moved); err != nil {
		return nil, err
	}
	if err := s.recount(ctx, tx, companies, fix.stale); err != nil {
		return nil, err
	}
	return learned, announce(ctx, tx, companies)
}

// count adds events to the rollups, but to the cells that are stale.
func (s *Store) count(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, people map[person]impact.Ordinal, events []*impact.Event, stale staleCells) error {
	if err := foldDirectory(ctx, tx, events); err != nil {
		return err
	}
	cells := make(map[impact.CompanyID]impact.Cells, len(companies))
	for id := range companies {
		cells[id] = make(impact.Cells)
	}
	for _, e := range events {
		day := impact.DayAt(e.OccurredAt, companies[e.Company].location)
		if !stale[e.Company][programmeDay{e.Programme, day}] {
			cells[e.Company].Add(e, day, people[person{e.Company, e.Participant}], people[person{e.Company, e.Volunteer}])
		}
	}
	for _, cs := range cells {
		cs.RollUp()
	}
	return mergeCells(ctx, tx, cells)
}

// lockCompanies locks the companies of events, in order of their ids so that two
// folds cannot deadlock. The statement may wait for another fold, and sees of it only
// the locked rows: what else that fold wrote is for the next statement to read.
func lockCompanies(ctx context.Context, tx *sqlx.Tx, events []*impact.Event) (map[impact.CompanyID]*foldCompany, error) {
	companies := make(map[impact.CompanyID]*foldCompany)
	var ids []int64
	for _, e := range events {
		if companies[e.Company] == nil {
			companies[e.Company] = new(foldCompany)
			ids = append(ids, int64(e.Company))
		}
	}
	var rows []struct {
		ID          impact.CompanyID
		TimeZone    string         `db:"time_zone"`
		NextOrdinal impact.Ordinal `db:"next_ordinal"`
		Erasures    int32
	}
	if err := tx.SelectContext(ctx, &rows, `
		SELECT id, time_zone, next_ordinal, erasures FROM company WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`,
		pq.Array(ids)); err != nil {
		return nil, wrap(err, "lock %d companies", len(ids))
	}
	if len(rows) != len(ids) {
		return nil, fmt.Errorf("db: lock companies: found %d of %v", len(rows), ids)
	}
	for _, r := range rows {
		location, err := time.LoadLocation(r.TimeZone)
		if err != nil {
			return nil, wrap(err, "company %d", r.ID)
		}
		*companies[r.ID] = foldCompany{location, r.NextOrdinal, r.Erasures}
	}
	return companies, nil
}

func peopleOf(lists ...[]*impact.Event) map[person]impact.Ordinal {
	people := make(map[person]impact.Ordinal)
	for _, events := range lists {
		for _, e := range events {
			if e.Participant != "" {
				people[person{e.Company, e.Participant}] = 0
			}
			if e.Volunteer != "" {
				people[person{e.Company, e.Volunteer}] = 0
			}
		}
	}
	return people
}

// announce raises the companies' versions and tells listeners.
func announce(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany) error {
	var ids, next []int64
	for id, c := range companies {
		ids, next = append(ids, int64(id)), append(next, int64(c.nextOrdinal))
	}
	var news []string
	if err := tx.SelectContext(ctx, &news, `
		UPDATE company SET version = version + 1, next_ordinal = n.next_ordinal
		FROM unnest($1::integer[], $2::integer[]) AS n (id, next_ordinal)
		WHERE company.id = n.id
		RETURNING company.id || ':' || version`, pq.Array(ids), pq.Array(next)); err != nil {
		return wrap(err, "raise versions")
	}
	const perNotice = 300 // a payload holds 8,000 bytes
	for chunk := range slices.Chunk(news, perNotice) {
		if _, err := tx.ExecContext(ctx, "SELECT pg_notify($1, $2)", Channel, strings.Join(chunk, " ")); err != nil {
			return wrap(err, "notify")
		}
	}
	return nil
}
