package db

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// nameKey is a key made of a text.
func nameKey(parts ...any) (k impact.Key) {
	copy(k[:], fmt.Sprint(parts...))
	return k
}

// story is random events and corrections of them, and what is left to count.
type story struct {
	events  []*impact.Event // everything that is sent
	winners []*impact.Event // a log that holds only these gives the same figures
}

var revisions = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

// tell makes up a story. What wins is decided here as it is made up, not by the rules
// that are under test.
func tell(rng *rand.Rand, companies []*impact.Company, things int) (s story) {
	for n := range things {
		c := companies[rng.IntN(len(companies))]
		fresh := func(k ...any) *impact.Event {
			e := randomEvents(rng, []*impact.Company{c}, 1)[0]
			e.Key = nameKey(append([]any{"k", n, "."}, k...)...)
			e.Raw = fmt.Appendf(nil, `{"id":"%x"}`, e.Key)
			return e
		}
		switch rng.IntN(4) {
		case 0:
			e := fresh()
			s.events, s.winners = append(s.events, e), append(s.winners, e)
		case 1, 2:
			s.wholes(rng, n, fresh)
		case 3:
			s.hours(rng, n, fresh)
		}
	}
	rng.Shuffle(len(s.events), func(i, j int) { s.events[i], s.events[j] = s.events[j], s.events[i] })
	return s
}

// wholes is an original that is replaced by siblings, the latest of which is replaced
// again and again; the original may be missing, and the end may be a cancellation.
func (s *story) wholes(rng *rand.Rand, n int, fresh func(...any) *impact.Event) {
	original := fresh(0)
	if rng.IntN(2) == 0 {
		original.Links = &impact.Links{Alias: nameKey("a", n)}
	}
	targets := func(e *impact.Event, l *impact.Links) {
		switch {
		case e.Links != nil && e.Links.Alias != impact.Key{} && rng.IntN(2) == 0:
			l.Supersedes = e.Links.Alias
		case rng.IntN(2) == 0:
			l.Supersedes = e.Key
		default:
			l.Supersedes, l.SupersedesKey = nameKey("nobody", n, rng.Int()), e.Key
		}
	}
	comes := rng.IntN(5) > 0
	if comes {
		s.events = append(s.events, original)
	}
	var last *impact.Event
	for i, offset := range rng.Perm(1 + rng.IntN(3)) {
		e := fresh("s", i)
		e.Links = &impact.Links{RevisedAt: revisions.Add(time.Duration(offset) * time.Hour)}
		if e.Links.Supersedes = original.Key; comes {
			targets(original, e.Links) // else all must use one name: nothing ties names to each other
		}
		if last == nil || last.Links.RevisedAt.Before(e.Links.RevisedAt) {
			last = e
		}
		s.events = append(s.events, e)
	}
	for i := range rng.IntN(3) { // corrections of the correction, by a clock that stands or goes back
		e := fresh("c", i)
		e.Links = &impact.Links{RevisedAt: last.Links.RevisedAt.Add(-time.Duration(rng.IntN(2)) * time.Hour)}
		if rng.IntN(2) == 0 {
			e.Links.Alias = nameKey("ca", n, i)
		}
		targets(last, e.Links)
		last = e
		s.events = append(s.events, e)
	}
	if rng.IntN(4) == 0 {
		last.Status, last.Links.Amends = impact.StatusCancelled, impact.FactAmends|impact.FactStatus
		return
	}
	s.winners = append(s.winners, last)
}

