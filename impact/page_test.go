package impact_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/impactql/impactql/impact"
)

func TestPageNumbers(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	for _, who := range []impact.Ordinal{70_000, 127, 0, 128, 1<<32 - 1} {
		c.Add(session(60, "2025-01-01"), who, who)
		c.Add(assessment(impact.Language, .5, "2025-01-01"), who, 0)
	}
	want := []uint32{0, 1, 546, 1<<25 - 1}
	found := map[impact.Facet][]uint32{}
	for p := range c.Pages() {
		found[p.Facet] = append(found[p.Facet], p.Number)
	}
	for _, f := range []impact.Facet{impact.FacetVolunteers, impact.FacetParticipants, impact.FacetAssessments} {
		if !slices.Equal(found[f], want) {
			t.Errorf("facet %c has pages %v; want %v", f, found[f], want)
		}
	}
}

func TestMergePageRefusesTornPages(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	c.Add(session(60, "2025-01-01"), 300, 301)
	c.Add(assessment(impact.Language, .5, "2025-01-01"), 300, 0)
	for p := range c.Pages() {
		for n := 1; n < len(p.Data); n++ {
			torn := impact.Page{Facet: p.Facet, Number: p.Number, Data: p.Data[:n]}
			if err := new(impact.Cell).MergePage(torn); err == nil {
				t.Errorf("facet %c: %d of %d bytes were taken", p.Facet, n, len(p.Data))
			}
		}
		elsewhere := impact.Page{Facet: p.Facet, Number: 1<<32 - 1, Data: p.Data}
		if err := new(impact.Cell).MergePage(elsewhere); err == nil {
			t.Errorf("facet %c: a page beyond the last ordinal was taken", p.Facet)
		}
		unknown := impact.Page{Facet: 'X', Number: p.Number, Data: p.Data}
		if err := new(impact.Cell).MergePage(unknown); err == nil {
			t.Error("an unknown facet was taken")
		}
	}
	for name, p := range map[string]impact.Page{
		"one person twice":               {Facet: 'P', Data: []byte{5, 0, 0, 0, 0, 5, 0, 0, 0, 0}},
		"people out of order":            {Facet: 'P', Data: []byte{5, 0, 0, 0, 0, 3, 0, 0, 0, 0}},
		"more met than bytes":            {Facet: 'V', Data: []byte{0, 2, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 1}},
		"met twice":                      {Facet: 'V', Data: []byte{0, 2, 2, 2, 7, 0}},
		"met beyond the last ordinal":    {Facet: 'V', Data: []byte{0, 2, 2, 1, 0xff, 0xff, 0xff, 0xff, 0x7f}},
		"a dimension there is not":       {Facet: 'A', Data: []byte{0, 0x80, 1, 2, 0, 0, 0, 0, 0, 0, 0}},
		"a dimension never assessed":     {Facet: 'A', Data: []byte{0, 2, 0, 0, 0, 0, 0, 0, 0, 0}},
		"flags that there are not":       {Facet: 'A', Data: []byte{0, 2, 1<<6 | 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"the unit of no confidence":      {Facet: 'A', Data: []byte{0, 2, 1<<5 | 1<<3 | 1<<2 | 1, 0, 0, 0, 0, 0}},
		"several that are one":           {Facet: 'A', Data: []byte{0, 2, 1<<3 | 1<<2 | 1<<1 | 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}},
		"several without their number":   {Facet: 'A', Data: []byte{0, 2, 1<<3 | 1<<2 | 1<<1 | 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"a score that is no Micro":       {Facet: 'A', Data: []byte{0, 2, 2, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}},
		"a number of more than 64 bits":  {Facet: 'P', Data: bytes.Repeat([]byte{0xff}, 12)},
		"a number that does not end yet": {Facet: 'P', Data: []byte{0x80}},
	} {
		if err := new(impact.Cell).MergePage(p); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestPageUpdateEqualsThePageOfTheMergedCell(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		stored, added := new(impact.Cell), new(impact.Cell)
		for key, c := range newWorld(seed, 300).cells() {
			if key.Grain != impact.GrainDay {
				continue
			}
			if key.Bucket%3 == 0 {
				added.Merge(c)
			} else {
				stored.Merge(c)
			}
		}
		type place struct {
			facet  impact.Facet
			number uint32
		}
		got := map[place][]byte{}
		for p := range stored.Pages() {
			got[place{p.Facet, p.Number}] = p.Data
		}
		for _, u := range added.PageUpdates() {
			at := place{u.Facet, u.Number}
			data, err := u.Merge(got[at])
			if err != nil {
				t.Fatal(err)
			}
			got[at] = data
		}
		stored.Merge(added)
		for p := range stored.Pages() {
			if !bytes.Equal(got[place{p.Facet, p.Number}], p.Data) {
				t.Errorf("world %d: page %c%d was updated to other bytes", seed, p.Facet, p.Number)
			}
		}
	}
}

// FuzzMergePage wants of any bytes an error, or sums that are written and read
// again as the same, and of no more people than the bytes can name.
func FuzzMergePage(f *testing.F) {
	for seed := range uint64(3) {
		w := newWorld(seed, 200)
		for key, c := range w.cells() {
			if key.Grain == impact.GrainYear {
				for p := range c.Pages() {
					f.Add(byte(p.Facet), p.Number, p.Data)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, facet byte, number uint32, data []byte) {
		c := new(impact.Cell)
		if c.MergePage(impact.Page{Facet: impact.Facet(facet), Number: number, Data: data}) != nil {
			return
		}
		people := c.Volunteers.Len() + c.Participants.Len() + c.Assessments.Len()
		if people > 1<<impact.PageBits || people > len(data) {
			t.Fatalf("%d bytes name %d people", len(data), people)
		}
		for _, v := range c.Volunteers.All() {
			if len(v.Met) > len(data) || !slices.IsSorted(v.Met) {
				t.Fatalf("%d bytes name %v", len(data), v.Met)
			}
		}
		again := new(impact.Cell)
		for p := range c.Pages() {
			if p.Number != number || p.Facet != impact.Facet(facet) {
				t.Fatalf("page %c%d turned into %c%d", facet, number, p.Facet, p.Number)
			}
			if err := again.MergePage(p); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := dump(again), dump(c); got != want {
			t.Fatalf("written and read again\n%s\ninstead of\n%s", got, want)
		}
	})
}
