package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/verify"
)

// verified is the differences of a company as lines.
func (w *world) verified(t testing.TB, c *impact.Company) (lines []string, result verify.Result) {
	t.Helper()
	result, err := verifyCompany(t.Context(), w.store, c, patience, verify.Options{
		Report: func(d verify.Difference) { lines = append(lines, d.String()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, result
}

func (w *world) wantVerified(t testing.TB, when string, c *impact.Company) {
	t.Helper()
	lines, r := w.verified(t, c)
	if len(lines) > 0 || r.Differences != 0 {
		t.Errorf("%s: %d differences of %s, the first are\n%s", when, len(lines), c.Key, strings.Join(lines[:min(20, len(lines))], "\n"))
	}
	if n := w.count(t, "SELECT count(*) FROM event WHERE company_id = $1 AND batch_id > 0", c.ID); r.Events != n || r.Figures == 0 || r.Reread < n/2 || when == "at first" && r.Instants == 0 {
		t.Errorf("%s: %+v of %s, the log has %d events", when, r, c.Key, n)
	}
}

// randomCorrections correct what randomLoad sends, each other, and what never comes.
func randomCorrections(seed uint64) (batches [][]string) {
	r := rand.New(rand.NewPCG(seed, 1))
	for n := range 40 {
		revised := 1735700000 + r.IntN(10_000)
		day := fmt.Sprintf("2024-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28))
		var list []string
		say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
		slot := r.IntN(25)
		say(`{"event_type":"session.created","event_id":"c%d","timestamp":1740830400,"data":{"session_id":"S%d","volunteer":{"id":"v%d"},"activity":{"date":"%sT10:00:00Z","hours":%d.5}}}`,
			n, n, r.IntN(9), day, 1+r.IntN(5))
		say(`{"type":"session.updated","id":"u%d","timestamp":%d,"data":{"session_id":"S%d","changes":{"hours":%d}}}`, n, revised, slot, r.IntN(6))
		if r.IntN(5) == 0 {
			say(`{"type":"session.updated","id":"x%d","timestamp":%d,"data":{"session_id":"S%d","changes":{"status":"cancelled"}}}`, n, revised, slot)
		}
		say(`{"type":"external.volunteer.logged","id":"h%d","delivery_id":"d%d","data":{"userId":"v%d","hours":4,"activityDate":"%s"}}`, n, n, r.IntN(9), day)
		say(`{"type":"external.volunteer.logged","id":"g%d","supersedes":"h%d","timestamp":%d,"data":{"userId":"v%d","hours":%d,"activityDate":"%s"}}`,
			n, r.IntN(60), revised, r.IntN(9), 1+r.IntN(9), day)
		say(`{"type":"external.volunteer.logged","id":"f%d","supersedes":"g%d","timestamp":%d,"data":{"userId":"v%d","hours":%d,"activityDate":"%s"}}`,
			n, r.IntN(60), revised, r.IntN(9), 1+r.IntN(9), day)
		for i, zone := range list {
			list[i] = `{"companyId":"` + strings.ReplaceAll(zones[n%len(zones)], "/", ".") + `",` + zone[1:]
		}
		batches = append(batches, list)
	}
	return batches
}

// Whatever comes in, in whatever order, and whatever is corrected, set or erased: an
// independent reader of the log finds what readers of the rollups say.
func TestVerify(t *testing.T) {
	t.Parallel()
	batches := slices.Concat(randomLoad(4), randomCorrections(4))
	rand.New(rand.NewPCG(4, 4)).Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	w, companies, a := loaded(t, batches)
	r := rand.New(rand.NewPCG(4, 5))
	for i, c := range companies {
		w.defineCohort(t, c, "assessed", `{"did":{"activity":"SESSION"}}`) // and otherwise later
		w.defineCohort(t, c, "gone", `{"not":{"department":["north"]}}`)
		var listed []string
		for n := range 60 {
			listed = append(listed, `{"companyId":"`+c.Key+`",`+event("external.user.synced", fmt.Sprint("a", i, "-", n), fmt.Sprintf("2024-0%d-11T10:00:00Z", 1+r.IntN(9)),
				fmt.Sprintf(`"userId":"p%d","department":%q,"division":%q,"attributes":{"Grade":%q,"site":null}`,
					r.IntN(30), []string{"North", "South", "north"}[r.IntN(3)], []string{"a", "B", "b"}[r.IntN(3)], []string{"", "1", "2"}[r.IntN(3)]))[1:])
		}
		a.ingest(t, "["+strings.Join(listed, ",")+"]")
		w.define(t, c)
		if err := w.store.DeleteCohort(t.Context(), c.ID, "gone", "test"); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitFolds(t)
	for _, c := range companies {
		w.wantVerified(t, "at first", c)
	}
	c := companies[0]
	if _, err := w.store.ChangeSettings(t.Context(), impact.SettingsEdit{Company: c.ID, By: "test", Now: time.Now(), Changes: []impact.SettingChange{
		dated("hourlyValue", 2024, 3, 15, "41.20"), dated("hourlyValue", 2024, 9, 1, "55"),
		dated("activityWeights", 2024, 7, 10, "match=11,eventAttended=6.5,skillShare=1,feedback=2,milestone=3,checkin=4"),
		dated("visWeights", 2024, 6, 1, "hours=0.4,quality=0.3,outcomeLift=0.2,placement=0.1"),
		{Name: impact.SettingProgrammeCost, Cost: &impact.ProgrammeCost{
			Programme: "buddy", Range: impact.Range{From: impact.Date(2024, 2, 10), To: impact.Date(2024, 8, 7)}, Amount: decimal.RequireFromString("1234.56"),
		}},
		{Name: impact.SettingProgrammeCost, Cost: &impact.ProgrammeCost{
			Programme: impact.AllProgrammes, Range: impact.Range{From: impact.Date(2023, 2, 10), To: impact.Date(2026, 8, 7)}, Amount: decimal.RequireFromString("70000"),
		}},
	}}); err != nil {
		t.Fatal(err)
	}
	w.wantVerified(t, "with settings", c)
	zone := "Asia/Tokyo"
	if _, err := w.store.ChangeSettings(t.Context(), impact.SettingsEdit{Company: companies[2].ID, By: "test", Now: time.Now(), Changes: []impact.SettingChange{
		{Name: impact.SettingTimeZone, Value: &zone},
	}}); err != nil {
		t.Fatal(err)
	}
	if companies[2], _ = w.store.CompanyByKey(t.Context(), companies[2].Key); companies[2].Location.String() != zone {
		t.Fatal("the time zone did not change")
	}
	w.wantVerified(t, "in another time zone", companies[2])
	for _, who := range []string{"p7", "v3"} {
		if _, err := w.store.Erase(t.Context(), impact.EraseRequest{Company: c.ID, Person: who, By: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	w.wantVerified(t, "after an erasure", c)
	a.mustIngest(t, `{"companyId":"UTC",`+session("late", "p1", "v1", "2024-02-29T23:59:59Z", 3600)[1:])
	w.wantVerified(t, "with a late event", c)
	if err := w.store.Rebuild(t.Context(), c.ID, nil); err != nil {
		t.Fatal(err)
	}
	w.wantVerified(t, "rebuilt", c)
}

func (w *world) defineCohort(t testing.TB, c *impact.Company, key, filter string) {
	t.Helper()
	f, err := impact.ReadCohortFilter([]byte(filter))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.NewFigures(w.store, nil).SaveCohort(t.Context(), impact.CohortDefinition{Company: c.ID, Key: key, Name: key, Filter: *f}, "test", nil); err != nil {
		t.Fatal(err)
	}
}

// define gives a company cohorts and a value map that is bound to live figures.
func (w *world) define(t testing.TB, c *impact.Company) {
	t.Helper()
	for key, filter := range map[string]string{
		"assessed":  `{"did":{"activity":"OUTCOME","period":"2024"}}`,
		"ready":     `{"or":[{"did":{"activity":"JOB_READY"}},{"did":{"activity":"JOB","programme":"buddy"}}]}`,
		"graded":    `{"and":[{"attribute":{"name":"grade"}},{"not":{"attribute":{"name":"division","in":["B"]}}}]}`,
		"elsewhere": `{"and":[{"not":{"department":["NORTH"]}},{"did":{"activity":"ANY","period":"2024-Q1"}}]}`,
		"enrolled":  `{"and":[{"did":{"activity":"ENROLMENT"}},{"or":[{"did":{"activity":"COMPLETION"}},{"did":{"activity":"CHECKIN"}}]}]}`,
	} {
		w.defineCohort(t, c, key, filter)
	}
	names, _ := impact.LiveFigures()
	var lines []string
	for i, name := range names {
		where := []string{"", `,"programme":"buddy"`, `,"period":"2024-Q2"`, `,"programme":"nobody","period":"2024"`}[i%4]
		lines = append(lines, fmt.Sprintf(`{"name":"line %d","bind":{"figure":%q%s},"proxy":"%d.25","deadweight":"0.1","attribution":"0.25","dropOff":"0.3","duration":%d,"startYear":%d}`,
			i, name, where, 10*i-20, 1+i%4, 1+i%2))
	}
	m, err := impact.ParseValueMap([]byte(`{"discountTiming":"YEAR_1_UNDISCOUNTED","inputs":[{"name":"a","amount":"12345.67"}],"outcomes":[{"name":"fixed","quantity":"3","proxy":"10"},` +
		strings.Join(lines, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.SaveValueMap(t.Context(), c.ID, m, "test", nil); err != nil {
		t.Fatal(err)
	}
}

func dated(name impact.SettingName, year int, month time.Month, day int, value string) impact.SettingChange {
	from := impact.Date(year, month, day)
	return impact.SettingChange{Name: name, From: &from, Value: &value}
}

// One row that is not what the log says is found, and the figure that it spoils is named.
func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme", "Europe/Oslo")
	a := w.serve(t, w.key(t, "ingest,read", c))
	r := rand.New(rand.NewPCG(8, 8))
	from := time.Date(2024, 1, 25, 0, 0, 0, 0, time.UTC)
	var events []string
	for n := range 400 {
		events = append(events, randomEvent(r, fmt.Sprint("t", n), from, from.AddDate(0, 1, 10)))
	}
	events = append(events, session("s1", "p1", "v1", "2024-02-05T10:00:00Z", 3600),
		event("outcome.assessed", "o1", "2024-02-05T10:00:00Z", `"participantId":"p1","dimension":"language","score":0.9`))
	for i := range 8 {
		events = append(events, event("external.user.synced", fmt.Sprint("d", i), "2024-02-05T10:00:00Z", fmt.Sprintf(`"userId":"p%d","department":"North","division":"b"`, i)))
	}
	for i := range 20 { // who were assessed in February alone, beside others who were not
		events = append(events, event("outcome.assessed", fmt.Sprint("q", i), "2024-02-06T10:00:00Z", fmt.Sprintf(`"participantId":"q%d","dimension":"belonging","score":0.5`, i)),
			session(fmt.Sprint("n", i), fmt.Sprint("n", i), "v1", "2024-02-07T10:00:00Z", 3600))
	}
	half := len(events) / 2
	a.ingest(t, "["+strings.Join(events[:half], ",")+"]")
	a.ingest(t, "["+strings.Join(events[half:], ",")+"]")
	w.awaitFolds(t)
	w.define(t, c)
	w.wantVerified(t, "untouched", c)
	w.exec(t, "CREATE TABLE batch_kept (LIKE batch)")
	restore := func() {
		t.Helper()
		if err := w.store.Rebuild(t.Context(), c.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]struct {
		sql, undo string
		want      []string
	}{
		"a tally": {
			"UPDATE rollup_tally SET n = n + 1 WHERE programme = '*' AND grain = 'M' AND bucket = '2024-02-01' AND measure = 'session.completed'", "",
			[]string{"acme, 2024-02, programme *: sessions is ", "explained count.session.completed is", "explained vis teei-vis-reporting-1.0 sessions is"},
		},
		"a day's tally": {
			"UPDATE rollup_tally SET sum = sum + 3600000 WHERE programme = '*' AND grain = 'D' AND bucket = '2024-02-05' AND measure = 'volunteer_time'", "",
			[]string{"acme, 2024-02-05, programme *: volunteerHours is "},
		},
		"a tally of a day without events": {
			`INSERT INTO rollup_tally (company_id, programme, grain, bucket, measure, n, sum)
			 SELECT company_id, programme, grain, '2021-07-01', measure, n, sum FROM rollup_tally WHERE programme = '*' AND grain = 'D' AND bucket = '2024-02-05'`, "",
			[]string{"acme, 2021-07-01, programme *: events is 0 by the log, readers say "},
		},
		"a set": {
			"DELETE FROM rollup_set WHERE programme = '*' AND grain = 'Y' AND bucket = '2024-01-01' AND set = 'participants'", "",
			[]string{"acme, 2024, programme *: participants is ", "explained cohort all participants is"},
		},
		"a page": {
			"DELETE FROM rollup_page WHERE programme = '*' AND grain = 'M' AND bucket = '2024-02-01' AND facet = 'A'", "",
			[]string{"acme, 2024-02, programme *: sroi teei-1.0 SUM improvement.language is ", "explained sroi teei-1.0 SUM language is", "explained cohort all scores.sum is"},
		},
		"a department": {
			"UPDATE person SET department = 'South', department_key = 'south' WHERE department_key = 'north'", "",
			[]string{"cohort north is a department by the log, readers say no cohort"},
		},
		"whom a cohort's filter picks": {
			`UPDATE rollup_set s SET members = o.members FROM rollup_set o
			 WHERE s.set = 'did.outcome' AND o.set = 'participants' AND s.grain = o.grain AND s.bucket = o.bucket AND s.programme = '*' AND o.programme = '*'`, "",
			[]string{"cohort assessed participantCount is ", "explained cohort assessed "},
		},
		"when people were active": {
			`UPDATE rollup_set s SET members = o.members FROM rollup_set o
			 WHERE s.set = 'participants' AND o.set = 'did.outcome' AND s.grain = 'M' AND o.grain = 'M' AND s.bucket = o.bucket
			   AND s.bucket = '2024-02-01' AND s.programme = '*' AND o.programme = '*'`, "",
			[]string{"acme, all time, programme *: retention CLASSIC by MONTH row 2024-0", "explained retention CLASSIC by MONTH size["},
		},
		"what people did on a day": {
			"DELETE FROM rollup_set WHERE programme = '*' AND grain = 'D' AND bucket = '2024-02-07' AND set = 'did.session'", "",
			[]string{"programme *: funnel SESSION, OUTCOME, FEEDBACK step 0 is ", "explained funnel SESSION, OUTCOME, FEEDBACK steps[0].people is"},
		},
		"what changed": {
			"UPDATE rollup_tally SET n = n + 1 WHERE programme = '*' AND grain = 'M' AND bucket = '2024-01-01' AND measure = 'session.completed'", "",
			[]string{"acme, 2024-02, programme *: change from PREVIOUS_PERIOD of sessions is "},
		},
		"what explains a score": {
			"UPDATE rollup_tally SET n = n + 1, sum = sum + 1 WHERE programme = '*' AND grain = 'M' AND bucket = '2024-02-01' AND measure = 'rating'", "",
			[]string{"acme, 2024-02, programme *: explained vis rating."},
		},
		"an attribute": {
			"UPDATE person_attribute SET value = 'c', value_key = 'c' WHERE name = 'division'", "",
			[]string{"attribute division of p"},
		},
		"what a value map is bound to": {
			"UPDATE rollup_tally SET n = n + 1 WHERE programme = '*' AND grain = 'Y' AND bucket = '2024-01-01' AND measure = 'milestone.achieved'", "",
			[]string{"acme, 2024, programme *: sroi svi-2012 socialValue is ", "explained sroi svi-2012 outcomes[", "explained sroi teei-activity-1.0 milestones[2024-01-01] is"},
		},
		"when it was sent": {
			"UPDATE event SET payload = replace(payload, '2024-02-05T10', '2024-02-05T11') WHERE kind = 'session.completed' AND occurred_at = '2024-02-05T10:00:00Z'",
			"UPDATE event SET payload = replace(payload, '2024-02-05T11', '2024-02-05T10') WHERE kind = 'session.completed' AND occurred_at = '2024-02-05T10:00:00Z'",
			[]string{"time of event "},
		},
		"who it was sent of": {
			`UPDATE event SET payload = replace(payload, '"p1"', '"p2"') WHERE kind = 'session.completed' AND occurred_at = '2024-02-05T10:00:00Z'`,
			`UPDATE event SET payload = replace(payload, '"p2"', '"p1"') WHERE kind = 'session.completed' AND occurred_at = '2024-02-05T10:00:00Z'`,
			[]string{"participant of event "},
		},
		"how long it was sent to be": {
			"UPDATE event SET duration_ms = duration_ms + 60000 WHERE kind = 'session.completed' AND occurred_at = '2024-02-05T10:00:00Z'",
			"UPDATE event SET duration_ms = duration_ms - 60000 WHERE kind = 'session.completed' AND occurred_at = '2024-02-05T10:00:00Z'",
			[]string{"duration in milliseconds of event "},
		},
		"when it was stored": {
			"WITH gone AS (DELETE FROM batch WHERE id = (SELECT min(batch_id) FROM event WHERE batch_id > 0) RETURNING *) INSERT INTO batch_kept SELECT * FROM gone",
			"INSERT INTO batch SELECT * FROM batch_kept",
			[]string{"acme, all time as of 2"},
		},
		"a row of the log": {
			"UPDATE event SET score = 100000 WHERE kind = 'outcome.assessed' AND occurred_at = '2024-02-05T10:00:00Z'",
			"UPDATE event SET score = 900000 WHERE kind = 'outcome.assessed' AND occurred_at = '2024-02-05T10:00:00Z'",
			[]string{"acme, 2024-02-05, programme unassigned: sroi improvement.language is 0.0000 by the log, readers say "},
		},
		"what was sent": {
			"UPDATE event SET payload = replace(payload, '0.9', '0.8') WHERE kind = 'outcome.assessed' AND occurred_at = '2024-02-05T10:00:00Z'",
			"UPDATE event SET payload = replace(payload, '0.8', '0.9') WHERE kind = 'outcome.assessed' AND occurred_at = '2024-02-05T10:00:00Z'",
			[]string{"score in millionths of event "},
		},
		"a row of the log that goes": {
			"UPDATE event SET batch_id = 0 WHERE kind = 'outcome.assessed' AND occurred_at = '2024-02-05T10:00:00Z'",
			"UPDATE event SET batch_id = (SELECT max(id) FROM batch) WHERE kind = 'outcome.assessed' AND occurred_at = '2024-02-05T10:00:00Z'",
			[]string{"acme, 2024-02-05, programme *: events is "},
		},
		"who was placed": {
			"DELETE FROM rollup_set WHERE programme = '*' AND grain = 'Y' AND bucket = '2024-01-01' AND set = 'placed'", "",
			[]string{"acme, 2024, programme *: explained sroi teei-npv-1.0 placed is "},
		},
	} {
		w.exec(t, change.sql)
		lines, _ := w.verified(t, c)
		for _, want := range change.want {
			if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, want) }) {
				t.Errorf("%s: none of %d differences says %q:\n%s", name, len(lines), want, strings.Join(lines[:min(10, len(lines))], "\n"))
			}
		}
		if change.undo != "" {
			w.exec(t, change.undo)
		}
		restore()
	}
	w.wantVerified(t, "restored", c)
}
