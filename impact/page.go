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

// PageBits is how many low bits of an ordinal count within a page: few enough
// that most pages fit beside each other in a block of Postgres.
const PageBits = 7

// Page is the encoded sums of the people whose ordinal >> PageBits is Number.
//
// Each person is one byte, the low bits of the ordinal, and then the sums, most of
// them as varints; people are in ascending order. The encoding is canonical: equal
// sums give equal bytes.
type Page struct {
	Facet  Facet
	Number uint32
	Data   []byte
}

// PageUpdate is what a cell adds to one page.
type PageUpdate struct {
	Facet  Facet
	Number uint32
	// Merge is the page that stored becomes; nil stands for a page that is not there
	// yet. It decodes only the people that the update is about. The error is of a
	// page that no version wrote.
	Merge func(stored []byte) ([]byte, error)
}

// Pages yields the cell's per-person sums in pages, ascending.
func (c *Cell) Pages() iter.Seq[Page] {
	return func(yield func(Page) bool) {
		for _, u := range c.PageUpdates() {
			data, err := u.Merge(nil)
			if err != nil {
				panic(err) // nothing was read
			}
			if !yield(Page{u.Facet, u.Number, data}) {
				return
			}
		}
	}
}

// PageUpdates lists what the cell adds to each page that it touches, ascending.
// The cell must not change while they are used.
func (c *Cell) PageUpdates() []PageUpdate {
	var list []PageUpdate
	list = volunteerPages.updates(list, &c.Volunteers)
	list = participantPages.updates(list, &c.Participants)
	return assessmentPages.updates(list, &c.Assessments)
}

// MergePage adds the sums of an encoded page. It takes only what [Cell.Pages] can
// have written: a page that names people out of order, or one twice, is as torn as
// one that ends early. After an error the cell is to be thrown away.
func (c *Cell) MergePage(p Page) error {
	switch p.Facet {
	case FacetVolunteers:
		return volunteerPages.into(&c.Volunteers, p)
	case FacetParticipants:
		return participantPages.into(&c.Participants, p)
	case FacetAssessments:
		return assessmentPages.into(&c.Assessments, p)
	}
	return fmt.Errorf("impact: unknown facet %q", p.Facet)
}

// pageCodec reads and writes the sums of one facet.
type pageCodec[V any] struct {
	facet  Facet
	read   func(*pageReader, *V) // adds the sums that follow
	skip   func(*pageReader)
	append func([]byte, *V) []byte
	merge  func(*V, *V)
}

var (
	volunteerPages = pageCodec[VolunteerSums]{
		FacetVolunteers, (*pageReader).volunteer, (*pageReader).skipVolunteer, appendVolunteer, (*VolunteerSums).merge,
	}
	participantPages = pageCodec[ParticipantSums]{
		FacetParticipants, (*pageReader).participant, (*pageReader).skipParticipant, appendParticipant, (*ParticipantSums).merge,
	}
	assessmentPages = pageCodec[AssessmentSums]{
		FacetAssessments, (*pageReader).assessments, (*pageReader).skipAssessments, appendAssessments, (*AssessmentSums).merge,
	}
)

func (pc *pageCodec[V]) updates(list []PageUpdate, people *People[V]) []PageUpdate {
	for _, number := range slices.Sorted(maps.Keys(people.pages)) {
		list = append(list, PageUpdate{pc.facet, number, func(stored []byte) ([]byte, error) {
			return pc.update(number, stored, people.pages[number])
		}})
	}
	return list
}

// update merges the sums of added into a stored page.
func (pc *pageCodec[V]) update(number uint32, stored []byte, added *peoplePage[V]) ([]byte, error) {
	const guess = 12 // bytes per person
	out := make([]byte, 0, len(stored)+guess*len(added.list))
	r := pageReader{data: stored}
	next := 0 // the first of added that is not written
	// write writes those of added below low.
	write := func(low int) {
		for ; next < low; next++ {
			if at := added.place[next]; at != 0 {
				out = pc.append(append(out, byte(next)), &added.list[at-1])
			}
		}
	}
	for len(r.data) > 0 {
		low := int(lowBits(r.person(number)))
		write(low)
		out = append(out, byte(low))
		if at := added.place[low]; at != 0 && next == low {
			var sums V
			pc.read(&r, &sums)
			pc.merge(&sums, &added.list[at-1])
			out = pc.append(out, &sums)
			next++
		} else {
			rest := r.data
			pc.skip(&r)
			out = append(out, rest[:len(rest)-len(r.data)]...)
		}
		if r.err != nil {
			return nil, pc.fail(number, r.err)
		}
	}
	write(len(added.place))
	return out, nil
}

func lowBits(who Ordinal) byte { return byte(who & (1<<PageBits - 1)) }

func (pc *pageCodec[V]) into(people *People[V], p Page) error {
	r := pageReader{data: p.Data}
	for len(r.data) > 0 {
		who := r.person(p.Number)
		if r.err == nil {
			pc.read(&r, people.At(who))
		}
	}
	if r.err != nil {
		return pc.fail(p.Number, r.err)
	}
	return nil
}

func (pc *pageCodec[V]) fail(number uint32, err error) error {
	return fmt.Errorf("impact: page %q %d: %w", pc.facet, number, err)
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
	for _, x := range [...]int64{p.MS, p.Ratings, p.RatingSum} {
		b = binary.AppendVarint(b, x)
	}
	return b
}

var errPageTorn = errors.New("torn page")

type pageReader struct {
	data []byte
	last int // the low bits of the person before, plus one
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
	low := int(r.data[0])
	if low < r.last || low >= 1<<PageBits || page > math.MaxUint32>>PageBits {
		r.torn()
		return 0
	}
	r.data, r.last = r.data[1:], low+1
	return page<<PageBits | Ordinal(low)
}

// skipVarints passes over n varints.
func (r *pageReader) skipVarints(n uint64) {
	for i, c := range r.data {
		if n == 0 {
			r.data = r.data[i:]
			return
		}
		if c < 0x80 {
			n--
		}
	}
	if r.data = nil; n > 0 {
		r.torn()
	}
}

// skip passes over n bytes.
func (r *pageReader) skip(n int) {
	if n > len(r.data) {
		r.torn()
		return
	}
	r.data = r.data[n:]
}

func (r *pageReader) skipVolunteer() {
	r.skipVarints(2)
	r.skipVarints(r.uvarint())
}

func (r *pageReader) skipParticipant() { r.skipVarints(3) }

func (r *pageReader) volunteer(sum *VolunteerSums) {
	v := VolunteerSums{N: r.varint(), MS: r.varint()}
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.torn()
		return
	}
	v.Met = make([]Ordinal, n)
	last := uint64(0)
	for i := range v.Met {
		gap := r.uvarint()
		if gap > math.MaxUint32-last || i > 0 && gap == 0 {
			r.torn()
			return
		}
		last += gap
		v.Met[i] = Ordinal(last)
	}
	if r.err == nil {
		sum.merge(&v)
	}
}

func (r *pageReader) participant(sum *ParticipantSums) {
	p := ParticipantSums{r.varint(), r.varint(), r.varint()}
	sum.merge(&p)
}
