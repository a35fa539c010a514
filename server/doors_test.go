package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/seed"
)

// randomEvent is an event of any kind, with few people and programmes so that they
// meet again, late and early, and now and then nonsense that is still valid.
func randomEvent(r *rand.Rand, id string, from, to time.Time) string {
	at := from.Add(time.Duration(r.Float64() * float64(to.Sub(from)))).UTC().Format(time.RFC3339Nano)
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	// Some take part on both sides.
	participant := fmt.Sprint("p", r.IntN(60))
	volunteer := pick(fmt.Sprint("v", r.IntN(9)), fmt.Sprint("p", r.IntN(60)))
	var data []string
	say := func(format string, args ...any) { data = append(data, fmt.Sprintf(format, args...)) }
	if r.IntN(4) > 0 {
		say(`"programId":%q`, pick("buddy", "mentoring", "language", "upskilling"))
	}
	if r.IntN(8) > 0 {
		say(`"participantId":%q`, participant)
	}
	typ := pick("session.completed", "session.completed", "session.completed", "kintell.session.completed", "feedback.submitted", "kintell.rating.created",
		"checkin.submitted", "milestone.achieved", "outcome.assessed", "outcome.assessed", "outcome.assessed", "course.completed",
		"upskilling.progress.updated", "program.enrollment", "program.enrollment", "program.completion", "placement.created",
		"external.volunteer.logged", "ingest.volunteer.logged", "external.donation.made", "match.created", "buddy.match.ended",
		"buddy.event.attended", "external.user.synced", "never.heard.of")
	switch typ {
	case "session.completed", "kintell.session.completed":
		if r.IntN(5) > 0 {
			say(`"volunteerId":%q`, volunteer)
		}
		say(`"userId":%q,"durationMinutes":%g`, participant, 0.5+float64(r.IntN(700))/7)
	case "feedback.submitted", "kintell.rating.created":
		say(`"rating":%.3f,"fromRole":%q`, r.Float64(), pick("participant", "volunteer", "mentor"))
	case "outcome.assessed":
		say(`"userId":%q,"dimension":%q,"score":%.4f`, participant,
			pick("integration", "language", "job_readiness", "confidence", "belonging", "well_being"), r.Float64())
		if r.IntN(3) > 0 {
			say(`"confidence":%.2f`, r.Float64())
		}
	case "upskilling.progress.updated":
		say(`"userId":%q,"progressPercent":%d`, participant, 50+50*r.IntN(2))
	case "program.enrollment":
		say(`"userId":%q,"status":%q`, participant, pick("enrolled", "in_progress", "completed", "withdrawn", "failed"))
	case "placement.created":
		say(`"userId":%q,"placementType":%q,"status":%q`, participant, pick("job_placement", "internship"), pick("active", "declined"))
	case "external.volunteer.logged", "ingest.volunteer.logged":
		say(`"volunteerId":%q,"hours":%.2f`, volunteer, r.Float64()*9)
	case "external.donation.made":
		say(`"userId":%q,"amount":%.2f,"currency":"NOK"`, participant, 1+r.Float64())
	case "match.created", "buddy.match.ended":
		say(`"userId":%q,"buddyId":%q`, participant, volunteer)
	case "buddy.event.attended":
		say(`"userId":%q,"durationMinutes":%d`, participant, r.IntN(100))
	case "external.user.synced":
		say(`"userId":%q,"department":%q,"division":%q,"status":%q,"attributes":{"Grade":%d,"remote":null}`, participant,
			pick("Sales", "sales", "People & Culture", "Engineering", "", "Ünit"), pick("North", "", "Süd"), pick("active", "on leave", ""), r.IntN(3))
	default:
		say(`"userId":%q`, participant)
	}
	return event(typ, id, at, data...)
}

// bruteForce works the simple figures of a question out of the log.
const bruteForce = `
WITH e AS (
    SELECT e.*, (e.occurred_at AT TIME ZONE c.time_zone)::date AS day,
           kind NOT IN ('unknown', 'directory', 'donation', 'enrollment', 'placement')
               AND NOT (kind = 'match' AND status = 'ended')
               AND NOT (kind = 'outcome.assessed' AND dimension IS NULL) AS active
    FROM event e JOIN company c ON c.id = e.company_id
    WHERE c.key = $1 AND ($2 = '*' OR e.programme = $2)
), inside AS (SELECT * FROM e WHERE day BETWEEN $3 AND $4
), until AS (SELECT * FROM e WHERE day <= $4)
SELECT
    (SELECT count(*) FROM inside WHERE kind <> 'unknown'),
    (SELECT count(*) FROM inside WHERE kind = 'unknown'),
    (SELECT count(*) FROM inside WHERE kind = 'session.completed'),
    (SELECT count(DISTINCT participant) FROM inside WHERE active),
    (SELECT count(DISTINCT volunteer) FROM inside WHERE active),
    (SELECT trim_scale(round(coalesce(sum(duration_ms), 0) / 3600000.0, 2)) FROM inside
     WHERE kind IN ('session.completed', 'volunteer.hours') AND volunteer IS NOT NULL),
    (SELECT trim_scale(round(coalesce(100.0 * (SELECT count(DISTINCT participant) FROM inside WHERE active)
         / nullif(count(DISTINCT participant), 0), 0), 2)) FROM until WHERE active OR kind = 'enrollment'),
    (SELECT trim_scale(round(coalesce(100.0 * count(DISTINCT (programme, participant)) FILTER (WHERE status = 'completed')
         / nullif(count(DISTINCT (programme, participant)), 0), 0), 2)) FROM until WHERE kind = 'enrollment' AND participant IS NOT NULL)`

