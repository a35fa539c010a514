package impact_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// readingOf is a reading in which people were active.
func readingOf(programme string, k int64, active *roaring.Bitmap) *impact.Reading {
	c := new(impact.Cell)
	c.MergeSet(impact.SetParticipants, active)
	r := impact.NewReading(impact.Question{Programme: programme, Range: impact.AllTime}, nil, c, nil, nil)
	r.Settings = &impact.Settings{MinGroup: k}
	return r
}

func people(from, n int) *roaring.Bitmap {
	b := roaring.New()
	b.AddRange(uint64(from), uint64(from+n))
	return b
}

func TestWithheld(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sizes    []int
		nobodys  int // people of no group
		withheld []bool
	}{
		"all large enough":                       {[]int{5, 9, 7}, 0, []bool{false, false, false}},
		"a single small one takes the smallest":  {[]int{9, 4, 7}, 0, []bool{false, true, true}},
		"two small ones of k together":           {[]int{9, 3, 2, 7}, 0, []bool{false, true, true, false}},
		"two small ones of fewer than k":         {[]int{9, 1, 2, 7}, 0, []bool{false, true, true, true}},
		"an empty one hides nobody":              {[]int{9, 0, 7}, 0, []bool{false, true, false}},
		"a small one beside an empty one":        {[]int{9, 0, 4, 7}, 0, []bool{false, true, true, true}},
		"few people of no group are a small one": {[]int{9, 7}, 2, []bool{false, true}},
		"many people of no group hide a small":   {[]int{9, 4, 7}, 6, []bool{false, true, false}},
		"many people of no group are no secret":  {[]int{9, 7}, 6, []bool{false, false}},
		"no group left to take":                  {[]int{4}, 0, []bool{true}},
		"no groups":                              {nil, 3, []bool{}},
	} {
		var groups []impact.Members
		at := 0
		for _, n := range tt.sizes {
			groups = append(groups, impact.Members{People: people(at, n)})
			at += n
		}
		if got := readingOf("*", 5, people(0, at+tt.nobodys)).Withheld(groups, nil); !slices.Equal(got, tt.withheld) {
			t.Errorf("%s: withheld %v, want %v", name, got, tt.withheld)
		}
	}
}

func TestWithheldOfAProgramme(t *testing.T) {
	t.Parallel()
	groups := []impact.Members{{People: people(0, 20)}, {People: people(20, 20)}, {People: people(40, 20)}}
	whole := readingOf("*", 5, people(0, 60))
	for name, tt := range map[string]struct {
		active   *roaring.Bitmap
		withheld []bool
	}{
		"everybody":                           {people(0, 60), []bool{false, false, false}},
		"nobody of one":                       {people(0, 40), []bool{false, false, true}},
		"half of one":                         {people(0, 50), []bool{false, false, false}},
		"two of one were elsewhere alone":     {people(0, 58), []bool{true, false, true}},
		"two of one, beside others that fell": {people(10, 48), []bool{true, false, true}},
	} {
		if got := readingOf("buddy", 5, tt.active).Withheld(groups, whole); !slices.Equal(got, tt.withheld) {
			t.Errorf("%s: withheld %v, want %v", name, got, tt.withheld)
		}
	}
	// What all programmes withhold, none tells.
	groups[0].People, groups[1].People = people(0, 3), people(3, 37)
	if got := readingOf("buddy", 5, people(3, 57)).Withheld(groups, whole); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("withheld %v", got)
	}
}

