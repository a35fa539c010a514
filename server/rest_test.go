package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/impactql/impactql/impact"
)

const (
	noCompany = `{"success":false,"error":"Company not found"}`
	noCohort  = `{"success":false,"error":"Cohort not found"}`
)

// known is a company whose figures can be worked out by hand.
//
// November 2025: 1.5 hours at 29.95 = 44.925 invested; language 0.9 and job readiness
// 0.8 are 0.6 x 500 + 0.5 x 300 = 450. VIS: hours 0.15, quality 80, the rest 0:
// 0.3 x 0.15 + 0.3 x 80 = 24.045. Impact score: (1 + 0.2405) / 2 x 10.
func known(t testing.TB) (*world, *impact.Company, *api) {
	t.Helper()
	w, c, a := shop(t)
	a.mustIngest(t,
		session("s1", "p1", "v1", "2025-11-01T00:00:00Z", 3600, `"programId":"mentoring"`),
		session("s2", "p2", "v1", "2025-11-30T23:59:59.999Z", 1800, `"programId":"language"`),
		event("outcome.assessed", "o1", "2025-11-10T12:00:00Z", `"participantId":"p1","dimension":"language","score":0.9,"confidence":0.9`),
		event("outcome.assessed", "o2", "2025-11-11T12:00:00Z", `"participantId":"p2","dimension":"job_readiness","score":0.8,"confidence":0.9`),
		event("program.enrollment", "e1", "2025-11-02T12:00:00Z", `"userId":"p3","programId":"mentoring"`),
		event("program.completion", "e2", "2025-11-20T12:00:00Z", `"userId":"p1","programId":"mentoring"`),
		session("s3", "p1", "v2", "2025-12-01T00:00:00Z", 7200, `"programId":"mentoring"`),
		session("s4", "p4", "v2", "2025-10-31T23:59:59Z", 7200, `"programId":"mentoring"`),
	)
	var staff []string
	for i := range 6 {
		who := fmt.Sprint("staff", i)
		department := "Engineering"
		if i > 3 {
			department = "ENGINEERING" // the same
		}
		staff = append(staff,
			event("external.user.synced", "d"+who, "2024-01-01T00:00:00Z", fmt.Sprintf(`"userId":%q,"department":%q`, who, department)),
			session("s"+who, who, "v3", "2024-05-05T10:00:00Z", 3600))
	}
	for i := range 4 {
		who := fmt.Sprint("few", i)
		staff = append(staff,
			event("external.user.synced", "d"+who, "2024-01-01T00:00:00Z", fmt.Sprintf(`"userId":%q,"department":"Legal & Co"`, who)),
			session("s"+who, who, "v3", "2024-05-05T10:00:00Z", 3600))
	}
	a.mustIngest(t, staff...)
	w.awaitFolds(t)
	return w, c, a
}