type simple struct {
	events, unmapped, sessions, participants, volunteers, hours, engagement, completion json.Number
}

// text scans a number as it is written.
type text struct{ to *json.Number }

// Scan implements sql.Scanner.
func (n text) Scan(v any) error {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	*n.to = json.Number(fmt.Sprint(v))
	return nil
}

func (w *world) bruteForce(t testing.TB, company, programme string, from, to time.Time) (s simple) {
	t.Helper()
	if err := w.sql.QueryRow(bruteForce, company, programme, from.Format(time.DateOnly), to.Format(time.DateOnly)).
		Scan(text{&s.events}, text{&s.unmapped}, text{&s.sessions}, text{&s.participants}, text{&s.volunteers}, text{&s.hours},
			text{&s.engagement}, text{&s.completion}); err != nil {
		t.Fatal(err)
	}
	return s
}

// GraphQL and /v1 give the same figures, and those that SQL can tell from the log.
func TestDoorsAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := []*impact.Company{
		w.company(t, "auckland", "Pacific/Auckland"), w.company(t, "angeles", "America/Los_Angeles"), w.company(t, "utc"),
	}
	a := w.serve(t, w.key(t, "ingest,read", companies...))
	from, to := time.Date(2022, 11, 20, 0, 0, 0, 0, time.UTC), time.Date(2025, 2, 10, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(2, 2))
	for _, c := range companies {
		var events []string
		for h := seed.New(seed.Plan{Seed: 7, Company: c.Key, Events: 600, From: from, To: to}); ; {
			body, ok := h.Append(nil)
			if !ok {
				break
			}
			events = append(events, string(body))
		}
		for i := range 900 {
			events = append(events, randomEvent(r, fmt.Sprint("r", i), from, to))
		}
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		for i, e := range events {
			events[i] = `{"companyId":"` + c.Key + `",` + e[1:]
		}
		answer := a.ingest(t, "["+strings.Join(events, ",")+"]")
		var counts struct {
			Stored, Duplicates, Rejected int
			Results                      []struct{ Status, Pointer, Message string }
		}
		answer.decode(t, &counts)
		if counts.Stored < len(events)*9/10 || counts.Duplicates > 0 { // some of the random ones lack a person
			t.Fatalf("%d stored, %d rejected", counts.Stored, counts.Rejected)
		}
	}
	w.awaitFolds(t)

	programmes := []string{"*", "*", "buddy", "mentoring", "language", "unassigned", "kintell", "nothing"}
	cohorts := []string{"all", "All", "sales", "SALES", "people & culture", "Engineering", "Finance", "Ünit"}
	for range 60 {
		c := companies[r.IntN(len(companies))]
		programme := programmes[r.IntN(len(programmes))]
		cohort := cohorts[r.IntN(len(cohorts))]
		day := func() time.Time { return from.AddDate(0, 0, r.IntN(850)-10) }
		first, last := day(), day()
		if last.Before(first) {
			first, last = last, first
		}
		if r.IntN(5) == 0 { // a calendar year
			first = time.Date(2023+r.IntN(2), 1, 1, 0, 0, 0, 0, time.UTC)
			last = first.AddDate(1, 0, -1)
		}
		t.Run(fmt.Sprintf("%s %s %s %s to %s", c.Key, programme, cohort, first.Format(time.DateOnly), last.Format(time.DateOnly)), func(t *testing.T) {
			compareDoors(t, w, a, c.Key, programme, cohort, first, last)
		})
	}
}

const allFigures = `query($key: ID!, $period: Period, $programme: String, $cohort: String!) { company(key: $key) {
	metrics(period: $period, programme: $programme) {
		events unmappedEvents sessions participants volunteers volunteerHours avgEngagement completionRate impactScore }
	sroi(period: $period, programme: $programme) { ratio status }
	vis(period: $period, programme: $programme) { score band }
	cohort(key: $cohort, period: $period, programme: $programme) { suppressed participantCount completionRate sroi { ratio } vis { score } }
} }`

