package db

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// whole walks a list page by page.
func whole(t *testing.T, f *Figures, q impact.RosterQuestion) (all []*impact.Person) {
	t.Helper()
	for {
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}
		rosters, err := f.Rosters(t.Context(), []impact.RosterQuestion{q})
		if err != nil {
			t.Fatal(err)
		}
		page := rosters[0]
		all = append(all, page.People...)
		if !page.More {
			return all
		}
		if len(page.People) != q.First {
			t.Fatalf("a page of %d before the last, want %d", len(page.People), q.First)
		}
		q.After = page.People[len(page.People)-1].Cursor
	}
}

// Lists of people say what a brute force over the events says, in every order, by
// pages of every size, of ranges that begin and end within months.
func TestRostersAgainstEvents(t *testing.T) {
	t.Parallel()
	s := open(t)
	c, other := companyIn(t, s, "acme", "Pacific/Auckland"), company(t, s, "globex")
	rng := rand.New(rand.NewPCG(8, 8))
	events := randomEvents(rng, []*impact.Company{c, c, c, other}, 900)
	for chunk := range slices.Chunk(events, 250) {
		mustCommit(t, s, chunk...)
	}
	foldAll(t, s)
	f := NewFigures(s, nil)
	ordinals := make(map[string]impact.Ordinal)
	for _, row := range list[string](t, s, "SELECT ordinal || ' ' || key FROM person WHERE company_id = $1", c.ID) {
		var who impact.Ordinal
		var key string
		fmt.Sscan(row, &who, &key)
		ordinals[key] = who
	}
	for i := range 12 {
		from := impact.Date(2019+rng.IntN(3), time.Month(1+rng.IntN(12)), 1+rng.IntN(28))
		r := impact.Range{From: from, To: from + 1 + impact.Day(rng.IntN(1500))}
		if i == 0 {
			r = impact.AllTime
		}
		programme := []string{"*", "buddy"}[i%2]
		for _, role := range []impact.Role{impact.RoleVolunteer, impact.RoleParticipant} {
			want := described(events, c, role, programme, r)
			orders := []impact.RosterOrder{impact.OrderHours, impact.OrderName, impact.OrderFirstSeen, impact.OrderVIS}
			if role == impact.RoleParticipant {
				orders = orders[:3]
			}
			byName := make(map[string]*impact.Person)
			for _, order := range orders {
				people := whole(t, f, impact.RosterQuestion{
					Company: c.ID, Programme: programme, Range: r, Role: role, Order: order, First: 1 + rng.IntN(12),
				})
				if len(people) != len(want) {
					t.Errorf("%s of %s, %s by %s: %d people, want %d", role, programme, r, order, len(people), len(want))
				}
				for _, p := range people {
					p.Cursor = ""
					if order == impact.OrderName {
						byName[p.Key] = p
					}
					if order == impact.OrderFirstSeen && !reflect.DeepEqual(p, byName[p.Key]) {
						t.Errorf("%s of %s, %s: %s is %+v, by name %+v", role, programme, r, p.Key, p, byName[p.Key])
					}
					if got := describe(role, p); got != want[p.Key] {
						t.Errorf("%s of %s, %s by %s: %s is\n%s, want\n%s", role, programme, r, order, p.Key, got, want[p.Key])
					}
					if p.Who != ordinals[p.Key] {
						t.Errorf("%s has the number %d", p.Key, p.Who)
					}
				}
				if !slices.IsSortedFunc(people, func(a, b *impact.Person) int {
					switch order {
					case impact.OrderHours:
						return cmp.Or(b.Hours.Cmp(a.Hours), 0)
					case impact.OrderVIS:
						return cmp.Or(b.VIS.Score.Cmp(a.VIS.Score), cmp.Compare(a.Who, b.Who))
					case impact.OrderFirstSeen:
						return cmp.Compare(a.Who, b.Who)
					case impact.OrderName:
					}
					return cmp.Compare(a.Key, b.Key)
				}) {
					t.Errorf("%s by %s are not in order", role, order)
				}
			}
		}
	}
}

func describe(role impact.Role, p *impact.Person) string {
	var months []string
	for _, m := range p.Months {
		months = append(months, fmt.Sprintf("%s %s %d %d", m.Month, m.Hours.StringFixed(2), m.Sessions, m.Met))
	}
	ratings := ""
	if role == impact.RoleParticipant {
		ratings = fmt.Sprint(p.Ratings)
	}
	return fmt.Sprintf("%s h, %d sessions, met %d, in %v, %s%s", p.Hours.StringFixed(2), p.Sessions, p.Met, p.Programmes, strings.Join(months, "; "), ratings)
}

