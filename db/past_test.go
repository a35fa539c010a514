package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// act is something that happens to a database: once done, everything is folded.
type act func(t *testing.T, s *Store)

// history is acts in their order, on companies whose ids are those of the first database.
func history(rng *rand.Rand, companies []*impact.Company, acts int) (list []act) {
	story := tell(rng, companies, 25*acts)
	for i := range acts {
		some := story.events[len(story.events)*i/acts : len(story.events)*(i+1)/acts]
		c := companies[rng.IntN(len(companies))]
		changes := [][]impact.SettingChange{
			{set("hourlyValue", "2024-07-01", fmt.Sprint(30+rng.IntN(20))), cost("buddy", "2025-01-01", "2025-12-31", fmt.Sprint(rng.IntN(9000)))},
			{set("hourlyValue", "2022-01-01", fmt.Sprint(10+rng.IntN(9))), set("minGroup", "", fmt.Sprint(3+rng.IntN(9)))},
			{{Name: impact.SettingHourlyValue, From: dayOf("2024-07-01")}}, // the default again
			{set("visWeights", "2020-01-01", "hours=0.4,quality=0.2,outcomeLift=0.2,placement=0.2"), set("fiscalYearStart", "", fmt.Sprint(1+rng.IntN(12)))},
			{set("timeZone", "", zones[rng.IntN(len(zones))]), cost("*", "2020-01-01", "2025-03-31", "1234.56")},
			{set("weekStart", "", "SUNDAY"), set("sroiMethodology", "2021-01-01", impact.IDActivity)},
			nil,
		}[rng.IntN(7)]
		remove := rng.IntN(3) == 0
		some = append(some, moves(rng, companies, 8)...)
		edit := editCohorts(rng, c)
		list = append(list, func(t *testing.T, s *Store) {
			t.Helper()
			mustCommit(t, s, some...)
			foldAll(t, s)
			if len(changes) > 0 {
				mustChange(t, s, c, changes...)
			}
			edit(t, s)
			if settings := settingsNow(t, s, c); remove && len(settings.Costs) > 0 {
				mustChange(t, s, c, impact.SettingChange{Name: impact.SettingProgrammeCost, Remove: true, Cost: &settings.Costs[0]})
			} else if v := settings.Versions; remove && len(v) > 0 {
				mustChange(t, s, c, impact.SettingChange{Name: v[0].Name, From: &v[0].From, Remove: true})
			}
			m, err := impact.ParseValueMap(fmt.Appendf(nil, `{"inputs":[{"name":"x","amount":%d}],"outcomes":[{"name":"y","quantity":1,"proxy":2}]}`, i+1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.SaveValueMap(context.Background(), c.ID, m, "test", nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	return list
}

func settingsNow(t testing.TB, s *Store, c *impact.Company) *impact.Settings {
	t.Helper()
	found, err := s.Settings(t.Context(), []impact.CompanyID{c.ID})
	if err != nil {
		t.Fatal(err)
	}
	return found[0]
}

// sight is everything that is to be seen of companies, at an instant or, with 0, now; one
// line for each figure.
func sight(t testing.TB, s *Store, companies []*impact.Company, at impact.AsOf) (lines []string) {
	t.Helper()
	f := NewFigures(s, nil)
	settings, active, maps := pastOf(t, f, companies, at)
	var questions []impact.Question
	var cohorts []impact.CohortQuestion
	for i, c := range companies {
		calendar := settings[i].Calendar
		lines = append(lines, fmt.Sprintf("%s: zone %s week %s fiscal %s k %d version %d active %v", c.Key, calendar.Location, calendar.WeekStart,
			calendar.FiscalStart, settings[i].MinGroup, settings[i].Version, active[i]))
		for _, v := range settings[i].Versions {
			text := "default"
			if v.Value != nil {
				text = *v.Value
			}
			lines = append(lines, fmt.Sprintf("%s: %s from %s is %s", c.Key, v.Name, v.From, text))
		}
		for _, line := range settings[i].Costs {
			lines = append(lines, fmt.Sprintf("%s: cost %d %s %s %s %q", c.Key, line.ID, line.Programme, line.Range, line.Amount, line.Note))
		}
		if maps[i] != nil {
			data, err := maps[i].MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s: map %d %s", c.Key, maps[i].Version, data))
		}
		for _, text := range []string{"2025-11", "2025", "2024-07-15/2025-10-26", "FY2025", "2025-03-30", "2020-01-01/2021-01-01", ""} {
			r := impact.AllTime
			if text != "" {
				p, err := impact.ParsePeriod(text)
				if err != nil {
					t.Fatal(err)
				}
				r = p.Range(calendar, calendar.Today(noon))
			}
			for _, programme := range []string{impact.AllProgrammes, "buddy", "kintell"} {
				for _, parts := range []impact.Parts{impact.PartsOverview, impact.PartsOverview | impact.PartOwn} {
					questions = append(questions, impact.Question{Company: c.ID, Programme: programme, Range: r, Parts: parts, AsOf: at})
				}
				cohorts = append(cohorts, impact.CohortQuestion{Company: c.ID, Programme: programme, Range: r, Key: impact.CohortAll, AsOf: at})
			}
		}
	}
	figures, err := f.Figures(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range figures {
		what := fmt.Sprintf("company %d %s %s", questions[i].Company, questions[i].Programme, questions[i].Range)
		lines = append(lines, fmt.Sprintf("%s: metrics %+v", what, *a.Metrics), fmt.Sprintf("%s: vis %+v", what, *a.VIS),
			fmt.Sprintf("%s: sroi %+v score %s", what, *a.SROI, a.ImpactScore))
		for _, id := range []string{impact.IDTeei1, impact.IDNPV, impact.IDActivity} {
			overrides := impact.Overrides{}
			if id == impact.IDTeei1 && questions[i].Parts&impact.PartOwn == impact.PartOwn {
				overrides["improvementMode"] = impact.Setting{Word: "SUM"}
				overrides["baseline"] = impact.Setting{Word: "MEASURED"}
			}
			live, err := a.Basis.SROI(id, overrides, active[0])
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s: %s %+v", what, id, live.SROI))
			for _, p := range live.Parameters {
				lines = append(lines, fmt.Sprintf("%s: %s %s %s", what, id, p.Name, p.Value()))
			}
		}
		lines = append(lines, fmt.Sprintf("%s: reporting %+v", what, a.Basis.Reporting(impact.DefaultReporting, active[0])))
	}
	groups, err := f.Cohorts(t.Context(), cohorts)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range groups {
		one := *c
		one.ErasedSince = false
		one.Basis = nil // an address
		lines = append(lines, fmt.Sprintf("cohort of company %d %s %s: %+v", cohorts[i].Company, cohorts[i].Programme, cohorts[i].Range, one))
	}
	lines = append(lines, cohortSight(t, s, f, companies, at)...)
	return append(lines, analysisSight(t, s, f, companies, settings, at)...)
}

// pastOf is what figures depend on beside events, at an instant or now.
func pastOf(t testing.TB, f *Figures, companies []*impact.Company, at impact.AsOf) (settings []*impact.Settings, active []impact.Range, maps []*impact.StoredMap) {
	t.Helper()
	ids := make([]impact.CompanyID, len(companies))
	asks := make([]impact.PastAsk, len(companies))
	for i, c := range companies {
		ids[i] = c.ID
		asks[i] = impact.PastAsk{Company: c.ID, AsOf: at, Active: true}
	}
	var err, err2, err3 error
	if at == 0 {
		settings, err = f.Settings(t.Context(), ids)
		active, err2 = f.Active(t.Context(), ids)
		maps, err3 = f.ValueMaps(t.Context(), ids)
	} else {
		var list []*impact.Past
		list, err = f.Past(t.Context(), asks)
		for _, p := range list {
			settings, active, maps = append(settings, p.Settings), append(active, p.Active), append(maps, p.Map)
		}
	}
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return settings, active, maps
}

// instant is the clock of the database.
func instant(t testing.TB, s *Store) impact.AsOf {
	t.Helper()
	return impact.AsOfTime(get[time.Time](t, s, "SELECT clock_timestamp()"))
}

// same compares two sights.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	shown := 0
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w && shown < 3 {
			shown++
			t.Errorf("%s:\n got %s\nwant %s", what, g, w)
		}
	}
}

// Whatever comes later (late events, corrections of corrections, moves between departments,
// cohorts defined otherwise or taken away, other settings, another time zone, a rebuild),
// what was known at an instant is what was answered then; and
// after an erasure it is what would have been answered without the person.
func TestAsOf(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 25))
		s := open(t)
		companies := []*impact.Company{companyIn(t, s, "acme", "Europe/Oslo"), companyIn(t, s, "globex", "America/New_York")}
		acts := history(rng, companies, 8)
		instants, seen := make([]impact.AsOf, len(acts)), make([][]string, len(acts))
		for i, do := range acts {
			do(t, s)
			instants[i], seen[i] = instant(t, s), sight(t, s, companies, 0)
		}
		for _, c := range companies {
			mustChange(t, s, c, set("minGroup", "", "3")) // else more would be withheld
			if err := s.Rebuild(t.Context(), c.ID, nil); err != nil {
				t.Fatal(err)
			}
		}
		for i, at := range instants {
			same(t, fmt.Sprintf("seed %d, after act %d", seed, i), sight(t, s, companies, at), seen[i])
		}
		if first := sight(t, s, companies, instants[0]-1e12); !strings.Contains(strings.Join(first, "\n"), "Events:0") {
			t.Error("something was known before anything happened")
		}

		const who, act = "p3", 5
		done, err := s.Erase(t.Context(), impact.EraseRequest{Company: companies[0].ID, Person: who, By: "test"})
		if err != nil || done.Deleted+done.Struck == 0 {
			t.Fatalf("erased %+v, %v", done, err)
		}
		other := open(t)
		twins := []*impact.Company{companyIn(t, other, "acme", "Europe/Oslo"), companyIn(t, other, "globex", "America/New_York")}
		for _, do := range acts[:act+1] {
			do(t, other)
		}
		if _, err := other.Erase(t.Context(), impact.EraseRequest{Company: twins[0].ID, Person: who, By: "test"}); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("seed %d, after an erasure", seed), sight(t, s, companies, instants[act]), sight(t, other, twins, 0))

		now := instant(t, s)
		past, err := NewFigures(s, nil).Past(t.Context(), []impact.PastAsk{
			{Company: companies[0].ID, AsOf: instants[act]}, {Company: companies[1].ID, AsOf: instants[act]}, {Company: companies[0].ID, AsOf: now},
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{true, false, false} {
			if past[i].ErasedSince != want {
				t.Errorf("ask %d: erased since: %v", i, past[i].ErasedSince)
			}
		}
	}
}

// A batch that began before an instant and is not committed yet keeps it from being
// answered, so that an answer never changes; one that began later does not.
func TestAsOfWaitsForOpenBatches(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	mustCommit(t, s, sessions(c, 0, 3)...)
	foldAll(t, s)
	early, err := s.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer early.Rollback()
	begin := func(tx *sqlx.Tx, n int) {
		t.Helper()
		for _, sql := range []string{
			"INSERT INTO event (company_id, key, batch_id, occurred_at, kind, type, programme, payload) SELECT id, '%032[1]x', %[1]d, now(), 'session.completed', 'x', 'buddy', '{}' FROM company",
			"INSERT INTO batch (id, events) VALUES (%[1]d, 1)",
		} {
			if _, err := tx.Exec(fmt.Sprintf(sql, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin(early, 1_000_000)
	at := instant(t, s)
	ask := impact.Question{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsMetrics, AsOf: at}
	f := NewFigures(s, nil)
	if _, err := f.Figures(t.Context(), []impact.Question{ask}); impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("beside an open batch: %v", err)
	}
	before := ask
	before.AsOf = impact.AsOfTime(get[time.Time](t, s, "SELECT min(xact_start) - interval '1 microsecond' FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"))
	if got, err := f.Figures(t.Context(), []impact.Question{before}); err != nil || got[0].Metrics.Sessions != 3 {
		t.Errorf("before it: %+v, %v", got, err)
	}

	answered := make(chan error)
	go func() {
		got, err := f.Figures(t.Context(), []impact.Question{ask})
		if err == nil && got[0].Metrics.Sessions != 4 {
			err = fmt.Errorf("%+v", *got[0].Metrics)
		}
		answered <- err
	}()
	if err := early.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}

	late, err := s.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback()
	begin(late, 2_000_000)
	if _, err := f.Figures(Uncached(t.Context()), []impact.Question{ask}); err != nil {
		t.Errorf("beside a batch that began later: %v", err)
	}

	// A fold, and whatever else is long and stores nothing under the instant, is no matter.
	fold, err := s.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer fold.Rollback()
	if _, err := fold.Exec("UPDATE batch SET folded_at = now()"); err != nil {
		t.Fatal(err)
	}
	ask.AsOf = instant(t, s)
	if err := late.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Figures(t.Context(), []impact.Question{ask}); err != nil {
		t.Errorf("beside a fold: %v", err)
	}

	ask.AsOf = impact.AsOfTime(time.Now().Add(time.Hour))
	if _, err := f.Figures(t.Context(), []impact.Question{ask}); impact.CodeOf(err) != impact.CodeInvalid {
		t.Errorf("of the future: %v", err)
	}
}

// Answers that are given while others commit, through two instances, are those given
// afterwards.
func TestAsOfDuringIngest(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	stores := []*Store{openURL(t, url), openURL(t, url)}
	c := company(t, stores[0], "acme")
	var writers sync.WaitGroup
	for i, s := range stores {
		writers.Go(func() {
			for n := range 60 {
				if _, err := s.Commit(t.Context(), sessions(c, 1000*i+5*n, 5)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	type answer struct {
		at       impact.AsOf
		sessions int64
	}
	var answers []answer
	f := NewFigures(stores[0], nil)
	read := func(at impact.AsOf) int64 {
		ask := []impact.Question{{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsMetrics, AsOf: at}}
		got, err := f.Figures(Uncached(t.Context()), ask)
		for impact.CodeOf(err) == impact.CodeUnavailable { // a batch takes long on a busy machine
			got, err = f.Figures(Uncached(t.Context()), ask)
		}
		if err != nil {
			t.Error(err)
			return -1
		}
		return got[0].Metrics.Sessions
	}
	for range 25 {
		at := instant(t, stores[1])
		answers = append(answers, answer{at, read(at)})
	}
	writers.Wait()
	for _, a := range answers {
		if again := read(a.at); again != a.sessions {
			t.Errorf("as of %s: %d, and then %d", a.at, a.sessions, again)
		}
	}
	if n := read(instant(t, stores[0])); n != 600 {
		t.Errorf("%d sessions in the end", n)
	}
}

// A read of the past ends on Postgres when whoever asked gives up, gives its turn back,
// and is refused beyond the limit.
func TestAsOfIsBounded(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	mustCommit(t, s, sessions(c, 0, 50)...)
	foldAll(t, s)
	f := NewFigures(s, nil)
	ask := []impact.Question{{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsOverview, AsOf: instant(t, s)}}
	f.pasts.limit = 49
	if _, err := f.Figures(t.Context(), ask); impact.CodeOf(err) != impact.CodeTooLarge {
		t.Errorf("beyond the limit: %v", err)
	}
	f.pasts.limit = 50

	// A lock on the log holds the statement up, on Postgres, until it is cancelled.
	blocker, err := s.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Rollback()
	if _, err := blocker.Exec("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for range maxPasts + 1 { // each gives its turn back
		ctx, giveUp := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := f.Figures(ctx, ask)
			ended <- err
		}()
		for get[int](t, s, waiting) == 0 {
		}
		giveUp()
		if err := <-ended; err == nil {
			t.Error("an answer in spite of a locked log")
		}
		for get[int](t, s, waiting) > 0 {
		}
	}
	if err := blocker.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Figures(t.Context(), ask); err != nil || got[0].Metrics.Sessions != 50 {
		t.Errorf("afterwards: %v", err)
	}
}