func TestRESTReads(t *testing.T) {
	t.Parallel()
	w, _, a := known(t)
	november := `{"success":true,"metrics":{"sroi":10.02,"vis":24.05,"totalParticipants":2,"totalSessions":2,"avgEngagement":%s,"impactScore":6.2,
		"totalVolunteers":1,"volunteerHours":1.5,"completionRate":50},"period":{"start":"%s","end":"%s"}}`
	// Of 14 people seen and one enrolled until the end of November, 2 were active.
	all := fmt.Sprintf(november, "14.29", "2025-11-01T00:00:00Z", "2025-11-30T23:59:59Z")
	for _, c := range []struct{ path, want string }{
		{"/v1/metrics/acme?start=2025-11-01&end=2025-11-30", all},
		{"/v1/metrics/acme?period=2025-11", all},
		{"/v1/metrics/acme?period=2025-11-01/2025-11-30", all},
		{"/v1/metrics/acme?start=2025-11-01T00:00:00Z&end=2025-11-30T23:59:59Z", all},
		{"/v1/metrics/acme?start=2025-11-01T00:00:00.000Z&end=2025-11-30T10:00:00.000Z",
			fmt.Sprintf(november, "14.29", "2025-11-01T00:00:00Z", "2025-11-30T10:00:00Z")},
		{"/v1/metrics/acme?start=2025-11-01&end=2025-11-29",
			`{"success":true,"metrics":{"sroi":15.03,"vis":24.03,"totalParticipants":2,"totalSessions":1,"avgEngagement":14.29,"impactScore":6.2,
			"totalVolunteers":1,"volunteerHours":1,"completionRate":50},"period":{"start":"2025-11-01T00:00:00Z","end":"2025-11-29T23:59:59Z"}}`},
		{"/v1/metrics/acme?start=2025-11-01&end=2025-11-30&program=mentoring",
			`{"success":true,"metrics":{"sroi":0,"vis":0.03,"totalParticipants":1,"totalSessions":1,"avgEngagement":33.33,"impactScore":0,
			"totalVolunteers":1,"volunteerHours":1,"completionRate":50},"period":{"start":"2025-11-01T00:00:00Z","end":"2025-11-30T23:59:59Z"}}`},
		{"/v1/metrics/acme?period=2025-11&program=nothing.of-it",
			`{"success":true,"metrics":{"sroi":0,"vis":0,"totalParticipants":0,"totalSessions":0,"avgEngagement":0,"impactScore":0,
			"totalVolunteers":0,"volunteerHours":0,"completionRate":0},"period":{"start":"2025-11-01T00:00:00Z","end":"2025-11-30T23:59:59Z"}}`},
		{"/v1/metrics/acme/sroi?start=2025-11-01&end=2025-11-30", `{"success":true,"sroi":10.02,"status":"OK"}`},
		{"/v1/metrics/acme/sroi?period=2023", `{"success":true,"sroi":0,"status":"INSUFFICIENT_DATA"}`},
		{"/v1/metrics/acme/vis?start=2025-11-01&end=2025-11-30", `{"success":true,"vis":24.05,"band":"Developing"}`},
		{"/v1/cohort/acme/all?period=2025-11", `{"success":true,"cohort":"all","metrics":{"participantCount":2,"avgSROI":10.02,"avgVIS":24.05,"completionRate":50}}`},
		{"/v1/cohort/acme/ALL?period=2025-11", `{"success":true,"cohort":"ALL","metrics":{"participantCount":2,"avgSROI":10.02,"avgVIS":24.05,"completionRate":50}}`},
		{"/v1/cohort/acme/Engineering", `{"success":true,"cohort":"Engineering","metrics":{"participantCount":6,"avgSROI":0,"avgVIS":0.3,"completionRate":0}}`},
		{"/v1/cohort/acme/eNGINEERING", `{"success":true,"cohort":"eNGINEERING","metrics":{"participantCount":6,"avgSROI":0,"avgVIS":0.3,"completionRate":0}}`},
		// Of all who were active in that year, these would leave fewer than five others.
		{"/v1/cohort/acme/engineering?period=2024", `{"success":true,"cohort":"engineering","suppressed":true,"metrics":{"participantCount":0,"avgSROI":0,"avgVIS":0,"completionRate":0}}`},
		{"/v1/cohort/acme/engineering?period=2025", `{"success":true,"cohort":"engineering","suppressed":true,"metrics":{"participantCount":0,"avgSROI":0,"avgVIS":0,"completionRate":0}}`},
		{"/v1/cohort/acme/Legal%20&%20Co", `{"success":true,"cohort":"Legal & Co","suppressed":true,"metrics":{"participantCount":0,"avgSROI":0,"avgVIS":0,"completionRate":0}}`},
	} {
		a.fresh(t, c.path).want(t, http.StatusOK, c.want)
		a.get(t, c.path, "X-API-Key: ", "Authorization: Bearer "+a.key).want(t, http.StatusOK, c.want)
	}

	// A company without an event.
	empty := w.company(t, "empty")
	e := a.as(w.key(t, "read", empty))
	e.get(t, "/v1/metrics/empty").want(t, http.StatusOK, `{"success":true,"metrics":{"sroi":0,"vis":0,"totalParticipants":0,"totalSessions":0,
		"avgEngagement":0,"impactScore":0,"totalVolunteers":0,"volunteerHours":0,"completionRate":0},
		"period":{"start":"1970-01-01T00:00:00Z","end":"2199-12-31T23:59:59Z"}}`)
	e.get(t, "/v1/metrics/empty/sroi").want(t, http.StatusOK, `{"success":true,"sroi":0,"status":"INSUFFICIENT_DATA"}`)
	e.get(t, "/v1/metrics/empty/vis").want(t, http.StatusOK, `{"success":true,"vis":0,"band":"Developing"}`)
	e.get(t, "/v1/cohort/empty/all").want(t, http.StatusOK,
		`{"success":true,"cohort":"all","metrics":{"participantCount":0,"avgSROI":0,"avgVIS":0,"completionRate":0}}`)
}

