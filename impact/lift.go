package impact

import (
	"encoding/binary"
	"math/bits"
)

// Lift is how many participants were assessed at least twice in one dimension or
// more, and how many of those improved: over the dimensions in which they were,
// last score - first score adds up to more than 0.
type Lift struct{ Assessed, Improved int64 }

// count counts a participant.
func (l *Lift) count(gain int64, assessed bool) {
	if assessed {
		l.Assessed++
	}
	if gain > 0 {
		l.Improved++
	}
}

// Lifts counts a [Lift] from the stored pages of any number of disjoint buckets, a few
// page numbers at a time, so that what is decoded fits a processor's cache: that is several
// times faster than to merge a cell for the same answer, and takes far less memory.
type Lifts struct {
	pages map[uint32]*liftPage
	spare []*liftPage
}

// Add adds a page of [FacetAssessments] and keeps nothing of it. The error is of a page
// that no version wrote; after one, l is to be thrown away.
func (l *Lifts) Add(number uint32, data []byte) error {
	page := l.pages[number]
	if page == nil {
		if l.pages == nil {
			l.pages = make(map[uint32]*liftPage)
		}
		if n := len(l.spare); n > 0 {
			page, l.spare = l.spare[n-1], l.spare[:n-1]
		} else {
			page = new(liftPage)
		}
		l.pages[number] = page
	}
	r := pageReader{data: data}
	for len(r.data) > 0 {
		page.read(&r, lowBits(r.person(number)))
	}
	if r.err != nil {
		return assessmentPages.fail(number, r.err)
	}
	return nil
}

// Count counts the people on the pages that were added since the last Count. All pages of a
// number have to be added before.
func (l *Lifts) Count() (total Lift) {
	for number, page := range l.pages {
		page.count(&total)
		clear(page[:])
		l.spare = append(l.spare, page)
		delete(l.pages, number)
	}
	return total
}

// liftPage is the people of a page number over all buckets.
type liftPage [1 << PageBits][numDimensions]bounds

// bounds is what [Assessment] keeps of first and last. n counts no further than 2.
type bounds struct {
	firstAt, lastAt int64
	first, last     Micro
	n               int32
}

// read adds the assessments that follow, of one person.
func (p *liftPage) read(r *pageReader, low byte) {
	for present := r.dimensions(); present != 0; present &= present - 1 {
		b := &p[low][bits.TrailingZeros64(present)]
		if n := b.mergeShort(r.data); n > 0 {
			r.data = r.data[n:]
			continue
		}
		a := r.assessment()
		if a.N <= 0 {
			r.torn()
			return
		}
		b.merge(min(a.N, 2), a.FirstAt, a.LastAt, a.First, a.Last)
	}
}

// mergeShort merges an assessment in short form, without a branch per byte, and says how
// many bytes it took: 0, and nothing is merged, if it is another, one of its varints is
// long or data ends soon.
func (b *bounds) mergeShort(data []byte) int {
	const most = 1 + 2*(3+6) + 8 // bytes: two scores and times, and the varints
	if len(data) < most {
		return 0
	}
	s := &shortShapes[data[0]]
	if s.fixed == 0 {
		return 0
	}
	n := s.fixed
	if s.varints > 0 {
		ends := ^word(data, n) & 0x8080808080808080
		for range s.varints - 1 {
			ends &= ends - 1
		}
		if ends == 0 {
			return 0
		}
		n += 1 + bits.TrailingZeros64(ends)>>3
	}
	b.merge(s.n, int64(word(data, 1+s.score))&s.timeMask*s.timeUnit, int64(word(data, s.second+s.score))&s.timeMask*s.timeUnit,
		Micro(int64(word(data, 1))&s.scoreMask*s.scoreUnit), Micro(int64(word(data, s.second))&s.scoreMask*s.scoreUnit))
	return n
}

func word(data []byte, at int) uint64 { return binary.LittleEndian.Uint64(data[at:]) }

func (b *bounds) merge(n int32, firstAt, lastAt int64, first, last Micro) {
	if b.n == 0 {
		*b = bounds{firstAt, lastAt, first, last, n}
		return
	}
	b.n = 2
	if firstAt < b.firstAt || firstAt == b.firstAt && first < b.first {
		b.firstAt, b.first = firstAt, first
	}
	if lastAt > b.lastAt || lastAt == b.lastAt && last > b.last {
		b.lastAt, b.last = lastAt, last
	}
}

func (p *liftPage) count(total *Lift) {
	for who := range p {
		var gain int64
		var assessed bool
		for d := range p[who] {
			if b := &p[who][d]; b.n >= 2 {
				gain += int64(b.last - b.first)
				assessed = true
			}
		}
		total.count(gain, assessed)
	}
}
