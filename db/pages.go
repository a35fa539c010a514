package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

func readPages(ctx context.Context, q sqlx.QueryerContext, answers []*answer) error {
	var sp spans
	for _, a := range answers {
		if a.Parts&impact.PartPeople == 0 {
			sp.add(a, a.Range)
			continue
		}
		for _, piece := range a.settings.Cut(a.Range) {
			sp.add(a, piece)
		}
	}
	people := make([]bool, len(sp.of))
	for i, a := range sp.of {
		people[i] = a.Parts&impact.PartPeople != 0
	}
	rows, err := q.QueryContext(ctx, query("read_pages"), sp.args(pq.Array(people))...)
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
		for page := range unpack(impact.Facet(facet[0]), packed) {
			if err := cell.MergePage(page); err != nil {
				return wrap(err, "read pages")
			}
		}
	}
	return wrap(rows.Err(), "read pages")
}

// How many page numbers of assessments are read together: of a year as many as a
// processor's cache holds decoded, of days, which hold little each, as few rows as can be.
const (
	pagesTogether      = 16
	pagesOfDayTogether = 256
)

func readLifts(ctx context.Context, q sqlx.QueryerContext, answers []*answer) error {
	var sp spans
	var question, together []int64
	for i, a := range answers {
		sp.add(a, a.Range)
		n := int64(pagesOfDayTogether)
		if slices.ContainsFunc(sp.grain[len(question):], func(grain string) bool { return grain != string(rune(impact.GrainDay)) }) {
			n = pagesTogether
		}
		for len(question) < len(sp.of) {
			question, together = append(question, int64(i)), append(together, n)
		}
	}
	rows, err := q.QueryContext(ctx, query("read_lifts"), sp.args(pq.Array(question), pq.Array(together))...)
	if err != nil {
		return wrap(err, "read lifts")
	}
	defer rows.Close()
	var lifts impact.Lifts
	at, first := 0, 0 // whose pages lifts holds, and from which number on
	count := func() {
		lift := lifts.Count()
		answers[at].lift.Assessed += lift.Assessed
		answers[at].lift.Improved += lift.Improved
	}
	for rows.Next() {
		var question, number int
		var packed sql.RawBytes
		if err := rows.Scan(&question, &number, &packed); err != nil {
			return wrap(err, "read lifts")
		}
		if question != at || number != first {
			count()
			at, first = question, number
		}
		for page, data := range unpacked(packed) {
			if err := lifts.Add(page, data); err != nil {
				return wrap(err, "read lifts")
			}
		}
	}
	count()
	return wrap(rows.Err(), "read lifts")
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