func TestRESTRefusals(t *testing.T) {
	t.Parallel()
	w, _, a := known(t)
	w.company(t, "other")
	for _, path := range []string{
		"/v1/metrics/nowhere", "/v1/metrics/nowhere/sroi", "/v1/metrics/nowhere/vis", "/v1/cohort/nowhere/all",
		"/v1/metrics/a%20b", "/v1/metrics/%00", "/v1/metrics/%ff/sroi", "/v1/metrics/a%2Fb/vis", "/v1/cohort/'%20OR%201=1/all",
		"/v1/metrics/" + strings.Repeat("x", 101),
	} {
		a.get(t, path).want(t, http.StatusNotFound, noCompany)
	}
	for _, path := range []string{
		"/v1/cohort/acme/nobody", "/v1/cohort/acme/%25", "/v1/cohort/acme/%00", "/v1/cohort/acme/%ff", "/v1/cohort/acme/a%2Fb",
		"/v1/cohort/acme/" + strings.Repeat("x", 3000),
	} {
		a.get(t, path).want(t, http.StatusNotFound, noCohort)
	}
	reader, writer := a, a.as(w.key(t, "ingest", w.company(t, "acme")))
	for _, path := range []string{"/v1/metrics/%s", "/v1/metrics/%s/sroi", "/v1/metrics/%s/vis", "/v1/cohort/%s/all"} {
		acme, other := fmt.Sprintf(path, "acme"), fmt.Sprintf(path, "other")
		reader.get(t, acme, "X-API-Key: ").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
		reader.get(t, acme, "X-API-Key: wrong").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
		reader.get(t, acme, "X-API-Key: ", "Authorization: Bearer wrong").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
		reader.get(t, acme+"?access_token="+a.key, "X-API-Key: ").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
		reader.get(t, other).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
		writer.get(t, acme).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
		for query, pointer := range map[string]string{
			"start=yesterday": "/start", "end=2025-13-01": "/end", "start=2025-11-02&end=2025-11-01": "/end",
			"start=2025-11-01T12:00:00Z&end=2025-11-01T12:00:00%2B02:00": "/end",
			"start=1960-01-01": "/start", "period=2025-Q5": "", "period=later": "", "program=a%20b": "", "program=%00": "",
			"start=2025-01-01;end=2025-02-02": "", "%zz": "", "period=2025&start=2025-01-01": "", "period=2025&period=2024": "",
		} {
			reader.get(t, acme+"?"+query).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, pointer)
		}
	}
	reader.get(t, "/v1/metrics/acme", "X-API-Key: ", "Authorization: bearer "+a.key).want(t, http.StatusOK, string(reader.get(t, "/v1/metrics/acme").body))
	if got := a.send(t, http.MethodPut, "/webhooks/ingest", `{}`); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
		t.Errorf("PUT: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	if got := a.send(t, http.MethodPost, "/v1/metrics/acme", `{}`); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST of figures: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	reader.get(t, "/v1/nothing").wantRefusal(t, http.StatusNotFound, impact.CodeNotFound, "")
	reader.get(t, "/v1/metrics").wantRefusal(t, http.StatusNotFound, impact.CodeNotFound, "")
}

// Legacy clients add figures up: each is a number, whatever the company holds.
func TestRESTFiguresAreNumbers(t *testing.T) {
	t.Parallel()
	_, _, a := known(t)
	for _, period := range []string{"", "?period=2025-11", "?period=2024", "?period=1999", "?period=last-30d"} {
		for _, path := range []string{"/v1/metrics/acme", "/v1/metrics/acme/sroi", "/v1/metrics/acme/vis", "/v1/cohort/acme/all", "/v1/cohort/acme/Engineering"} {
			var answer map[string]any
			a.get(t, path+period).decode(t, &answer)
			figures, ok := answer["metrics"].(map[string]any)
			if !ok {
				figures = map[string]any{"sroi": answer["sroi"], "vis": answer["vis"]}
				delete(figures, map[bool]string{true: "vis", false: "sroi"}[strings.HasSuffix(path, "sroi")])
			}
			for name, value := range figures {
				if _, ok := value.(json.Number); !ok {
					t.Errorf("%s%s: %s is %T %v", path, period, name, value, value)
				}
			}
			if answer["success"] != true {
				t.Errorf("%s%s: %v", path, period, answer)
			}
		}
	}
}

// Days are those of the company: the same instants fall on others in other places.
func TestRESTDaysAreTheCompanys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.serve(t, "")
	for zone, want := range map[string]int{"UTC": 2, "Pacific/Auckland": 1, "America/Los_Angeles": 1, "Asia/Kathmandu": 1} {
		c := w.company(t, strings.ReplaceAll(zone, "/", "."), zone)
		b := a.as(w.key(t, "ingest,read", c))
		b.mustIngest(t, session("a", "p1", "v", "2025-11-13T00:30:00Z", 60), session("b", "p1", "v", "2025-11-13T23:30:00Z", 60))
		w.awaitFolds(t)
		var m struct{ Metrics struct{ TotalSessions int } }
		b.fresh(t, "/v1/metrics/"+c.Key+"?start=2025-11-13&end=2025-11-13").decode(t, &m)
		if m.Metrics.TotalSessions != want {
			t.Errorf("%s: %d sessions on 13 November, want %d", zone, m.Metrics.TotalSessions, want)
		}
	}
}