func compareDoors(t *testing.T, w *world, a *api, company, programme, cohort string, first, last time.Time) {
	t.Helper()
	start, end := first.Format(time.DateOnly), last.Format(time.DateOnly)
	variables := map[string]any{"key": company, "period": start + "/" + end, "cohort": cohort}
	query := "?start=" + start + "&end=" + end
	if programme != "*" {
		variables["programme"] = programme
		query += "&program=" + programme
	}
	g := a.query(t, allFigures, variables).clean(t)
	figure := func(path ...any) json.Number {
		n, _ := g.at(append([]any{"company"}, path...)...).(json.Number)
		return n
	}
	// What GraphQL leaves null is 0 to legacy clients.
	orZero := func(n json.Number) json.Number {
		if n == "" {
			return "0"
		}
		return n
	}

	var m struct {
		Metrics struct {
			SROI, VIS, TotalParticipants, TotalSessions, AvgEngagement, ImpactScore, TotalVolunteers, VolunteerHours, CompletionRate json.Number
		}
	}
	a.fresh(t, "/v1/metrics/"+company+query).decode(t, &m)
	var sroi struct {
		SROI   json.Number
		Status string
	}
	a.fresh(t, "/v1/metrics/"+company+"/sroi"+query).decode(t, &sroi)
	var vis struct {
		VIS  json.Number
		Band string
	}
	a.fresh(t, "/v1/metrics/"+company+"/vis"+query).decode(t, &vis)
	var group struct {
		Suppressed bool
		Metrics    struct{ ParticipantCount, AvgSROI, AvgVIS, CompletionRate json.Number }
	}
	a.fresh(t, "/v1/cohort/"+company+"/"+url.PathEscape(cohort)+query).decode(t, &group)

	s := w.bruteForce(t, company, programme, first, last)
	for _, row := range []struct {
		name        string
		graph, rest json.Number
		log         json.Number // empty: not worked out
	}{
		{"events", figure("metrics", "events"), "", s.events},
		{"unmapped events", figure("metrics", "unmappedEvents"), "", s.unmapped},
		{"sessions", figure("metrics", "sessions"), m.Metrics.TotalSessions, s.sessions},
		{"participants", figure("metrics", "participants"), m.Metrics.TotalParticipants, s.participants},
		{"volunteers", figure("metrics", "volunteers"), m.Metrics.TotalVolunteers, s.volunteers},
		{"volunteer hours", figure("metrics", "volunteerHours"), m.Metrics.VolunteerHours, s.hours},
		{"engagement", figure("metrics", "avgEngagement"), m.Metrics.AvgEngagement, s.engagement},
		{"completion", figure("metrics", "completionRate"), m.Metrics.CompletionRate, s.completion},
		{"impact score", figure("metrics", "impactScore"), m.Metrics.ImpactScore, ""},
		{"sroi", orZero(figure("sroi", "ratio")), m.Metrics.SROI, ""},
		{"sroi alone", orZero(figure("sroi", "ratio")), sroi.SROI, ""},
		{"vis", figure("vis", "score"), m.Metrics.VIS, ""},
		{"vis alone", figure("vis", "score"), vis.VIS, ""},
		{"cohort participants", orZero(figure("cohort", "participantCount")), group.Metrics.ParticipantCount, ""},
		{"cohort completion", orZero(figure("cohort", "completionRate")), group.Metrics.CompletionRate, ""},
		{"cohort sroi", orZero(figure("cohort", "sroi", "ratio")), group.Metrics.AvgSROI, ""},
		{"cohort vis", orZero(figure("cohort", "vis", "score")), group.Metrics.AvgVIS, ""},
	} {
		if row.rest != "" && row.graph != row.rest || row.graph == "" {
			t.Errorf("%s: GraphQL %q, /v1 %q", row.name, row.graph, row.rest)
		}
		if row.log != "" && row.graph != row.log {
			t.Errorf("%s: figures %s, the log says %s", row.name, row.graph, row.log)
		}
	}
	if g.at("company", "sroi", "status") != sroi.Status || g.at("company", "vis", "band") != vis.Band || g.at("company", "cohort", "suppressed") != group.Suppressed {
		t.Errorf("status, band or suppression differ: %s; %+v %+v %+v", g.body, sroi, vis, group)
	}
	if strings.EqualFold(cohort, "all") && (figure("cohort", "participantCount") != s.participants || figure("cohort", "completionRate") != s.completion) {
		t.Errorf("cohort all: %s; the log says %+v", g.body, s)
	}
}
