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
		b, n := quickBounds(r.data)
		if n > 0 {
			r.data = r.data[n:]
		} else {
			b = bounds{n: r.varint()}
			r.skipVarints(3) // the scores' sum, and the confidence
			b.firstAt = r.varint()
			b.lastAt = b.firstAt + r.varint()
			b.first, b.last = r.score(), r.score()
		}
		if b.n <= 0 {
			r.torn()
			return
		}
		p[low][bits.TrailingZeros64(present)].merge(&b)
	}
}

// quickBounds reads one assessment without a branch per byte, if it is as usual: n is how
// many bytes it took, or 0 where any of its varints is long or data ends soon.
func quickBounds(data []byte) (b bounds, n int) {
	if len(data) < 64 || data[0] >= 0x80 {
		return b, 0
	}
	count := uint64(data[0])
	_, ends := word(data, 1)
	two := ends & (ends - 1)
	at := 2 + bits.TrailingZeros64(two)>>3
	_, three := word(data, at)
	at += 1 + bits.TrailingZeros64(three)>>3
	w, ends1 := word(data, at)
	firstAt := joined(w & (ends1 ^ (ends1 - 1)))
	at += 1 + bits.TrailingZeros64(ends1)>>3
	w, ends2 := word(data, at)
	span := joined(w & (ends2 ^ (ends2 - 1)))
	at += 1 + bits.TrailingZeros64(ends2)>>3
	w, ends3 := word(data, at)
	ends4 := ends3 & (ends3 - 1)
	if ends4 == 0 || two == 0 || three == 0 || ends1 == 0 || ends2 == 0 {
		return b, 0
	}
	first := signed(joined(w & (ends3 ^ (ends3 - 1))))
	last := signed(joined(w & (ends4 ^ (ends4 - 1)) >> (8 + bits.TrailingZeros64(ends3)&^7)))
	if first != int64(Micro(first)) || last != int64(Micro(last)) {
		return b, 0
	}
	b = bounds{n: signed(count), firstAt: signed(firstAt), first: Micro(first), last: Micro(last)}
	b.lastAt = b.firstAt + signed(span)
	return b, at + 1 + bits.TrailingZeros64(ends4)>>3
}

func word(data []byte, at int) (w, ends uint64) {
	w = binary.LittleEndian.Uint64(data[at:])
	return w, ^w & 0x8080808080808080
}

// joined puts the 7 bits of each byte of a word next to each other.
func joined(word uint64) uint64 {
	word = word&0x007f007f007f007f | word&0x7f007f007f007f00>>1
	word = word&0x00003fff00003fff | word&0x3fff00003fff0000>>2
	return word&0x0fffffff | word&0x0fffffff00000000>>4
}

func signed(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }

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