// An attacker who reads every list of a company (all programmes, each programme) and
// knows the rules subtracts whatever can be subtracted. No group of 1 to k-1 people
// may come out: neither a department, nor the part of one that a programme missed, nor
// a rest that nothing else is mixed into.
func TestAttackerRecoversNoSmallGroup(t *testing.T) {
	t.Parallel()
	told, kept := 0, 0
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		k := int64(3 + rng.IntN(6))
		var groups []impact.Members
		at := 0
		for g := range 1 + rng.IntN(6) {
			n := rng.IntN([]int{4, 10, 40}[rng.IntN(3)])
			groups = append(groups, impact.Members{Key: fmt.Sprint("d", g), People: people(at, n)})
			at += n
		}
		at += rng.IntN([]int{1, 4, 30}[rng.IntN(3)]) // people of no department
		all := roaring.New()
		var programmes []*roaring.Bitmap
		for range 1 + rng.IntN(3) {
			active, share := roaring.New(), rng.IntN(101)
			if rng.IntN(3) == 0 {
				share = 95 + rng.IntN(6) // nearly everybody: small differences, or none
			}
			for who := range at {
				if rng.IntN(100) < share {
					active.Add(uint32(who))
				}
			}
			programmes = append(programmes, active)
			all.Or(active)
		}
		whole := readingOf("*", k, all)
		wholeList := view(whole, groups, nil)
		lists := []list{wholeList}
		for i, active := range programmes {
			lists = append(lists, view(readingOf(fmt.Sprint("p", i), k, active), groups, whole))
		}
		for i, l := range lists {
			for g := range groups {
				switch n := l.count[g]; {
				case n == nil:
					kept++
				case *n < k:
					t.Errorf("seed %d, list %d: a group of %d is told, k is %d", seed, i, *n, k)
				default:
					told++
				}
				if l.count[g] != nil && wholeList.count[g] != nil {
					if d := *wholeList.count[g] - *l.count[g]; d != 0 && d < k {
						t.Errorf("seed %d, list %d: by difference %d people of a department were in other programmes alone", seed, i, d)
					}
				}
			}
			if l.all == wholeList.all { // everybody was in the programme: what either list tells holds for both
				both := list{all: l.all, count: slices.Clone(wholeList.count)}
				for g, n := range l.count {
					if n != nil {
						both.count[g] = n
					}
				}
				if rest := both.rest(); 0 < rest && rest < k && both.told() > 0 {
					t.Errorf("seed %d, list %d: two lists together leave %d people", seed, i, rest)
				}
			}
			rest := l.rest()
			if 0 < rest && rest < k && l.told() > 0 {
				t.Errorf("seed %d, list %d: a rest of %d people, k is %d", seed, i, rest, k)
			}
			// The rest is one department exactly: its count is as good as told.
			if g := l.only(groups); g >= 0 && l.told() > 0 {
				if rest < k {
					t.Errorf("seed %d, list %d: department %d is the rest of %d", seed, i, g, rest)
				}
				if n := wholeList.count[g]; n != nil && *n != rest && *n-rest < k {
					t.Errorf("seed %d, list %d: department %d is the rest, so %d of it were elsewhere alone", seed, i, g, *n-rest)
				}
				if n := wholeList.count[g]; i > 0 && n == nil && rest == int64(groups[g].People.AndCardinality(all)) {
					t.Errorf("seed %d, list %d: department %d is withheld of all programmes and comes out of one", seed, i, g)
				}
			}
		}
	}
	if told < 1000 || kept < 1000 {
		t.Errorf("%d figures told and %d withheld: the attack proves little", told, kept)
	}
}

// list is what a reader sees of the departments, beside everybody.
type list struct {
	all    int64
	active *roaring.Bitmap // which the reader does not see
	count  []*int64        // nil is suppressed
}

func view(r *impact.Reading, groups []impact.Members, whole *impact.Reading) list {
	l := list{all: r.Cohort(impact.Members{}, impact.DefaultSROI, impact.DefaultVIS).ParticipantCount}
	l.active = r.Total().Members(impact.SetParticipants)
	for i, withheld := range r.Withheld(groups, whole) {
		m := groups[i]
		m.Withheld = withheld
		c := r.Cohort(m, impact.DefaultSROI, impact.DefaultVIS)
		if c.Suppressed {
			l.count = append(l.count, nil)
		} else {
			l.count = append(l.count, &c.ParticipantCount)
		}
	}
	return l
}

func (l list) rest() int64 {
	rest := l.all
	for _, n := range l.count {
		if n != nil {
			rest -= *n
		}
	}
	return rest
}

func (l list) told() (n int) {
	for _, c := range l.count {
		if c != nil {
			n++
		}
	}
	return n
}

// only is the one department that the rest consists of, or -1.
func (l list) only(groups []impact.Members) int {
	only := -1
	rest := l.active.Clone()
	for g, n := range l.count {
		active := roaring.And(groups[g].People, l.active)
		rest.AndNot(active)
		if n == nil && !active.IsEmpty() {
			if only >= 0 {
				return -1
			}
			only = g
		}
	}
	if !rest.IsEmpty() {
		return -1
	}
	return only
}