// hours is the hours of a session, with amendments; what each fact comes to is kept
// by the latest revision that states it.
func (s *story) hours(rng *rand.Rand, n int, fresh func(...any) *impact.Event) {
	slot := nameKey("slot", n)
	original := fresh("h")
	original.Kind, original.Volunteer, original.DurationMS = impact.KindVolunteerHours, "v1", 3_600_000
	original.Status, original.Department, original.Points = impact.StatusNone, "", 0
	original.Dimension, original.ScoreScale, original.HasConfidence, original.FromVolunteer = 0, 0, false, false
	original.Links = &impact.Links{Slot: slot}
	s.events = append(s.events, original)
	want := *original
	type change struct {
		e  *impact.Event
		at int
	}
	var changes []change
	for i, at := range rng.Perm(rng.IntN(5)) {
		e := &impact.Event{
			Company: original.Company, Key: nameKey("k", n, ".u", i), Kind: impact.KindVolunteerHours, Type: "session.updated",
			Programme: "unassigned", OccurredAt: revisions.Add(time.Duration(at) * time.Minute),
			Links: &impact.Links{Supersedes: slot, RevisedAt: revisions.Add(time.Duration(at) * time.Minute), Amends: impact.FactAmends},
		}
		e.Raw = fmt.Appendf(nil, `{"update":"%x"}`, e.Key)
		if rng.IntN(2) == 0 {
			e.Links.Amends |= impact.FactTime
			e.DurationMS = int64(rng.IntN(3)) * 1_800_000
		}
		if rng.IntN(4) == 0 {
			e.Links.Amends |= impact.FactStatus
			e.Status = []impact.Status{impact.StatusNone, impact.StatusCancelled}[rng.IntN(2)]
		}
		if rng.IntN(3) == 0 {
			e.Links.Amends |= impact.FactDate
			e.OccurredAt = original.OccurredAt.Add(time.Duration(rng.IntN(800)) * time.Hour)
		}
		if rng.IntN(3) == 0 {
			e.Links.Amends |= impact.FactProgramme
			e.Programme = programmes[rng.IntN(len(programmes))]
		}
		if rng.IntN(3) == 0 {
			e.Volunteer = fmt.Sprint("v", rng.IntN(4))
		}
		changes = append(changes, change{e, at})
		s.events = append(s.events, e)
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at - b.at })
	for _, c := range changes {
		if c.e.Links.Amends&impact.FactTime != 0 {
			want.DurationMS = c.e.DurationMS
		}
		if c.e.Links.Amends&impact.FactStatus != 0 {
			want.Status = c.e.Status
		}
		if c.e.Links.Amends&impact.FactDate != 0 {
			want.OccurredAt = c.e.OccurredAt
		}
		if c.e.Links.Amends&impact.FactProgramme != 0 {
			want.Programme = c.e.Programme
		}
		if c.e.Volunteer != "" {
			want.Volunteer = c.e.Volunteer
		}
	}
	if want.Status != impact.StatusCancelled && want.DurationMS != 0 {
		s.winners = append(s.winners, &want)
	}
}

// Whatever the order in which originals and corrections arrive, in whatever batches,
// several times, folded from memory or from the log by several instances: the figures
// are those of a log that holds only what wins, and a rebuild gives the same bytes.
func TestCorrectionsInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			url := dbtest.New(t)
			stores := []*Store{openURL(t, url), openURL(t, url)}
			var companies []*impact.Company
			for i, zone := range zones[:3] {
				companies = append(companies, companyIn(t, stores[0], fmt.Sprint("company-", i), zone))
			}
			rng := rand.New(rand.NewPCG(seed, 5))
			s := tell(rng, companies, 80)
			folders := []*Folder{NewFolder(stores[0]), {store: stores[1]}} // the second leaves its batches to the log
			for rest := s.events; len(rest) > 0; {
				k := min(len(rest), 1+rng.IntN(1+int(seed)*15))
				batch := slices.Clone(rest[:k])
				rest = rest[k:]
				if rng.IntN(2) == 0 { // some come again
					batch = append(batch, s.events[rng.IntN(len(s.events)-len(rest))])
				}
				if _, err := stores[rng.IntN(2)].Commit(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				switch rng.IntN(4) {
				case 0:
					if err := folders[0].Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				case 1:
					if err := folders[rng.IntN(2)].CatchUp(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := folders[0].CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkWinners(t, stores[0], s, companies)
		})
	}
}

