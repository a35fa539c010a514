package db

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// nameOut gives the people of random events names that can be found in a text, and the
// events raw forms that name people in every way there is.
func nameOut(rng *rand.Rand, events []*impact.Event) {
	for _, e := range events {
		for _, who := range [...]*string{&e.Participant, &e.Volunteer} {
			if *who != "" {
				*who += "@x.example"
			}
		}
		if rng.IntN(4) == 0 {
			e.Session = "with-" + e.Participant
			if !impact.ValidKey(e.Session) || rng.IntN(2) == 0 {
				e.Session = e.Participant
			}
		}
		third := fmt.Sprintf("p%d@x.example", rng.IntN(25))
		switch rng.IntN(8) {
		case 0:
			third = strings.ToUpper(third)
		case 1:
			third = strings.Replace(third, "@", `\u0040`, 1)
		case 2, 3, 4:
			third = "nobody"
		}
		if e.Kind == impact.KindDirectory && !strings.Contains(third, `\`) {
			values := e.Attributes.All()
			if values == nil {
				values = make(map[string]string)
			}
			values["manager"] = third
			e.Attributes = impact.NewAttributes(values)
		}
		e.Raw = fmt.Appendf(nil, `{"id":"%x","people":[%q,{%q:1}],"note":"Thanks to %s, and not to z%sz."}`, e.Key, e.Participant, e.Volunteer, third, "p1@x.example")
	}
}

// traces are the rows of the database that hold a text.
func traces(t testing.TB, s *Store, text string) (found []string) {
	t.Helper()
	for _, table := range list[string](t, s, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") {
		found = append(found, list[string](t, s, "SELECT '"+table+" ' || t::text FROM \""+table+"\" t WHERE lower(t::text) ~ $1",
			`(^|[^a-z0-9])`+strings.ReplaceAll(strings.ToLower(text), ".", `\.`)+`([^a-z0-9]|$)`)...)
	}
	return found
}

// holders are the bitmaps and pages of a company that hold somebody's number.
func holders(t testing.TB, s *Store, company impact.CompanyID, who impact.Ordinal) (found []string) {
	t.Helper()
	for _, row := range list[string](t, s, "SELECT format('%s %s %s %s|%s', programme, grain, bucket, set, encode(members, 'hex')) FROM rollup_set WHERE company_id = $1", company) {
		place, text, _ := strings.Cut(row, "|")
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		set := roaring.New()
		if err := set.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if set.Contains(who) {
			found = append(found, place)
		}
	}
	for _, row := range list[string](t, s, "SELECT format('%s %s %s %s|%s|%s', programme, grain, bucket, facet, page, encode(data, 'hex')) FROM rollup_page WHERE company_id = $1", company) {
		parts := strings.Split(row, "|")
		data, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		var number uint32
		if _, err := fmt.Sscan(parts[1], &number); err != nil {
			t.Fatal(err)
		}
		cell := new(impact.Cell)
		if err := cell.MergePage(impact.Page{Facet: impact.Facet(parts[0][len(parts[0])-1]), Number: number, Data: data}); err != nil {
			t.Fatal(err)
		}
		held := cell.Volunteers.Get(who) != nil || cell.Participants.Get(who) != nil || cell.Assessments.Get(who) != nil
		for _, v := range cell.Volunteers.All() {
			held = held || slices.Contains(v.Met, who)
		}
		if held {
			found = append(found, parts[0]+" "+parts[1])
		}
	}
	return found
}

// without is the events as they are once somebody was erased: those that are left, and
// those that are not, which may have named others.
func without(company impact.CompanyID, who string, events []*impact.Event) (left, gone []*impact.Event) {
	for _, e := range events {
		if e.Company != company {
			left = append(left, e)
			continue
		}
		copied := *e
		fate := impact.FateOf(&copied, who)
		copied.Strike(who)
		copied.Attributes = copied.Attributes.Without(who)
		if fate == impact.FateDeleted {
			gone = append(gone, &copied)
		} else {
			left = append(left, &copied)
		}
	}
	return left, gone
}

// After an erasure nothing of the person is left in any table, bitmap or page; the
// rollups are those of a log that never had the person, and a rebuild keeps them; and
// sending everything again changes nothing. Two instances are at work all the time.
func TestErase(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			url := dbtest.New(t)
			first, second := openURL(t, url), openURL(t, url)
			companies := []*impact.Company{companyIn(t, first, "a", "Europe/Oslo"), companyIn(t, first, "b", "America/Los_Angeles")}
			events := randomEvents(rng, companies, 700)
			nameOut(rng, events)
			folders := []*Folder{NewFolder(first), NewFolder(second)}
			for i, piece := range slices.Collect(slices.Chunk(events, 50)) {
				mustCommit(t, []*Store{first, second}[i%2], piece...)
				if i%5 == 4 { // some of what is there is folded, some is in memory
					if err := folders[i%2].Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			twisted := *events[0] // under a known key, another body that names somebody else
			twisted.Raw = []byte(`{"people":["p1@x.example","p2@x.example","p3@x.example"]}`)
			mustCommit(t, first, &twisted)

			left, gone := events, []*impact.Event(nil)
			for n, who := range []string{"p1@x.example", "v2@x.example", "p3@x.example"} {
				c := companies[n%2]
				// What is in memory may not have numbered them yet.
				number := list[impact.Ordinal](t, first, "SELECT ordinal FROM person WHERE company_id = $1 AND key = $2", c.ID, who)
				done, err := []*Store{first, second}[n%2].Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: who, By: "a test"})
				if err != nil {
					t.Fatal(err)
				}
				if done.ID == 0 || done.Deleted == 0 || done.Struck == 0 || (done.Mentions > 0) != (who[0] == 'p') {
					t.Errorf("%s: %+v", who, done)
				}
				for _, f := range folders { // what they hold in memory is from before
					if err := f.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				var more []*impact.Event
				left, more = without(c.ID, who, left)
				for _, e := range gone {
					if e.Company == c.ID {
						e.Strike(who)
					}
				}
				gone = append(gone, more...)
				checkErased(t, first, c, who, number)
				compare(t, rollups(t, first), computed(t, first, left, gone...))
			}
			before := rollups(t, first)
			for _, c := range companies {
				if err := second.Rebuild(t.Context(), c.ID, nil); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, rollups(t, first), before)
			for i, v := range mustCommit(t, second, events...) {
				if !v.Duplicate {
					t.Errorf("event %d is new", i)
				}
			}
			if err := folders[1].CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			compare(t, rollups(t, first), before)
			for n, who := range []string{"p1@x.example", "v2@x.example", "p3@x.example"} {
				checkErased(t, first, companies[n%2], who, nil)
			}
			if n := get[int](t, first, "SELECT count(*) FROM erasure"); n != 3 {
				t.Errorf("%d erasures on record", n)
			}
		})
	}
}

// checkErased checks that nothing of a person of a company is left.
func checkErased(t *testing.T, s *Store, c *impact.Company, who string, number []impact.Ordinal) {
	t.Helper()
	mine := 0
	for _, row := range traces(t, s, who) {
		if strings.Contains(row, fmt.Sprintf(" (%d,", c.ID)) {
			if mine++; mine < 4 {
				t.Errorf("%s is in %.300s", who, row)
			}
		}
	}
	for _, n := range number {
		if held := holders(t, s, c.ID, n); len(held) > 0 {
			t.Errorf("number %d of %s is in %q", n, who, held[:min(4, len(held))])
		}
	}
}

// An instance that remembers the number of somebody who was erased does not use it again,
// and nobody gets it.
func TestErasedNumbers(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	first, second := openURL(t, url), openURL(t, url)
	c := company(t, first, "a")
	mustCommit(t, first, sessions(c, 0, 40)...)
	foldAll(t, first)
	numberOf := func(who string) impact.Ordinal {
		t.Helper()
		return get[impact.Ordinal](t, first, "SELECT ordinal FROM person WHERE company_id = $1 AND key = $2", c.ID, who)
	}
	old := numberOf("p3")
	if held := holders(t, first, c.ID, old); len(held) == 0 {
		t.Fatal("nothing holds the number")
	}
	if _, err := second.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: "p3", By: "a test"}); err != nil {
		t.Fatal(err)
	}
	if held := holders(t, first, c.ID, old); len(held) > 0 {
		t.Errorf("the number is in %q", held)
	}
	again := sessionEvent(c, 1000, "p3", "v1")
	mustCommit(t, first, again) // the first remembers the number
	foldAll(t, first)
	if now := numberOf("p3"); now == old || now < 10 {
		t.Errorf("number %d again, was %d", now, old)
	}
	if held := holders(t, first, c.ID, old); len(held) > 0 {
		t.Errorf("the old number is in %q", held)
	}
	left, _ := without(c.ID, "p3", sessions(c, 0, 40))
	compare(t, rollups(t, first), computed(t, first, append(left, again)))
}

// People are erased while others write about them and fold: the figures are those of the
// log at the end.
func TestEraseUnderLoad(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	stores := []*Store{openURL(t, url), openURL(t, url)}
	c := company(t, stores[0], "a")
	var work sync.WaitGroup
	for n, s := range stores {
		f := NewFolder(s)
		work.Go(func() {
			for i := range 40 {
				mustCommit(t, s, sessions(c, 2000*n+30*i, 30)...)
				if i%3 == 0 {
					if err := f.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
			if err := f.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	work.Go(func() {
		for i := range 12 {
			if _, err := stores[i%2].Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: fmt.Sprint("p", i%7), By: "a test"}); err != nil && impact.CodeOf(err) != impact.CodeUnavailable {
				t.Error(err)
			}
		}
	})
	work.Wait()
	if err := NewFolder(stores[0]).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := rollups(t, stores[0])
	if err := stores[1].Rebuild(t.Context(), c.ID, nil); err != nil {
		t.Fatal(err)
	}
	compare(t, rollups(t, stores[0]), before)
}

// An erasure that finds nothing, is too large or is given up changes nothing.
func TestEraseNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "a")
	mustCommit(t, s, sessions(c, 0, 20)...)
	foldAll(t, s)
	before := rollups(t, s)
	done, err := s.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: "stranger", By: "a test"})
	if err != nil || done.ID != 0 || !done.Empty() {
		t.Errorf("%v %+v", err, done)
	}
	if _, err := s.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: "p1", By: "a test", Limit: 19}); impact.CodeOf(err) != impact.CodeTooLarge {
		t.Errorf("over the limit: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if _, err := s.Erase(ctx, impact.EraseRequest{Company: c.ID, Person: "p1", By: "a test", Progress: func(int64) { stop() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if n := get[int](t, s, "SELECT count(*) FROM event WHERE participant = 'p1'"); n == 0 {
		t.Error("what was given up went on")
	}
	compare(t, rollups(t, s), before)
	if n := get[int](t, s, "SELECT count(*) FROM erasure"); n != 0 {
		t.Errorf("%d erasures on record", n)
	}
}

// Whatever keeps what was sent is known to erasures.
func TestEraseKnowsEveryBody(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, found := range list[string](t, s, `
		SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name IN ('payload', 'raw', 'body') AND table_name <> 'event'`) {
		if !slices.ContainsFunc(bodies, func(b bodyTable) bool { return b.table+"."+b.column == found }) {
			t.Errorf("%s keeps what was sent, and may name people: add it to bodies in erase.go", found)
		}
	}
}

// Where corrections are about events of the person, what stands is worked out anew; where
// they are about others, those keep what stood.
func TestEraseAmongCorrections(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			companies := []*impact.Company{companyIn(t, s, "a", "Europe/Oslo"), companyIn(t, s, "b", "UTC")}
			story := tell(rand.New(rand.NewPCG(seed, 11)), companies, 150)
			mustCommit(t, s, story.events...)
			foldAll(t, s)
			for i, who := range []string{"p1", "v3", "p7", "v1", "p2"} {
				c := companies[i%2]
				number := list[impact.Ordinal](t, s, "SELECT ordinal FROM person WHERE company_id = $1 AND key = $2", c.ID, who)
				if _, err := s.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: who, By: "a test"}); err != nil {
					t.Fatal(err)
				}
				checkErased(t, s, c, who, number)
				before := rollups(t, s)
				if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
					t.Fatal(err)
				}
				compare(t, rollups(t, s), before)
			}
			before := rollups(t, s)
			for i, v := range mustCommit(t, s, story.events...) {
				if !v.Duplicate {
					t.Errorf("event %d is new", i)
				}
			}
			foldAll(t, s)
			compare(t, rollups(t, s), before)
		})
	}
}
