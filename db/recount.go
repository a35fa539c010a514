package db

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Cells add up but cannot be subtracted from: of a set of people it is not known why
// each is in it. A cell that loses an event is therefore made anew: days from the
// log, and from the days whatever is wider.

// recount makes stale cells anew, and all that they are part of. Everything else of
// the fold is in the rollups already.
func (s *Store) recount(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, stale staleCells) error {
	if len(stale) == 0 {
		return nil
	}
	if err := s.recountDays(ctx, tx, companies, stale); err != nil {
		return err
	}
	programmes, err := programmesOf(ctx, tx, stale)
	if err != nil {
		return err
	}
	var days, months, years widening
	for company, cells := range stale {
		for at := range cells {
			days.widen(company, impact.AllProgrammes, impact.GrainDay, at.day, impact.GrainDay, programmes[company]...)
			for _, p := range [...]string{at.programme, impact.AllProgrammes} {
				months.widen(company, p, impact.GrainMonth, at.day, impact.GrainDay, p)
				years.widen(company, p, impact.GrainYear, at.day, impact.GrainMonth, p)
			}
		}
	}
	for _, w := range [...]*widening{&days, &months, &years} {
		if err := w.run(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// recountDays makes the cells of a programme and a day anew, from the log.
func (s *Store) recountDays(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, stale staleCells) error {
	var gone cellColumns
	var ids []int64
	var programmes []string
	var from, to []time.Time
	for company, cells := range stale {
		days := make(map[string][]impact.Day)
		for at := range cells {
			gone.add(company, impact.CellKey{Programme: at.programme, Grain: impact.GrainDay, Bucket: at.day})
			days[at.programme] = append(days[at.programme], at.day)
		}
		for programme, list := range days {
			for _, span := range spansAround(list, companies[company].location) {
				ids, programmes = append(ids, int64(company)), append(programmes, programme)
				from, to = append(from, span[0]), append(to, span[1])
			}
		}
	}
	if _, err := tx.ExecContext(ctx, query("fold_drop"), gone.args()...); err != nil {
		return wrap(err, "drop %d cells", len(ids))
	}
	const within = `{of}.company_id = asked.company_id AND {of}.programme = asked.programme
		AND {of}.occurred_at >= asked."from" AND {of}.occurred_at < asked."to"`
	if _, err := tx.ExecContext(ctx, "DECLARE log NO SCROLL CURSOR FOR "+query("read_events")+`
		FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS asked (company_id, programme, "from", "to")
		CROSS JOIN LATERAL `+countedEvents(within)+" event",
		pq.Array(ids), pq.Array(programmes), pq.Array(from), pq.Array(to)); err != nil {
		return wrap(err, "recount")
	}
	fresh := make(map[impact.CompanyID]impact.Cells)
	if err := s.eachChunk(ctx, tx, companies, func(events []*impact.Event, people map[person]impact.Ordinal) error {
		for _, e := range events {
			day := impact.DayAt(e.OccurredAt, companies[e.Company].location)
			if !stale[e.Company][programmeDay{e.Programme, day}] {
				continue // of the hours around the days
			}
			if fresh[e.Company] == nil {
				fresh[e.Company] = make(impact.Cells)
			}
			fresh[e.Company].Add(e, day, people[person{e.Company, e.Participant}], people[person{e.Company, e.Volunteer}])
		}
		return nil
	}); err != nil {
		return err
	}
	return mergeCells(ctx, tx, fresh)
}

// dayMargin is by how much a day may begin before, or end after, the midnights that
// its time zone has: clocks have been set back across midnight.
const dayMargin = 2 * time.Hour

// spansAround are the times that hold the days, none of them twice.
func spansAround(days []impact.Day, location *time.Location) (spans [][2]time.Time) {
	slices.Sort(days)
	for _, d := range days {
		y, m, n := d.Time().Date()
		from := time.Date(y, m, n, 0, 0, 0, 0, location).Add(-dayMargin)
		to := time.Date(y, m, n+1, 0, 0, 0, 0, location).Add(dayMargin)
		if last := len(spans) - 1; last >= 0 && !from.After(spans[last][1]) {
			spans[last][1] = to
		} else {
			spans = append(spans, [2]time.Time{from, to})
		}
	}
	return spans
}

func programmesOf(ctx context.Context, tx *sqlx.Tx, stale staleCells) (map[impact.CompanyID][]string, error) {
	var ids []int64
	for id := range stale {
		ids = append(ids, int64(id))
	}
	var rows []struct {
		Company   impact.CompanyID `db:"company_id"`
		Programme string
	}
	if err := tx.SelectContext(ctx, &rows, query("fold_programmes"), pq.Array(ids)); err != nil {
		return nil, wrap(err, "find programmes")
	}
	programmes := make(map[impact.CompanyID][]string)
	for _, r := range rows {
		programmes[r.Company] = append(programmes[r.Company], r.Programme)
	}
	return programmes, nil
}

// cellPlace is a cell among those of all companies.
type cellPlace struct {
	company impact.CompanyID
	impact.CellKey
}

// widening makes cells anew out of stored ones of a narrower grain, or of single
// programmes.
type widening struct {
	parts map[cellPlace][]cellPlace // of each cell; the bucket of a part is any day of the cell
}

func (w *widening) widen(company impact.CompanyID, programme string, grain impact.Grain, day impact.Day, from impact.Grain, programmes ...string) {
	if w.parts == nil {
		w.parts = make(map[cellPlace][]cellPlace)
	}
	at := cellPlace{company, impact.CellKey{Programme: programme, Grain: grain, Bucket: grain.Bucket(day)}}
	if _, known := w.parts[at]; known {
		return
	}
	w.parts[at] = nil
	for _, p := range programmes {
		w.parts[at] = append(w.parts[at], cellPlace{company, impact.CellKey{Programme: p, Grain: from, Bucket: day}})
	}
}

func (w *widening) run(ctx context.Context, tx *sqlx.Tx) error {
	var gone, parts cellColumns
	var to []string
	var places []int64
	cells := make(map[impact.CompanyID]impact.Cells)
	var list []*impact.Cell
	for at, of := range w.parts {
		gone.add(at.company, at.CellKey)
		span := at.Grain.Range(at.Bucket)
		for _, p := range of {
			p.Bucket = span.From
			parts.add(p.company, p.CellKey)
			to, places = append(to, span.To.String()), append(places, int64(len(list)))
		}
		if cells[at.company] == nil {
			cells[at.company] = make(impact.Cells)
		}
		c := new(impact.Cell)
		cells[at.company][at.CellKey] = c
		list = append(list, c)
	}
	if _, err := tx.ExecContext(ctx, query("fold_drop"), gone.args()...); err != nil {
		return wrap(err, "drop %d cells", len(list))
	}
	if err := readParts(ctx, tx, list, parts.args(pq.Array(to), pq.Array(places))); err != nil {
		return wrap(err, "widen")
	}
	for _, cs := range cells {
		maps.DeleteFunc(cs, func(_ impact.CellKey, c *impact.Cell) bool { return c.Empty() })
	}
	return mergeCells(ctx, tx, cells)
}

// readParts merges stored cells into those of list; each row says which.
func readParts(ctx context.Context, tx *sqlx.Tx, list []*impact.Cell, args []any) error {
	if err := eachRow(ctx, tx, query("fold_parts_tallies"), args, func(scan func(...any) error) error {
		var place int
		var measure string
		var t impact.Tally
		if err := scan(&place, &measure, &t.N, &t.Sum); err != nil {
			return err
		}
		if m, known := impact.ParseMeasure(measure); known {
			list[place].Tallies[m] = t
		}
		return nil
	}); err != nil {
		return err
	}
	if err := eachRow(ctx, tx, query("fold_parts_sets"), args, func(scan func(...any) error) error {
		var place int
		var name string
		var data []byte
		if err := scan(&place, &name, &data); err != nil {
			return err
		}
		members := roaring.New()
		if err := members.UnmarshalBinary(data); err != nil {
			return err
		}
		if set, known := impact.ParseSet(name); known {
			list[place].MergeSet(set, members)
		}
		return nil
	}); err != nil {
		return err
	}
	return eachRow(ctx, tx, query("fold_parts_pages"), args, func(scan func(...any) error) error {
		var place int
		var facet string
		var p impact.Page
		if err := scan(&place, &facet, &p.Number, &p.Data); err != nil {
			return err
		}
		p.Facet = impact.Facet(facet[0])
		return list[place].MergePage(p)
	})
}

func eachRow(ctx context.Context, tx *sqlx.Tx, sql string, args []any, f func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