// The same with two instances that fold at once, beside rebuilds.
func TestCorrectionsInterleaved(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	stores := []*Store{openURL(t, url), openURL(t, url), openURL(t, url)} // the third has no folder
	var companies []*impact.Company
	for i, zone := range zones[:3] {
		companies = append(companies, companyIn(t, stores[0], fmt.Sprint("company-", i), zone))
	}
	told := folds(t, url)
	ctx, stop := context.WithCancel(t.Context())
	var folders, work sync.WaitGroup
	for i := range 3 {
		f := NewFolder(stores[i%2])
		folders.Go(func() { f.Run(ctx, 10*time.Second) })
	}
	s := tell(rand.New(rand.NewPCG(8, 8)), companies, 300)
	batches := slices.Collect(slices.Chunk(s.events, 1+len(s.events)/40))
	for worker := range 3 {
		work.Go(func() {
			for i, b := range batches {
				if i%3 != worker && i%5 != 0 { // some are sent several times
					continue
				}
				if _, err := stores[worker].Commit(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Go(func() {
		for _, c := range companies {
			if err := stores[0].Rebuild(t.Context(), c.ID, nil); err != nil {
				t.Error(err)
			}
		}
	})
	work.Wait()
	awaitFolded(t, stores[0], told)
	stop()
	folders.Wait()
	checkWinners(t, stores[0], s, companies)
}

// checkWinners compares the rollups with those of the winners alone, before and after
// a rebuild. People are numbered also where only a loser names them.
func checkWinners(t *testing.T, s *Store, told story, companies []*impact.Company) {
	t.Helper()
	checkLog(t, s, told.events)
	var unnamed []*impact.Event
	for _, e := range told.events {
		unnamed = append(unnamed, &impact.Event{Company: e.Company, Participant: e.Participant, Volunteer: e.Volunteer})
	}
	want := computed(t, s, told.winners, unnamed...)
	compare(t, rollups(t, s), want)
	noted := list[string](t, s, correctionRowsText)
	for _, c := range companies {
		if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, rollups(t, s), want)
	compare(t, list[string](t, s, correctionRowsText), noted)
}

const correctionRowsText = "SELECT c::text FROM correction c"

// The first correction that a company has is folded by one instance while another one,
// which knows of none yet, waits to fold what it corrects.
func TestFirstCorrectionBesideItsOriginal(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	a, b := openURL(t, url), openURL(t, url)
	c := company(t, a, "acme")
	folders := []*Folder{NewFolder(a), NewFolder(b)}
	original, correction := sessionEvent(c, 1, "p1", "v1"), sessionEvent(c, 2, "p1", "v1")
	correction.DurationMS = 60_000
	correction.Links = &impact.Links{Supersedes: original.Key, RevisedAt: revisions}
	mustCommit(t, a, correction)
	mustCommit(t, b, original)
	tx, err := a.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("SELECT FROM company FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	var folding sync.WaitGroup
	for i, f := range folders {
		folding.Go(func() {
			if err := f.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
		for get[int](t, a, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") <= i {
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	folding.Wait()
	checkRollups(t, a, []*impact.Event{correction})
}

// A source that changes the same session again and again does not hold up the folds.
func TestManyCorrectionsOfOneSession(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	f := NewFolder(s)
	var updates []*impact.Event
	for i, e := range sessions(c, 0, 5_000) {
		e.Kind, e.Volunteer, e.DurationMS = impact.KindVolunteerHours, "v1", int64(i)
		e.Links = &impact.Links{
			Supersedes: nameKey("hours of a session"), RevisedAt: revisions.Add(time.Duration(i) * time.Second), Amends: impact.FactAmends | impact.FactTime,
		}
		updates = append(updates, e)
	}
	for batch := range slices.Chunk(updates, 2_500) {
		mustCommit(t, s, batch...)
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := get[int64](t, s, "SELECT sum FROM rollup_tally WHERE measure = 'volunteer.hours' AND programme = '*' AND grain = 'Y'"); got != 4_999 {
		t.Errorf("%d ms of volunteering, want those of the last change", got)
	}
}