// described is what each active person of a company did, from the events alone.
func described(events []*impact.Event, c *impact.Company, role impact.Role, programme string, r impact.Range) map[string]string {
	type sums struct {
		ms, n  int64
		met    map[string]bool
		rating impact.Tally
	}
	type person struct {
		sums
		programmes map[string]bool
		months     map[impact.Day]*sums
	}
	people := make(map[string]*person)
	for _, e := range events {
		day := impact.DayAt(e.OccurredAt, c.Location)
		me, them := e.Volunteer, e.Participant
		if role == impact.RoleParticipant {
			me, them = them, me
		}
		if e.Company != c.ID || me == "" || day < r.From || day >= r.To || programme != "*" && e.Programme != programme {
			continue
		}
		active := e.Kind != impact.KindUnknown && e.Kind != impact.KindDirectory && e.Kind != impact.KindDonation &&
			e.Kind != impact.KindEnrollment && e.Kind != impact.KindPlacement && (e.Kind != impact.KindMatch || e.Status != impact.StatusEnded)
		if !active {
			continue
		}
		p := people[me]
		if p == nil {
			p = &person{sums: sums{met: map[string]bool{}}, programmes: map[string]bool{}, months: map[impact.Day]*sums{}}
			people[me] = p
		}
		p.programmes[e.Programme] = true
		add := func(change func(*sums)) {
			month := impact.GrainMonth.Bucket(day)
			if p.months[month] == nil {
				p.months[month] = &sums{met: map[string]bool{}}
			}
			change(&p.sums)
			change(p.months[month])
		}
		gave := e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours
		switch {
		case role == impact.RoleVolunteer && gave:
			add(func(s *sums) { s.ms += e.DurationMS; s.n++ })
		case role == impact.RoleParticipant && e.Kind == impact.KindSession && them != "":
			add(func(s *sums) { s.ms += e.DurationMS })
		case role == impact.RoleParticipant && e.Kind == impact.KindFeedback && e.ScoreScale != impact.ScaleNone && !e.FromVolunteer:
			add(func(s *sums) { s.rating.N++; s.rating.Sum += int64(e.Score) })
		}
		if them != "" && (e.Kind == impact.KindSession || e.Kind == impact.KindMatch) {
			p.met[them] = true
			if role == impact.RoleVolunteer {
				add(func(s *sums) { s.met[them] = true })
			}
		}
	}
	hours := func(ms int64) decimal.Decimal {
		return decimal.NewFromInt(ms).DivRound(decimal.NewFromInt(3_600_000), 2)
	}
	texts := make(map[string]string, len(people))
	for key, p := range people {
		out := &impact.Person{Hours: hours(p.ms), Sessions: p.n, Met: int64(len(p.met)), Ratings: p.rating, Programmes: slices.Sorted(maps.Keys(p.programmes))}
		for _, month := range slices.Sorted(maps.Keys(p.months)) {
			m := p.months[month]
			out.Months = append(out.Months, impact.PersonMonth{Month: month, Hours: hours(m.ms), Sessions: m.n, Met: int64(len(m.met))})
		}
		texts[key] = describe(role, out)
	}
	return texts
}

// Ties keep their order over pages, a cursor holds when people come and go, and what a
// list costs does not depend on its length, on the number of lists or of companies.
func TestRosterPagesAndStatements(t *testing.T) {
	t.Parallel()
	p := newProxy(t, dbtest.New(t))
	s := openURL(t, p.url)
	var companies []*impact.Company
	var events []*impact.Event
	for i := range 100 {
		c := company(t, s, fmt.Sprintf("c%03d", i))
		companies = append(companies, c)
		for n := range 3 {
			events = append(events, sessionEvent(c, n, "p", fmt.Sprint("v", n)))
		}
	}
	big := companies[0]
	for n := range 150 { // equal hours, so ties all over
		events = append(events, sessionEvent(big, 1000+n, "p", fmt.Sprintf("w%03d", n)))
	}
	mustCommit(t, s, events...)
	foldAll(t, s)
	f := NewFigures(s, nil)
	ask := func(c *impact.Company, order impact.RosterOrder, first int, after string) impact.RosterQuestion {
		return impact.RosterQuestion{Company: c.ID, Programme: "*", Range: impact.AllTime, Role: impact.RoleVolunteer, Order: order, First: first, After: after}
	}
	statements := func(questions ...impact.RosterQuestion) ([]*impact.Roster, int32) {
		t.Helper()
		before := p.executed.Load()
		rosters, err := f.Rosters(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		return rosters, p.executed.Load() - before
	}
	for _, order := range []impact.RosterOrder{impact.OrderHours, impact.OrderVIS, impact.OrderName, impact.OrderFirstSeen} {
		_, want := statements(ask(big, order, 1, ""))
		for _, n := range []int{1, 10, 100} {
			rosters, got := statements(ask(big, order, n, ""))
			if got != want || len(rosters[0].People) != n || !rosters[0].More {
				t.Errorf("%s: %d people by %d statements, want %d by %d", order, len(rosters[0].People), got, n, want)
			}
			var questions []impact.RosterQuestion
			for _, c := range companies[:n] {
				questions = append(questions, ask(c, order, 2, ""))
			}
			if _, got := statements(questions...); got != want {
				t.Errorf("%s of %d companies: %d statements, want %d", order, n, got, want)
			}
		}
	}
	// Somebody with more hours, and somebody new, between two pages.
	first, _ := statements(ask(big, impact.OrderHours, 40, ""))
	mustCommit(t, s, sessionEvent(big, 2000, "p", "v0"), sessionEvent(big, 2001, "p", "late"))
	foldAll(t, s)
	rest, _ := statements(ask(big, impact.OrderHours, 1000, first[0].People[39].Cursor))
	seen := make(map[string]int)
	for _, who := range append(first[0].People, rest[0].People...) {
		seen[who.Key]++
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was listed %d times", key, n)
		}
	}
	if len(seen) != 154 { // all that there were, and the new one
		t.Errorf("%d people in two pages, want 154", len(seen))
	}
}
