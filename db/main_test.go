package db

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// open is a store on a fresh database.
func open(t testing.TB) *Store {
	t.Helper()
	return openURL(t, dbtest.New(t))
}

func openURL(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func company(t testing.TB, s *Store, key string) *impact.Company {
	t.Helper()
	c, err := s.EnsureCompany(context.Background(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// companyIn is a company of a time zone.
func companyIn(t testing.TB, s *Store, key, zone string) *impact.Company {
	t.Helper()
	company(t, s, key)
	exec(t, s, "UPDATE company SET time_zone = $2 WHERE key = $1", key, zone)
	return company(t, s, key)
}

func exec(t testing.TB, s *Store, sql string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// get is the only value of the only row.
func get[T any](t testing.TB, s *Store, sql string, args ...any) (value T) {
	t.Helper()
	if err := s.db.GetContext(t.Context(), &value, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func list[T any](t testing.TB, s *Store, sql string, args ...any) (values []T) {
	t.Helper()
	if err := s.db.SelectContext(t.Context(), &values, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return values
}

func mustCommit(t testing.TB, s *Store, events ...*impact.Event) []impact.Verdict {
	t.Helper()
	verdicts, err := s.Commit(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if len(verdicts) != len(events) {
		t.Fatalf("%d verdicts for %d events", len(verdicts), len(events))
	}
	return verdicts
}

func foldAll(t testing.TB, s *Store) {
	t.Helper()
	if err := (&Folder{store: s}).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sessionEvent is a completed session with a participant and a volunteer.
func sessionEvent(c *impact.Company, n int, participant, volunteer string) *impact.Event {
	return &impact.Event{
		Company: c.ID, Key: impact.Key{byte(n >> 16), byte(n >> 8), byte(n), 1}, Kind: impact.KindSession, Type: "session.completed",
		Programme: "buddy", Participant: participant, Volunteer: volunteer, Session: fmt.Sprint("s", n),
		OccurredAt: time.Date(2025, 11, 13, 10, 0, n, 0, time.UTC), DurationMS: 1_800_000,
		Score: 730_000, ScoreRaw: 7.3, ScoreScale: impact.ScaleTen,
		Raw: fmt.Appendf(nil, `{"n":%d,"text":"tab\there \\ and a\nline"}`, n),
	}
}

// sessions are n different session events.
func sessions(c *impact.Company, first, n int) []*impact.Event {
	events := make([]*impact.Event, n)
	for i := range events {
		events[i] = sessionEvent(c, first+i, fmt.Sprint("p", (first+i)%7), fmt.Sprint("v", (first+i)%3))
	}
	return events
}

var programmes = []string{"buddy", "kintell", "unassigned"}

// randomEvents are events of every kind: few people and few instants, so that
// coincidences are many, around turns of days, months, years and summer time.
func randomEvents(rng *rand.Rand, companies []*impact.Company, n int) []*impact.Event {
	events := make([]*impact.Event, n)
	for i := range events {
		e := &impact.Event{
			Company: companies[rng.IntN(len(companies))].ID, Kind: impact.Kind(rng.IntN(int(impact.KindDirectory) + 1)), Type: "some.type",
			Programme:  programmes[rng.IntN(len(programmes))],
			OccurredAt: time.Date(2019+rng.IntN(6), time.December, 30+rng.IntN(4), 11*rng.IntN(3), 0, 0, rng.IntN(3)*400, time.UTC),
			Status:     impact.Status(rng.IntN(int(impact.StatusPlaced) + 1)),
		}
		switch rng.IntN(4) {
		case 0:
			e.OccurredAt = time.UnixMilli(1_577_000_000_000 + rng.Int64N(180_000_000_000)).UTC()
		case 1:
			e.OccurredAt = time.Date(2025, []time.Month{3, 10, 11}[rng.IntN(3)], []int{1, 2, 9, 26, 30, 31}[rng.IntN(6)], rng.IntN(24), 59, 0, 0, time.UTC)
		}
		for b := range e.Key {
			e.Key[b] = byte(rng.Uint32())
		}
		e.Raw = fmt.Appendf(nil, `{"id":"%x"}`, e.Key)
		if rng.IntN(3) == 0 {
			e.Kind = []impact.Kind{impact.KindOutcome, impact.KindSession, impact.KindDirectory}[rng.IntN(3)]
		}
		if rng.IntN(8) > 0 {
			e.Participant = fmt.Sprint("p", rng.IntN(25))
		}
		if rng.IntN(4) > 0 {
			e.Volunteer = []string{"v1", "v2", "v3", "v4", "p1", "p2"}[rng.IntN(6)] // two are both
		}
		switch e.Kind {
		case impact.KindSession, impact.KindVolunteerHours, impact.KindEventAttended:
			e.DurationMS = rng.Int64N(20_000_000)
		case impact.KindFeedback:
			if rng.IntN(4) > 0 {
				e.ScoreScale, e.ScoreRaw, e.Score = impact.ScaleFive, 3, impact.Micro(rng.Int32N(1_000_001))
			}
			e.FromVolunteer = rng.IntN(3) == 0
		case impact.KindOutcome:
			e.Dimension = impact.Dimensions[rng.IntN(len(impact.Dimensions))]
			e.ScoreScale, e.ScoreRaw, e.Score = impact.ScaleUnit, 0.5, impact.Micro(rng.Int32N(11)*100_000)
			if e.HasConfidence = rng.IntN(2) == 0; e.HasConfidence {
				e.Confidence = impact.Micro(rng.Int32N(1_000_001))
			}
		case impact.KindMilestone:
			e.Points = rng.Int64N(50)
		case impact.KindDirectory:
			e.Department = []string{"", "Sales", "sales", "Engineering", "Ärzte", "HR"}[rng.IntN(6)]
			e.OccurredAt = time.Date(2025, 1, 1, 0, 0, 0, rng.IntN(3000), time.UTC) // to the nanosecond
			values := make(map[string]string)
			for _, name := range []string{"division", "status", "cost_centre"} {
				if rng.IntN(2) == 0 {
					values[name] = []string{"", "North", "north", "Süd", "active"}[rng.IntN(5)]
				}
			}
			e.Attributes = impact.NewAttributes(values)
		}
		events[i] = e
	}
	return events
}

const rollupRows = `
	SELECT format('tally %s %s %s %s %s %s %s', company_id, programme, grain, bucket, measure, n, sum) FROM rollup_tally
	UNION ALL SELECT format('set %s %s %s %s %s %s', company_id, programme, grain, bucket, set, encode(members, 'hex')) FROM rollup_set
	UNION ALL SELECT format('page %s %s %s %s %s %s %s', company_id, programme, grain, bucket, facet, page, encode(data, 'hex')) FROM rollup_page
	UNION ALL SELECT format('attribute %s %s %s %s %s %s', company_id, ordinal, name, value, value_key, extract(epoch FROM at)) FROM person_attribute
	UNION ALL SELECT format('person %s %s %s %s %s', company_id, key, ordinal, department, extract(epoch FROM department_at)) FROM person
	ORDER BY 1`

// rollups is every row that folds write, as text.
func rollups(t testing.TB, s *Store) []string {
	t.Helper()
	rows := list[string](t, s, rollupRows)
	slices.Sort(rows) // by bytes
	return rows
}

// computed is what the rollups must hold after the events, by impact.Cells alone, where
// uncounted ones name people too. The numbers of people are taken from the database.
func computed(t testing.TB, s *Store, events []*impact.Event, uncounted ...*impact.Event) []string {
	t.Helper()
	var people []struct {
		CompanyID impact.CompanyID `db:"company_id"`
		Key       string
		Ordinal   impact.Ordinal
	}
	if err := s.db.Select(&people, "SELECT company_id, key, ordinal FROM person"); err != nil {
		t.Fatal(err)
	}
	ordinals := make(map[person]impact.Ordinal)
	for _, p := range people {
		ordinals[person{p.CompanyID, p.Key}] = p.Ordinal
	}
	companies, err := s.CompanyPage(t.Context(), nil, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	cells := make(map[impact.CompanyID]impact.Cells)
	zones := make(map[impact.CompanyID]*time.Location)
	for _, c := range companies {
		cells[c.ID], zones[c.ID] = make(impact.Cells), c.Location
	}
	named := make(map[person]bool)
	departments := make(map[person]*impact.Event)
	attributes := make(map[string]*impact.Event)                                             // by company, ordinal and name
	at := func(e *impact.Event) time.Time { return e.OccurredAt.Truncate(time.Microsecond) } // as the log keeps it
	for _, e := range events {
		p, v := person{e.Company, e.Participant}, person{e.Company, e.Volunteer}
		named[p], named[v] = true, true
		cells[e.Company].Add(e, impact.DayAt(e.OccurredAt, zones[e.Company]), ordinals[p], ordinals[v])
		if e.Kind == impact.KindDirectory && e.Department != "" {
			if l := departments[p]; l == nil || cmp.Or(at(e).Compare(at(l)), cmp.Compare(e.Department, l.Department)) > 0 {
				departments[p] = e
			}
		}
		for name, value := range e.Attributes.All() {
			where := fmt.Sprintf("%d %d %s", e.Company, ordinals[p], name)
			if l := attributes[where]; e.Kind == impact.KindDirectory && e.Participant != "" &&
				(l == nil || cmp.Or(at(e).Compare(at(l)), cmp.Compare(value, l.Attributes.All()[name])) > 0) {
				attributes[where] = e
			}
		}
	}
	for _, e := range uncounted {
		named[person{e.Company, e.Participant}], named[person{e.Company, e.Volunteer}] = true, true
	}
	var rows []string
	for where, e := range attributes {
		value := e.Attributes.All()[where[strings.LastIndex(where, " ")+1:]]
		rows = append(rows, fmt.Sprintf("attribute %s %s %s %.6f", where, value, strings.ToLower(value), float64(at(e).UnixMicro())/1e6))
	}
	for id, cs := range cells {
		cs.RollUp()
		for k, c := range cs {
			place := fmt.Sprintf("%d %s %c %s", id, k.Programme, k.Grain, k.Bucket)
			for m, tally := range c.Tallied() {
				rows = append(rows, fmt.Sprintf("tally %s %s %d %d", place, m, tally.N, tally.Sum))
			}
			for set, members := range c.Sets {
				if members != nil {
					data, err := canonical(members).ToBytes()
					if err != nil {
						t.Fatal(err)
					}
					rows = append(rows, fmt.Sprintf("set %s %s %x", place, impact.Set(set), data))
				}
			}
			for p := range c.Pages() {
				rows = append(rows, fmt.Sprintf("page %s %c %d %x", place, p.Facet, p.Number, p.Data))
			}
		}
	}
	for p := range named {
		if p.key == "" {
			continue
		}
		ordinal, known := ordinals[p]
		if !known {
			t.Errorf("%v has no number", p)
		}
		department, when := "", ""
		if e := departments[p]; e != nil {
			department, when = e.Department, fmt.Sprintf("%.6f", float64(at(e).UnixMicro())/1e6)
		}
		rows = append(rows, fmt.Sprintf("person %d %s %d %s %s", p.company, p.key, ordinal, department, when))
	}
	slices.Sort(rows)
	return rows
}

// checkRollups compares the rollups with a computation from the events.
func checkRollups(t testing.TB, s *Store, events []*impact.Event) {
	t.Helper()
	if n := get[int](t, s, "SELECT count(*) FROM batch WHERE folded_at IS NULL"); n > 0 {
		t.Errorf("%d batches are not folded", n)
	}
	for _, dense := range list[bool](t, s, `SELECT count(*) = max(ordinal) + 1 AND min(ordinal) = 0 AND max(ordinal) + 1 = min(c.next_ordinal)
		FROM person p JOIN company c ON c.id = p.company_id GROUP BY p.company_id`) {
		if !dense {
			t.Error("people are not numbered densely")
		}
	}
	compare(t, rollups(t, s), computed(t, s, events))
}

func compare(t testing.TB, got, want []string) {
	t.Helper()
	missing := make(map[string]int)
	for _, w := range want {
		missing[w]++
	}
	for _, g := range got {
		missing[g]--
	}
	shown := 0
	for _, row := range slices.Sorted(maps.Keys(missing)) {
		if n := missing[row]; n != 0 && shown < 8 {
			shown++
			if len(row) > 200 {
				row = row[:200] + "..."
			}
			t.Errorf("%+d of %s", -n, row)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// checkLog checks that the log holds exactly the events, each once, in a batch that
// counts them.
func checkLog(t testing.TB, s *Store, events []*impact.Event) {
	t.Helper()
	want := make([]string, len(events))
	for i, e := range events {
		want[i] = fmt.Sprintf("%d %x %s", e.Company, e.Key, e.Raw)
	}
	compare(t, list[string](t, s, "SELECT format('%s %s %s', company_id, replace(key::text, '-', ''), payload) FROM event"), want)
	for _, wrong := range list[int64](t, s, `
		SELECT coalesce(b.id, e.batch_id) FROM batch b
		FULL JOIN (SELECT batch_id, count(*) AS n FROM event GROUP BY 1) e ON e.batch_id = b.id
		WHERE b.events IS DISTINCT FROM e.n`) {
		t.Errorf("batch %d does not count its events", wrong)
	}
}

// folds tells of every fold on the database of url, from now on.
func folds(t testing.TB, url string) <-chan *pq.Notification {
	t.Helper()
	listener := pq.NewListener(url, 10*time.Millisecond, time.Second, nil)
	t.Cleanup(func() { listener.Close() })
	if err := listener.Listen(Channel); err != nil {
		t.Fatal(err)
	}
	return listener.Notify
}

// awaitFolded returns once every batch is folded.
func awaitFolded(t testing.TB, s *Store, told <-chan *pq.Notification) {
	t.Helper()
	for {
		var n int
		err := sqlx.GetContext(t.Context(), s.db, &n, "SELECT count(*) FROM batch WHERE folded_at IS NULL")
		if err == nil && n == 0 {
			return
		}
		if err != nil && !transient(err) {
			t.Fatal(err)
		}
		select {
		case <-told:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
