package impact_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/impactql/impactql/impact"
)

const worlds = 40

// Whatever the order of the events and however they are split, the cells are the
// same, byte for byte.
func TestCellsDoNotDependOnOrderOrSplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(worlds) {
		w := newWorld(seed, 400)
		want := dumpAll(w.cells())
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(w.events), func(i, j int) { w.events[i], w.events[j] = w.events[j], w.events[i] })

		if got := dumpAll(w.cells()); !maps.Equal(got, want) {
			t.Fatalf("world %d: another order gives other cells", seed)
		}

		merged, stored := make(impact.Cells), make(impact.Cells)
		for rest := w.events; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			batch := make(impact.Cells)
			w.add(batch, rest[:n])
			batch.RollUp()
			rest = rest[n:]
			for key, c := range batch {
				for _, into := range []impact.Cells{merged, stored} {
					if into[key] == nil {
						into[key] = new(impact.Cell)
					}
				}
				merged[key].Merge(c)
				if err := mergeStored(stored[key], c); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := dumpAll(merged); !maps.Equal(got, want) {
			t.Fatalf("world %d: merged batches differ from the whole", seed)
		}
		if got := dumpAll(stored); !maps.Equal(got, want) {
			t.Fatalf("world %d: batches merged from their pages differ from the whole", seed)
		}
	}
}

func TestMergeIsACommutativeMonoid(t *testing.T) {
	t.Parallel()
	merge := func(cells ...*impact.Cell) *impact.Cell {
		sum := new(impact.Cell)
		for _, c := range cells {
			sum.Merge(c)
		}
		return sum
	}
	for seed := range uint64(worlds) {
		w := newWorld(seed, 240)
		var abc [3]*impact.Cell
		for i := range abc {
			abc[i] = new(impact.Cell)
			for _, e := range w.events[80*i : 80*(i+1)] {
				abc[i].Add(e, w.ordinals[e.Participant], w.ordinals[e.Volunteer])
			}
		}
		a, b, c := abc[0], abc[1], abc[2]
		before := dump(a) + dump(b) + dump(c)
		if dump(merge(a, b)) != dump(merge(b, a)) {
			t.Fatalf("world %d: a+b is not b+a", seed)
		}
		if dump(merge(merge(a, b), c)) != dump(merge(a, merge(b, c))) {
			t.Fatalf("world %d: (a+b)+c is not a+(b+c)", seed)
		}
		if dump(merge(a, new(impact.Cell))) != dump(a) || dump(merge(new(impact.Cell), a)) != dump(a) {
			t.Fatalf("world %d: the empty cell is not neutral", seed)
		}
		if dump(a)+dump(b)+dump(c) != before {
			t.Fatalf("world %d: merging changed what was merged", seed)
		}
	}
}

// A merged cell shares nothing with its parts: adding to one leaves the other.
func TestMergeKeepsNoReference(t *testing.T) {
	t.Parallel()
	w := newWorld(3, 300)
	part, sum := new(impact.Cell), new(impact.Cell)
	add := func(c *impact.Cell, events []*impact.Event) {
		for _, e := range events {
			c.Add(e, w.ordinals[e.Participant], w.ordinals[e.Volunteer])
		}
	}
	add(part, w.events[:150])
	sum.Merge(part)
	was := dump(part)
	add(sum, w.events[150:])
	if dump(part) != was {
		t.Error("adding to the sum changed its part")
	}
	was = dump(sum)
	add(part, w.events[150:])
	if dump(part) != was {
		t.Error("the part with the same events differs from the sum")
	}
}

func TestMergeKeepsNoListOfTheMet(t *testing.T) {
	t.Parallel()
	for n := range impact.Ordinal(10) {
		part, sum := new(impact.Cell), new(impact.Cell)
		for who := range n {
			part.Add(session(60, "2025-01-01"), 10+who, 100)
		}
		sum.Merge(part)
		was := dump(part)
		sum.Add(session(60, "2025-01-01"), 1, 100)
		if dump(part) != was {
			t.Errorf("meeting one more in the sum changed its part, which had met %d", n)
		}
	}
}

// Of scores at the same instant the lower is first and the higher is last.
func TestAssessmentsAtTheSameInstant(t *testing.T) {
	t.Parallel()
	for _, scores := range [][]float64{{.2, .5, .8}, {.8, .5, .2}, {.5, .8, .2}} {
		c := new(impact.Cell)
		for _, score := range scores {
			c.Add(assessment(impact.Language, score, "2025-01-01"), 7, 0)
		}
		by, twice := c.Assessments.Get(7)[impact.Language].Improved()
		if by != 600_000 || !twice {
			t.Errorf("%v improve by %d, %v; want 600000", scores, by, twice)
		}
	}
}
