package impact

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Partition is disjoint groups of a company's people, such as its departments or those
// with each value of an attribute.
type Partition struct {
	Groups []Members
	Named  []int // the groups that a cohort is made of
}

// maxDisclosure is how many counts an answer looks at to find what it must not tell.
const maxDisclosure = 300_000

// disclosure is the cells of an answer, and how counts of them can be subtracted from
// each other. Beside the answer stand the same cells of everybody.
//
// A count is never told that is 1 to k-1, and none from which one of 1 to k-1 follows:
// as the difference to a cell that holds it, as what is left of a sum, or of everybody.
// Nor is one told beside a cell of another answer that must not be: that of a programme
// beside the same of all programmes, and beside their difference.
type disclosure struct {
	k     int64
	cells []*roaring.Bitmap // who is in each
	under []int             // the cell that holds all of its people, always an earlier one; -1: none
	sums  [][]int           // cells without a person in common, whose sum can be known
	// hidden cells are in no answer, but in sums.
	hidden map[int]bool
	// beside are, by cell, the cells without which it is not told either.
	beside map[int][]int
}

// add adds a cell, and hide one that is not told.
func (d *disclosure) add(cell *roaring.Bitmap, under int) {
	d.cells, d.under = append(d.cells, cell), append(d.under, under)
}

func (d *disclosure) hide(cell *roaring.Bitmap) {
	if d.hidden == nil {
		d.hidden = make(map[int]bool)
	}
	d.hidden[len(d.cells)] = true
	d.add(cell, -1)
}

// addBeside adds a cell without which another is not told either.
func (d *disclosure) addBeside(cell *roaring.Bitmap, of int) {
	if d.beside == nil {
		d.beside = make(map[int][]int)
	}
	d.beside[of] = append(d.beside[of], len(d.cells))
	d.add(cell, -1)
}

// withheld says which cells must not be told of a cohort.
func (d *disclosure) withheld(m *Members) ([]bool, error) {
	all := d.group(nil)
	d.settle([]*disclosed{all})
	if m == nil || m.People == nil {
		return all.withheld, nil
	}
	work := len(m.Differences)
	for _, p := range m.Partitions {
		work += len(p.Groups)
	}
	if work*len(d.cells) > maxDisclosure {
		return nil, Errorf(CodeTooLarge, "%d figures of %d groups are too much to find out which are too small to be told: "+
			"ask for a shorter period, fewer columns or a simpler filter", len(d.cells), work)
	}
	own, rest := d.group(m.People), d.nobody()
	for c := range d.cells {
		rest.counts[c] = all.counts[c] - own.counts[c]
	}
	own.join(all)
	rest.join(all)
	for _, difference := range m.Differences {
		g := d.group(difference)
		d.settle([]*disclosed{g})
		own.join(g)
	}
	for _, p := range m.Partitions {
		groups := d.parts(p, all)
		for _, g := range groups {
			g.join(all)
		}
		d.settle(groups)
		for _, i := range p.Named {
			own.join(groups[i])
		}
	}
	d.settle([]*disclosed{own, rest})
	return own.withheld, nil
}

// disclosed is a group's counts, by cell.
type disclosed struct {
	counts   []int64
	withheld []bool
	// pooled: it is several groups, each of fewer than k people.
	pooled bool
}

// nobody is a group without people.
func (d *disclosure) nobody() *disclosed {
	g := &disclosed{counts: make([]int64, len(d.cells)), withheld: make([]bool, len(d.cells))}
	for c := range d.hidden {
		g.withheld[c] = true
	}
	return g
}

func (d *disclosure) group(people *roaring.Bitmap) *disclosed {
	g := d.nobody()
	for c, cell := range d.cells {
		if people == nil {
			g.counts[c] = int64(cell.GetCardinality())
		} else {
			g.counts[c] = int64(cell.AndCardinality(people))
		}
	}
	return g
}

// join withholds what another withholds.
func (g *disclosed) join(o *disclosed) {
	for c, is := range o.withheld {
		g.withheld[c] = g.withheld[c] || is
	}
}

// parts are the groups of a partition in their order; those of fewer than k people are
// one, whose every count is withheld. The last is who is in no group.
func (d *disclosure) parts(p Partition, all *disclosed) []*disclosed {
	groups := make([]*disclosed, 0, len(p.Groups)+1)
	small, nobodys := d.nobody(), d.nobody()
	small.pooled = true
	copy(nobodys.counts, all.counts)
	pool := roaring.New()
	for _, members := range p.Groups {
		if int64(members.People.GetCardinality()) < d.k {
			pool.Or(members.People)
			groups = append(groups, small)
			continue
		}
		g := d.group(members.People)
		for c, n := range g.counts {
			nobodys.counts[c] -= n
		}
		groups = append(groups, g)
	}
	small.counts = d.group(pool).counts
	for c, n := range small.counts {
		nobodys.counts[c] -= n
		small.withheld[c] = n > 0 || d.hidden[c]
	}
	return append(groups, nobodys)
}

