package db

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Rosters answers questions in their order, from the rollups, by a constant number of
// statements for all of them. The questions have passed their Check. Nothing is kept:
// the answers name people.
func (f *Figures) Rosters(ctx context.Context, questions []impact.RosterQuestion) ([]*impact.Roster, error) {
	place := make(map[impact.Question]int)
	var asked []impact.Question
	of := make([]int, len(questions))
	for i, q := range questions {
		question := impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range, Parts: impact.PartsCohort}
		if q.Order == impact.OrderFirstSeen {
			question.Parts = impact.PartMembers
		}
		at, ok := place[question]
		if !ok {
			at = len(asked)
			place[question] = at
			asked = append(asked, question)
		}
		of[i] = at
	}
	readings, err := f.read(ctx, asked)
	if err != nil {
		return nil, err
	}
	pages := make([]*rosterPage, len(questions))
	for i := range questions {
		r := readings[of[i]]
		pages[i] = &rosterPage{RosterQuestion: &questions[i], reading: r, params: r.Settings.VIS(impact.DefaultVIS, r.Range)}
	}
	return f.store.rosters(ctx, pages)
}

// rosterPage is a page in the making.
type rosterPage struct {
	*impact.RosterQuestion
	reading *impact.Reading
	params  impact.VISParams
	impact.Roster
	months map[impact.Day]*impact.Cell
}

func (s *Store) rosters(ctx context.Context, pages []*rosterPage) ([]*impact.Roster, error) {
	if err := s.placePages(ctx, pages); err != nil {
		return nil, err
	}
	if err := s.namePages(ctx, pages); err != nil {
		return nil, err
	}
	if err := s.readMonths(ctx, pages); err != nil {
		return nil, err
	}
	if err := s.readProgrammes(ctx, pages); err != nil {
		return nil, err
	}
	rosters := make([]*impact.Roster, len(pages))
	for i, p := range pages {
		p.reading.Describe(p.Role, p.People, p.params)
		for _, month := range slices.Sorted(maps.Keys(p.months)) {
			for _, who := range p.People {
				who.AddMonth(p.Role, month, p.months[month])
			}
		}
		rosters[i] = &p.Roster
	}
	return rosters, nil
}

// namePages chooses who is on each page, and reads the keys of the people: by name, of
// everybody.
func (s *Store) namePages(ctx context.Context, pages []*rosterPage) error {
	var companies, ordinals []int64
	ask := func(p *rosterPage, who impact.Ordinal) {
		companies, ordinals = append(companies, int64(p.Company)), append(ordinals, int64(who))
	}
	for _, p := range pages {
		if p.Order == impact.OrderName {
			for it := p.reading.Total().Members(p.Role.Set()).Iterator(); it.HasNext(); {
				ask(p, it.Next())
			}
			continue
		}
		if p.Order != impact.OrderFirstSeen {
			p.Roster = p.reading.Page(p.RosterQuestion, p.params)
		}
		for _, who := range p.People {
			ask(p, who.Who)
		}
	}
	rows, err := s.db.QueryContext(ctx, query("read_person_keys"), pq.Array(companies), pq.Array(ordinals))
	if err != nil {
		return wrap(err, "read people")
	}
	defer rows.Close()
	keys := make(map[impact.CompanyID]map[impact.Ordinal]string)
	for rows.Next() {
		var company impact.CompanyID
		var who impact.Ordinal
		var key string
		if err := rows.Scan(&company, &who, &key); err != nil {
			return wrap(err, "read people")
		}
		if keys[company] == nil {
			keys[company] = make(map[impact.Ordinal]string)
		}
		keys[company][who] = key
	}
	for _, p := range pages {
		if p.Order == impact.OrderName {
			p.Roster = p.reading.PageByName(p.RosterQuestion, keys[p.Company])
		}
		for _, who := range p.People {
			who.Key = keys[p.Company][who.Who]
		}
	}
	return wrap(rows.Err(), "read people")
}

// readMonths reads what the people on the pages did in each month.
func (s *Store) readMonths(ctx context.Context, pages []*rosterPage) error {
	var sp spans
	var facets, numbers []string
	var of []*rosterPage
	for _, p := range pages {
		p.months = make(map[impact.Day]*impact.Cell)
		var people []impact.Ordinal
		for _, who := range p.People {
			people = append(people, who.Who)
		}
		list := pageNumbers(slices.Values(people))
		for _, span := range p.Range.MonthSpans() {
			sp.addSpan(p.Company, p.Programme, span)
			facets, numbers, of = append(facets, string(rune(p.Role.Facet()))), append(numbers, list), append(of, p)
		}
	}
	rows, err := s.db.QueryContext(ctx, query("read_person_months"), sp.args(pq.Array(facets), pq.Array(numbers))...)
	if err != nil {
		return wrap(err, "read people's months")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var bucket impact.Day
		var number uint32
		var data sql.RawBytes
		if err := rows.Scan(&place, &bucket, &number, &data); err != nil {
			return wrap(err, "read people's months")
		}
		p := of[place-1]
		month := impact.GrainMonth.Bucket(bucket)
		if p.months[month] == nil {
			p.months[month] = new(impact.Cell)
		}
		if err := p.months[month].MergePage(impact.Page{Facet: p.Role.Facet(), Number: number, Data: data}); err != nil {
			return wrap(err, "read people's months")
		}
	}
	return wrap(rows.Err(), "read people's months")
}

// readProgrammes reads in which programmes the people on the pages were active.
func (s *Store) readProgrammes(ctx context.Context, pages []*rosterPage) error {
	var sp spans
	var sets []string
	var of []*rosterPage
	for _, p := range pages {
		for _, span := range p.Range.Cover() {
			sp.addSpan(p.Company, p.Programme, span)
			sets, of = append(sets, p.Role.Set().String()), append(of, p)
		}
	}
	rows, err := s.db.QueryContext(ctx, query("read_person_programmes"), sp.args(pq.Array(sets))...)
	if err != nil {
		return wrap(err, "read people's programmes")
	}
	defer rows.Close()
	members := roaring.New()
	for rows.Next() {
		var place int
		var programme string
		var data sql.RawBytes
		if err := rows.Scan(&place, &programme, &data); err != nil {
			return wrap(err, "read people's programmes")
		}
		if err := members.UnmarshalBinary(data); err != nil {
			return wrap(err, "read people's programmes")
		}
		for _, who := range of[place-1].People {
			if members.Contains(who.Who) && !slices.Contains(who.Programmes, programme) {
				who.Programmes = append(who.Programmes, programme)
			}
		}
	}
	for _, p := range pages {
		for _, who := range p.People {
			slices.Sort(who.Programmes)
		}
	}
	return wrap(rows.Err(), "read people's programmes")
}
