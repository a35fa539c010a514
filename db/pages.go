package db

import (
	"context"
	"encoding/binary"
	"iter"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

func readPages(ctx context.Context, s *Store, answers []*answer) error {
	var sp spans
	for _, a := range answers {
		if a.Parts&impact.PartPeople == 0 {
			sp.add(a, a.Range, false)
			continue
		}
		for _, piece := range a.settings.Cut(a.Range) {
			sp.add(a, piece, false)
		}
	}
	people := make([]bool, len(sp.of))
	for i, a := range sp.of {
		people[i] = a.Parts&impact.PartPeople != 0
	}
	rows, err := s.db.QueryContext(ctx, query("read_pages"), sp.args(pq.Array(people))...)
	if err != nil {
		return wrap(err, "read pages")
	}
	defer rows.Close()
	for rows.Next() {
		var place, year int
		var facet string
		var packed []byte
		if err := rows.Scan(&place, &year, &facet, &packed); err != nil {
			return wrap(err, "read pages")
		}
		if len(facet) != 1 {
			continue // folded by a newer version
		}
		a := sp.of[place-1]
		cell := a.rest
		if impact.Facet(facet[0]) == impact.FacetParticipants {
			cell = sp.segment(place, year)
		}
		if err := a.addPages(cell, impact.Facet(facet[0]), packed); err != nil {
			return wrap(err, "read pages")
		}
	}
	if err := rows.Err(); err != nil {
		return wrap(err, "read pages")
	}
	for _, a := range answers {
		if a.Parts&impact.PartLift != 0 {
			if a.lift, err = a.lifts.Count(); err != nil {
				return wrap(err, "read pages")
			}
			a.lifts = impact.Lifts{}
		}
	}
	return nil
}

// addPages adds the pages of a bucket's facet to a cell; it keeps packed.
func (a *answer) addPages(cell *impact.Cell, facet impact.Facet, packed []byte) error {
	for page := range unpack(facet, packed) {
		if facet == impact.FacetAssessments && a.Parts&impact.PartLift != 0 {
			a.lifts.Add(page.Number, page.Data)
		}
		if a.Parts&(impact.PartAssessments|impact.PartPeople) != 0 {
			if err := cell.MergePage(page); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpack yields the pages that a statement packed into one value.
func unpack(facet impact.Facet, packed []byte) iter.Seq[impact.Page] {
	return func(yield func(impact.Page) bool) {
		for number, data := range unpacked(packed) {
			if !yield(impact.Page{Facet: facet, Number: number, Data: data}) {
				return
			}
		}
	}
}

// unpacked yields what a statement packed into one value: numbers, each with its data.
// What is cut short, as no statement of ours packs it, comes out as data that no reader
// takes.
func unpacked(packed []byte) iter.Seq2[uint32, []byte] {
	const head = 8
	return func(yield func(uint32, []byte) bool) {
		for len(packed) >= head {
			number, length := binary.BigEndian.Uint32(packed), int(binary.BigEndian.Uint32(packed[4:]))
			length = min(length, len(packed)-head)
			data := packed[head : head+length : head+length]
			if packed = packed[head+length:]; !yield(number, data) {
				return
			}
		}
	}
}
