package impact

import "math/bits"

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

// Lifts counts a [Lift] from the stored pages of any number of disjoint buckets. It
// keeps them as they are until the end and then goes through one page number after
// the other, so that what is decoded at any time fits a processor's cache: that is
// several times faster than to merge a cell for the same answer, and takes no more
// memory than the pages.
type Lifts struct {
	pages map[uint32][][]byte
}

// Add takes a page of [FacetAssessments], which must not be changed any more.
func (l *Lifts) Add(number uint32, data []byte) {
	if l.pages == nil {
		l.pages = make(map[uint32][][]byte)
	}
	l.pages[number] = append(l.pages[number], data)
}

// Count counts what was added. The error is of a page that no version wrote.
func (l *Lifts) Count() (Lift, error) {
	var total Lift
	var page liftPage
	for number, buckets := range l.pages {
		clear(page[:])
		for _, data := range buckets {
			r := pageReader{data: data}
			for len(r.data) > 0 {
				page.read(&r, lowBits(r.person(number)))
			}
			if r.err != nil {
				return Lift{}, assessmentPages.fail(number, r.err)
			}
		}
		page.count(&total)
	}
	return total, nil
}

// liftPage is the people of a page number over all buckets.
type liftPage [1 << PageBits][numDimensions]bounds

// bounds is what [Assessment] keeps of first and last.
type bounds struct {
	n               int64
	firstAt, lastAt int64
	first, last     Micro
}

// read adds the assessments that follow, of one person.
func (p *liftPage) read(r *pageReader, low byte) {
	present := r.uvarint()
	if present>>numDimensions != 0 {
		r.torn()
		return
	}
	for ; present != 0; present &= present - 1 {
		b := bounds{n: r.varint()}
		r.skipVarints(3) // the scores' sum, and the confidence
		b.firstAt = r.varint()
		b.lastAt = b.firstAt + r.varint()
		b.first, b.last = r.score(), r.score()
		if b.n <= 0 {
			r.torn()
			return
		}
		p[low][bits.TrailingZeros64(present)].merge(&b)
	}
}

func (b *bounds) merge(o *bounds) {
	if b.n == 0 {
		*b = *o
		return
	}
	b.n += o.n
	if o.firstAt < b.firstAt || o.firstAt == b.firstAt && o.first < b.first {
		b.firstAt, b.first = o.firstAt, o.first
	}
	if o.lastAt > b.lastAt || o.lastAt == b.lastAt && o.last > b.last {
		b.lastAt, b.last = o.lastAt, o.last
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
