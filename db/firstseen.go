package db

import (
	"context"
	"database/sql"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// placePages chooses who is on the pages in the order of the log, and reads the sums that
// they need: of the people on them, and of those whom they met.
func (s *Store) placePages(ctx context.Context, pages []*rosterPage) error {
	var own, met personPages
	for _, p := range pages {
		if p.Order != impact.OrderFirstSeen {
			continue
		}
		all := p.reading.Total()
		p.Roster = impact.PageByFirstSeen(p.RosterQuestion, all.Members(p.Role.Set()))
		cell := new(impact.Cell)
		for _, set := range []impact.Set{impact.SetParticipants, impact.SetVolunteers, impact.SetPlaced, impact.SetReady} {
			cell.MergeSet(set, all.Members(set))
		}
		// Of its own: pages share what was read.
		settings := p.reading.Settings
		p.reading = impact.NewReading(p.reading.Question, nil, cell, nil, nil)
		p.reading.Settings = settings

		people := func(yield func(impact.Ordinal) bool) {
			for _, who := range p.People {
				if !yield(who.Who) {
					return
				}
			}
		}
		if p.Role == impact.RoleVolunteer {
			own.add(p, impact.FacetVolunteers, people)
			continue
		}
		own.add(p, impact.FacetParticipants, people)
		own.add(p, impact.FacetAssessments, people)
		own.add(p, impact.FacetVolunteers, each(all.Members(impact.SetVolunteers).Iterator())) // whoever met them
	}
	listed := make(map[*rosterPage]map[impact.Ordinal]bool)
	if err := own.read(ctx, s, func(p *rosterPage, page impact.Page) error {
		if p.Role == impact.RoleParticipant && page.Facet == impact.FacetVolunteers {
			if listed[p] == nil {
				listed[p] = make(map[impact.Ordinal]bool)
				for _, who := range p.People {
					listed[p][who.Who] = true
				}
			}
			return mergeMet(p.reading.Total(), page, listed[p])
		}
		return p.reading.Total().MergePage(page)
	}); err != nil {
		return err
	}
	for _, p := range pages {
		if p.Order != impact.OrderFirstSeen || p.Role != impact.RoleVolunteer {
			continue
		}
		people := func(yield func(impact.Ordinal) bool) {
			for _, who := range p.People {
				if v := p.reading.Total().Volunteers.Get(who.Who); v != nil {
					for _, one := range v.Met {
						if !yield(one) {
							return
						}
					}
				}
			}
		}
		met.add(p, impact.FacetParticipants, people)
		met.add(p, impact.FacetAssessments, people)
	}
	return met.read(ctx, s, func(p *rosterPage, page impact.Page) error { return p.reading.Total().MergePage(page) })
}

// mergeMet adds to a cell which of the listed people the volunteers of a page met, and
// nothing else of them.
func mergeMet(to *impact.Cell, page impact.Page, listed map[impact.Ordinal]bool) error {
	var c impact.Cell
	if err := c.MergePage(page); err != nil {
		return err
	}
	for who, v := range c.Volunteers.All() {
		for _, one := range v.Met {
			if !listed[one] {
				continue
			}
			sums := to.Volunteers.At(who)
			if at, known := slices.BinarySearch(sums.Met, one); !known {
				sums.Met = slices.Insert(sums.Met, at, one)
			}
		}
	}
	return nil
}

// personPages are pages of sums to read, over the ranges of lists.
type personPages struct {
	spans
	facets, numbers []string
	lists           []*rosterPage
}

func (pp *personPages) add(p *rosterPage, facet impact.Facet, people iter.Seq[impact.Ordinal]) {
	numbers := pageNumbers(people)
	for _, span := range p.Range.Cover() {
		pp.addSpan(p.Company, p.Programme, span)
		pp.facets, pp.numbers, pp.lists = append(pp.facets, string(rune(facet))), append(pp.numbers, numbers), append(pp.lists, p)
	}
}

func (pp *personPages) read(ctx context.Context, s *Store, each func(*rosterPage, impact.Page) error) error {
	if len(pp.lists) == 0 {
		return nil
	}
	rows, err := s.db.QueryContext(ctx, query("read_person_months"), pp.args(pq.Array(pp.facets), pq.Array(pp.numbers))...)
	if err != nil {
		return wrap(err, "read people's sums")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var bucket impact.Day
		var page impact.Page
		var data sql.RawBytes
		if err := rows.Scan(&place, &bucket, &page.Number, &data); err != nil {
			return wrap(err, "read people's sums")
		}
		page.Facet, page.Data = impact.Facet(pp.facets[place-1][0]), data
		if err := each(pp.lists[place-1], page); err != nil {
			return wrap(err, "read people's sums")
		}
	}
	return wrap(rows.Err(), "read people's sums")
}

// pageNumbers are the numbers of the pages that people are on, as the text of an array.
func pageNumbers(people iter.Seq[impact.Ordinal]) string {
	needed := make(map[uint32]bool)
	for who := range people {
		needed[who>>impact.PageBits] = true
	}
	var text strings.Builder
	for i, number := range slices.Sorted(maps.Keys(needed)) {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strconv.FormatUint(uint64(number), 10))
	}
	return "{" + text.String() + "}"
}

// each is what an iterator has left.
func each(it interface {
	HasNext() bool
	Next() uint32
}) iter.Seq[impact.Ordinal] {
	return func(yield func(impact.Ordinal) bool) {
		for it.HasNext() && yield(it.Next()) {
		}
	}
}
