package impact

import "iter"

// People holds one V per person, found by ordinal. Ordinals are dense, so people
// lie in pages of neighbours, which are far cheaper to fill and to go through than a
// map of them all. The zero value is empty.
type People[V any] struct {
	pages map[uint32]*peoplePage[V]
	n     int
}

type peoplePage[V any] struct {
	place [1 << PageBits]uint8 // in list, from 1; 0 is absent
	list  []V
}

// Len is how many people there are.
func (p *People[V]) Len() int { return p.n }

// Get is somebody's V, or nil.
func (p *People[V]) Get(who Ordinal) *V {
	page := p.pages[who>>PageBits]
	if page == nil {
		return nil
	}
	at := page.place[lowBits(who)]
	if at == 0 {
		return nil
	}
	return &page.list[at-1]
}

// At is somebody's V, made if there is none. It is valid until the next call.
func (p *People[V]) At(who Ordinal) *V {
	page := p.pages[who>>PageBits]
	if page == nil {
		if p.pages == nil {
			p.pages = make(map[uint32]*peoplePage[V])
		}
		page = new(peoplePage[V])
		p.pages[who>>PageBits] = page
	}
	at := &page.place[lowBits(who)]
	if *at == 0 {
		var zero V
		page.list = append(page.list, zero)
		*at = uint8(len(page.list))
		p.n++
	}
	return &page.list[*at-1]
}

// All yields everybody, page by page; within a page by ordinal.
func (p *People[V]) All() iter.Seq2[Ordinal, *V] {
	return func(yield func(Ordinal, *V) bool) {
		for number, page := range p.pages {
			for low, at := range page.place {
				if at != 0 && !yield(number<<PageBits|Ordinal(low), &page.list[at-1]) {
					return
				}
			}
		}
	}
}