// settle withholds until nothing can be found out of groups that everybody consists of,
// or of everybody alone.
func (d *disclosure) settle(groups []*disclosed) {
	distinct := make([]*disclosed, 0, len(groups))
	for _, g := range groups {
		if !g.pooled || !slices.Contains(distinct, g) {
			distinct = append(distinct, g)
		}
	}
	for changed := true; changed; {
		changed = false
		for c := range d.cells { // a cell that is withheld holds back those within it no more
			for _, g := range distinct {
				changed = d.secret(g, c) || changed
			}
			if len(distinct) > 1 {
				changed = d.complement(len(distinct), func(i int) (*disclosed, int) { return distinct[i], c }) || changed
				changed = d.leftBehind(distinct, c) || changed
			}
		}
		for _, g := range distinct {
			for _, sum := range d.sums {
				changed = d.complement(len(sum), func(i int) (*disclosed, int) { return g, sum[i] }) || changed
			}
		}
	}
}

// secret withholds of a group a count that is small, tells by difference to the cell that
// holds it, or stands beside one that is withheld.
func (d *disclosure) secret(g *disclosed, c int) (changed bool) {
	if g.withheld[c] {
		return false
	}
	above := d.under[c]
	for above >= 0 && g.withheld[above] {
		above = d.under[above]
	}
	g.withheld[c] = d.isSmall(g.counts[c]) || above >= 0 && d.isSmall(g.counts[above]-g.counts[c]) ||
		slices.ContainsFunc(d.beside[c], func(b int) bool { return g.withheld[b] })
	return g.withheld[c]
}

// isSmall reports a count that must not be known.
func (d *disclosure) isSmall(n int64) bool { return 0 < n && n < d.k }

// complement withholds the smallest counts of a sum that are told, until what is left of
// it when those that are told are taken away is no single count, nor a small one; where
// that is not enough, also those of nobody, so that it is not known whose the rest is.
func (d *disclosure) complement(n int, at func(int) (*disclosed, int)) (changed bool) {
	for {
		var rest, smallest int64
		parts, next := 0, -1
		for i := range n {
			g, c := at(i)
			count := g.counts[c]
			switch {
			case count == 0 && d.hidden[c]: // known to be nobody
			case g.withheld[c]:
				rest += count
				parts++
				if g.pooled && count >= d.k {
					parts++ // it is more than one
				}
			case next < 0 || (smallest == 0 || count < smallest) && count > 0:
				next, smallest = i, count
			}
		}
		if parts == 0 || rest >= d.k && parts > 1 || next < 0 {
			return changed
		}
		g, c := at(next)
		g.withheld[c], changed = true, true
	}
}

// leftBehind withholds another group of a cell while those that are withheld there, or in
// a cell that holds it, together tell by difference.
func (d *disclosure) leftBehind(groups []*disclosed, c int) (changed bool) {
	for above := d.under[c]; above >= 0; above = d.under[above] {
		for d.leaves(groups, above, c) {
			next := -1
			for i, g := range groups {
				if !g.withheld[c] && (next < 0 || g.counts[c] < groups[next].counts[c]) {
					next = i
				}
			}
			if next < 0 {
				break
			}
			groups[next].withheld[c], changed = true, true
		}
	}
	return changed
}

// leaves reports few people who are in a cell and not in one that it holds, of the groups
// whose sums can be known in both: those withheld in the one, and in the other, or if
// they have a group in common only all of them together.
func (d *disclosure) leaves(groups []*disclosed, above, c int) bool {
	var here, there, either int64
	numHere, numThere, both := 0, 0, 0
	for _, g := range groups {
		lost := g.counts[above] - g.counts[c]
		if g.withheld[c] {
			here, numHere = here+lost, numHere+1
		}
		if g.withheld[above] {
			there, numThere = there+lost, numThere+1
		}
		if g.withheld[c] || g.withheld[above] {
			either += lost
		}
		if g.withheld[c] && g.withheld[above] {
			both++
		}
	}
	all := len(groups) // who are looked at alone
	if both > 0 {
		return numHere+numThere-both < all && d.isSmall(either)
	}
	return numHere < all && d.isSmall(here) || numThere < all && d.isSmall(there)
}
