package impact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
)

// Facet names one family of per-person sums of a cell. A facet is stored in
// pages, so that one event rewrites the sums of a few hundred people and not of
// a whole company.
type Facet byte

// The facets.
const (
	FacetVolunteers   Facet = 'V'
	FacetParticipants Facet = 'P'
	FacetAssessments  Facet = 'A'
)

// PageBits is how many low bits of an ordinal count within a page.
const PageBits = 8

// Page is the encoded sums of the people whose ordinal >> PageBits is Number.
type Page struct {
	Facet  Facet
	Number uint32
	Data   []byte
}

// Pages yields the cell's per-person sums in pages, ascending. The encoding is
// canonical: equal sums give equal bytes.
func (c *Cell) Pages() iter.Seq[Page] {
	return func(yield func(Page) bool) {
		_ = pages(FacetVolunteers, c.Volunteers, appendVolunteer, yield) &&
			pages(FacetParticipants, c.Participants, appendParticipant, yield) &&
			pages(FacetAssessments, c.Assessments, appendAssessments, yield)
	}
}

// PageNumbers lists the pages that a facet of the cell touches, ascending.
func (c *Cell) PageNumbers(f Facet) []uint32 {
	switch f {
	case FacetVolunteers:
		return pageNumbers(c.Volunteers)
	case FacetParticipants:
		return pageNumbers(c.Participants)
	case FacetAssessments:
		return pageNumbers(c.Assessments)
	}
	return nil
}

// MergePage adds the sums of an encoded page. It takes only what [Cell.Pages] can
// have written: a page that names people of another page, or one person twice, is
// as torn as one that ends early. After an error the cell is to be thrown away.
func (c *Cell) MergePage(p Page) error {
	r := pageReader{data: p.Data, next: uint64(p.Number) << PageBits}
	for len(r.data) > 0 {
		who := r.person(p.Number)
		switch p.Facet {
		case FacetVolunteers:
			mergePerson(&r, &c.Volunteers, who, r.volunteer(), (*VolunteerSums).merge)
		case FacetParticipants:
			mergePerson(&r, &c.Participants, who, r.participant(), (*ParticipantSums).merge)
		case FacetAssessments:
			mergePerson(&r, &c.Assessments, who, r.assessments(), (*AssessmentSums).merge)
		default:
			return fmt.Errorf("impact: unknown facet %q", p.Facet)
		}
	}
	if r.err != nil {
		return fmt.Errorf("impact: page %q %d: %w", p.Facet, p.Number, r.err)
	}
	return nil
}

func mergePerson[V any](r *pageReader, people *map[Ordinal]*V, who Ordinal, v V, merge func(*V, *V)) {
	if r.err == nil {
		merge(slot(people, who), &v)
	}
}

func pageNumbers[V any](people map[Ordinal]*V) []uint32 {
	seen := make(map[uint32]struct{})
	for who := range people {
		seen[who>>PageBits] = struct{}{}
	}
	return slices.Sorted(maps.Keys(seen))
}

func pages[V any](f Facet, people map[Ordinal]*V, enc func([]byte, *V) []byte, yield func(Page) bool) bool {
	order := slices.Sorted(maps.Keys(people))
	for len(order) > 0 {
		p := Page{Facet: f, Number: order[0] >> PageBits}
		last := uint64(p.Number) << PageBits
		for len(order) > 0 && order[0]>>PageBits == p.Number {
			who := order[0]
			p.Data = binary.AppendUvarint(p.Data, uint64(who)-last)
			p.Data = enc(p.Data, people[who])
			last = uint64(who)
			order = order[1:]
		}
		if !yield(p) {
			return false
		}
	}
	return true
}

func appendVolunteer(b []byte, v *VolunteerSums) []byte {
	b = binary.AppendVarint(b, v.N)
	b = binary.AppendVarint(b, v.MS)
	b = binary.AppendUvarint(b, uint64(len(v.Met)))
	last := Ordinal(0)
	for _, who := range v.Met {
		b = binary.AppendUvarint(b, uint64(who-last))
		last = who
	}
	return b
}

func appendParticipant(b []byte, p *ParticipantSums) []byte {
	for _, x := range [...]int64{p.Sessions, p.MS, p.Ratings, p.RatingSum} {
		b = binary.AppendVarint(b, x)
	}
	return b
}

func appendAssessments(b []byte, as *AssessmentSums) []byte {
	var present uint64
	for d := range as {
		if as[d].N != 0 {
			present |= 1 << d
		}
	}
	b = binary.AppendUvarint(b, present)
	for d := range as {
		a := &as[d]
		if a.N == 0 {
			continue
		}
		for _, x := range [...]int64{
			a.N, a.Sum, a.ConfidenceN, a.ConfidenceSum,
			a.FirstAt, a.LastAt - a.FirstAt, int64(a.First), int64(a.Last),
		} {
			b = binary.AppendVarint(b, x)
		}
	}
	return b
}

var errPageTorn = errors.New("torn page")

type pageReader struct {
	data []byte
	next uint64 // the ordinal that the next gap counts from
	some bool   // a person was read
	err  error
}

func (r *pageReader) torn() { r.err, r.data = errPageTorn, nil }

func (r *pageReader) uvarint() uint64 {
	x, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.torn()
		return 0
	}
	r.data = r.data[n:]
	return x
}

func (r *pageReader) varint() int64 {
	x, n := binary.Varint(r.data)
	if n <= 0 {
		r.torn()
		return 0
	}
	r.data = r.data[n:]
	return x
}

// person reads whose sums follow.
func (r *pageReader) person(page uint32) Ordinal {
	gap := r.uvarint()
	if gap >= 1<<PageBits || r.some && gap == 0 ||
		(r.next+gap)>>PageBits != uint64(page) || r.next+gap > math.MaxUint32 {
		r.torn()
		return 0
	}
	r.next += gap
	r.some = true
	return Ordinal(r.next)
}

func (r *pageReader) volunteer() (v VolunteerSums) {
	v.N, v.MS = r.varint(), r.varint()
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.torn()
		return v
	}
	v.Met = make([]Ordinal, n)
	last := uint64(0)
	for i := range v.Met {
		gap := r.uvarint()
		if gap > math.MaxUint32-last || i > 0 && gap == 0 {
			r.torn()
			return v
		}
		last += gap
		v.Met[i] = Ordinal(last)
	}
	return v
}

func (r *pageReader) participant() (p ParticipantSums) {
	p.Sessions, p.MS, p.Ratings, p.RatingSum = r.varint(), r.varint(), r.varint(), r.varint()
	return p
}

func (r *pageReader) assessments() (as AssessmentSums) {
	present := r.uvarint()
	if present>>len(as) != 0 {
		r.torn()
		return as
	}
	for d := range as {
		if present&(1<<d) == 0 {
			continue
		}
		a := &as[d]
		a.N, a.Sum, a.ConfidenceN, a.ConfidenceSum = r.varint(), r.varint(), r.varint(), r.varint()
		a.FirstAt = r.varint()
		a.LastAt = a.FirstAt + r.varint()
		a.First, a.Last = r.score(), r.score()
		if a.N <= 0 {
			r.torn()
		}
	}
	return as
}

func (r *pageReader) score() Micro {
	x := r.varint()
	if x != int64(Micro(x)) {
		r.torn()
	}
	return Micro(x)
}
