package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// shop is one company, a key that may do everything for it, and a server.
func shop(t testing.TB) (*world, *impact.Company, *api) {
	t.Helper()
	w := newWorld(t)
	c := w.company(t, "acme")
	a := w.serve(t, w.key(t, "ingest,read", c))
	return w, c, a
}

var single = regexp.MustCompile(`^\{"success":true,"id":"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})","status":"(stored|duplicate)","receipt":"([1-9][0-9]*)"(?:,"(?:conflict|unmapped)":true)?\}$`)

// accepted wants the answer to one event and returns its id and receipt.
func (r reply) accepted(t testing.TB, status string) (id, receipt string) {
	t.Helper()
	m := single.FindStringSubmatch(string(r.body))
	if r.status != http.StatusOK || m == nil || m[2] != status {
		t.Fatalf("answer %d %s, want it %s", r.status, r.body, status)
	}
	r.wantJSON(t)
	return m[1], m[3]
}

// The bodies of the load script and of the soak script, as the contracts have them.
const (
	loadBody = `{"type":"session.completed","sessionId":"session-1763028000000-k3j9x0a1b",
  "userId":"user-4711","timestamp":"2025-11-13T10:00:00.000Z","data":{"duration":1800,
  "outcome":"positive","score":7.3,"metadata":{"source":"load-test","program":"buddy"}}}`
	soakBody = `{"type":"%s","userId":"user-%d","timestamp":"2025-11-13T10:00:0%d.000Z","data":{"value":42.5,"score":7.3}}`
)

func TestIngestOneEvent(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)

	id, receipt := a.ingest(t, loadBody).accepted(t, "stored")
	again, of := a.ingest(t, loadBody).accepted(t, "duplicate")
	if again != id || of != receipt {
		t.Errorf("a duplicate is %s of receipt %s, the original was %s of %s", again, of, id, receipt)
	}
	bearer := a.ingest(t, loadBody, "X-API-Key: ", "Authorization: Bearer "+a.key)
	bearer.accepted(t, "duplicate")
	charset := a.ingest(t, loadBody, "Content-Type: application/json; charset=utf-8")
	charset.accepted(t, "duplicate")

	// The same session with another body: the first is kept, the conflict too.
	other := a.ingest(t, strings.Replace(loadBody, "7.3", "1.5", 1))
	if other.accepted(t, "duplicate"); !strings.HasSuffix(string(other.body), `,"conflict":true}`) {
		t.Errorf("the sender is not told: %s", other.body)
	}
	many := a.ingest(t, `[`+strings.Replace(loadBody, "7.3", "1.6", 1)+`,{"type":"Session.Completed","id":"misspelt"}]`)
	for _, want := range []string{`"stored":1,"duplicates":1,"rejected":0,"conflicts":1,"unmapped":1`, `"conflict":true},{"index":1`, `"unmapped":true}]`} {
		if !strings.Contains(string(many.body), want) {
			t.Errorf("no %s in %s", want, many.body)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM event_conflict WHERE company_id = $1", c.ID); n != 2 {
		t.Errorf("%d conflicts recorded, want 2", n)
	}
	var payload, programme, participant string
	var score float64
	var durationMS int64
	if err := w.sql.QueryRow("SELECT payload, programme, participant, score_raw, duration_ms FROM event WHERE company_id = $1", c.ID).
		Scan(&payload, &programme, &participant, &score, &durationMS); err != nil {
		t.Fatal(err)
	}
	if payload != loadBody || programme != "buddy" || participant != "user-4711" || score != 7.3 || durationMS != 1_800_000 {
		t.Errorf("stored %q in %s of %s: score %v, %d ms", payload, programme, participant, score, durationMS)
	}
	// The receipt is the batch.
	if n := w.count(t, "SELECT count(*) FROM batch WHERE id::text = $1 AND events = 1", receipt); n != 1 {
		t.Errorf("no batch %s of one event", receipt)
	}
}

func TestIngestSoakBodies(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	for i, typ := range []string{"session.completed", "feedback.received", "checkin.submitted", "milestone.achieved"} {
		body := fmt.Sprintf(soakBody, typ, i, i)
		id, _ := a.ingest(t, body).accepted(t, "stored")
		if again, _ := a.ingest(t, body).accepted(t, "duplicate"); again != id {
			t.Errorf("%s: the same bytes are another event", typ)
		}
		a.ingest(t, fmt.Sprintf(soakBody, typ, i+10, i)).accepted(t, "stored") // other bytes
	}
	w.awaitFolds(t)
	var m struct {
		Metrics struct{ TotalSessions, TotalParticipants int }
	}
	a.fresh(t, "/v1/metrics/"+c.Key).decode(t, &m)
	if m.Metrics.TotalSessions != 2 || m.Metrics.TotalParticipants != 8 {
		t.Errorf("%+v, want 2 sessions of 8 participants", m)
	}
}

// The identity of an event: the delivery, else its id, else type and session, else
// its bytes.
func TestIngestIdentity(t *testing.T) {
	t.Parallel()
	_, _, a := shop(t)
	const stored, duplicate = "stored", "duplicate"
	for _, step := range []struct{ name, want, body, delivery string }{
		{"an id", stored, `{"type":"x","id":"1"}`, ""},
		{"the id under another name, other bytes", duplicate, `{"event_type":"y","event_id":"1","data":{"n":1}}`, ""},
		{"a delivery id", stored, `{"type":"x","id":"1","delivery_id":"d1"}`, ""},
		{"the delivery id in the header", duplicate, `{"type":"x","id":"2"}`, "d1"},
		{"the delivery id in the body wins", stored, `{"type":"x","id":"1","deliveryId":"d2"}`, "d1"},
		{"a session", stored, `{"type":"session.completed","sessionId":"1","userId":"u"}`, ""},
		{"the session within data", duplicate, `{"type":"session.completed","data":{"session_id":"1","userId":"u"}}`, ""},
		{"the session with another type", stored, `{"type":"feedback.received","sessionId":"1","data":{"rating":1}}`, ""},
		{"bytes", stored, `{"type":"checkin.submitted","userId":"u"}`, ""},
		{"the same bytes", duplicate, `{"type":"checkin.submitted","userId":"u"}`, ""},
		{"other bytes", stored, `{"type":"checkin.submitted","userId":"u" }`, ""},
	} {
		r := a.ingest(t, step.body, "X-Delivery-Id: "+step.delivery)
		if m := single.FindSubmatch(r.body); len(m) != 4 || string(m[2]) != step.want {
			t.Errorf("%s: %d %s, want it %s", step.name, r.status, r.body, step.want)
		}
	}
}

func TestIngestArray(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	other := w.company(t, "other")
	good := session("s1", "p1", "v1", "2025-11-13T10:00:00Z", 60)
	r := a.ingest(t, `[`+strings.Join([]string{
		good,
		`{"type":"outcome.assessed","data":{"participantId":"p1","dimension":"happiness","score":0.5}}`,
		good,
		`{"type":"never.heard.of","id":"u1"}`,
		`17`,
		`{"type":"session.completed","userId":"p2","data":{"duration":"long"}}`,
		`{"type":"session.completed","userId":"p2","companyId":"other"}`,
		`{"type":"milestone.achieved","user_id":"p3","big":"` + strings.Repeat("x", 256<<10) + `"}`,
		session("s2", "p2", "v1", "2025-11-13T10:00:00Z", 60),
	}, ",")+`]`)

	uuid := regexp.MustCompile(`"id":"[0-9a-f-]{36}"`)
	var got struct{ Receipt string }
	r.decode(t, &got)
	r.body = uuid.ReplaceAll(r.body, []byte(`"id":"an id"`))
	r.want(t, http.StatusOK, `{"success":true,"receipt":"`+got.Receipt+`","stored":3,"duplicates":1,"rejected":5,"unmapped":1,"results":[
		{"index":0,"status":"stored","id":"an id"},
		{"index":1,"status":"rejected","code":"INVALID","pointer":"/1/data/dimension","message":"must be integration, language, job_readiness, confidence, belonging or well_being"},
		{"index":2,"status":"duplicate","id":"an id"},
		{"index":3,"status":"stored","id":"an id","unmapped":true},
		{"index":4,"status":"rejected","code":"INVALID","pointer":"/4","message":"an event is a JSON object"},
		{"index":5,"status":"rejected","code":"INVALID","pointer":"/5/data/duration","message":"must be a number"},
		{"index":6,"status":"rejected","code":"FORBIDDEN","pointer":"/6/companyId","message":"the API key may not send for company \"other\""},
		{"index":7,"status":"rejected","code":"TOO_LARGE","pointer":"/7","message":"an event of an array may have at most 262144 bytes"},
		{"index":8,"status":"stored","id":"an id"}]}`)
	if n := w.events(t, c); n != 3 {
		t.Errorf("%d events stored, want 3", n)
	}
	if n := w.events(t, other); n != 0 {
		t.Errorf("%d events stored in a company of others", n)
	}

	a.ingest(t, `[]`).want(t, http.StatusOK, `{"success":true,"stored":0,"duplicates":0,"rejected":0,"results":[]}`)
	a.ingest(t, ` [ {} ] `).want(t, http.StatusBadRequest, `{"success":false,"error":"every event was refused: see results","code":"INVALID","stored":0,"duplicates":0,"rejected":1,"results":[
		{"index":0,"status":"rejected","code":"INVALID","pointer":"/0/type","message":"is required"}]}`)
	// A delivery id of a header does not make the events of an array one.
	r = a.ingest(t, `[{"type":"x","id":"a"},{"type":"x","id":"b"}]`, "X-Delivery-Id: d1")
	var counts struct{ Stored, Duplicates int }
	if r.decode(t, &counts); counts.Stored != 2 {
		t.Errorf("with a delivery id: %s", r.body)
	}
}

// A full array lands in one batch, and again is nothing but duplicates.
func TestIngestLargestArray(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	events := make([]string, 10_000)
	for i := range events {
		events[i] = session(fmt.Sprint("s", i), fmt.Sprint("p", i%50), "v1", "2025-11-13T10:00:00Z", 60)
	}
	body := "[" + strings.Join(events, ",") + "]"
	type answer struct {
		Receipt                      string
		Stored, Duplicates, Rejected int
		Results                      []struct {
			Index      int
			ID, Status string
		}
	}
	var first, second answer
	a.ingest(t, body).decode(t, &first)
	a.ingest(t, body).decode(t, &second)
	if first.Stored != len(events) || second.Duplicates != len(events) || len(second.Results) != len(events) || first.Receipt != second.Receipt {
		t.Errorf("first %d stored as %s, then %d duplicates of %s in %d results", first.Stored, first.Receipt, second.Duplicates, second.Receipt, len(second.Results))
	}
	for i := range second.Results {
		if first.Results[i].Index != i || first.Results[i].ID != second.Results[i].ID {
			t.Fatalf("result %d: %+v, then %+v", i, first.Results[i], second.Results[i])
		}
	}
	r := a.ingest(t, "["+strings.Join(events, ",")+","+events[0]+"]")
	r.wantRefusal(t, http.StatusRequestEntityTooLarge, impact.CodeTooLarge, "")
	if n := w.events(t, c); n != int64(len(events)) {
		t.Errorf("%d events in the log", n)
	}
}

// nested is JSON of so many arrays.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// Whatever is refused is refused with the same shape, and nothing of it is stored.
func TestIngestRefusals(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	w.company(t, "other")
	invalid := func(name, pointer, body string) (string, string, int, impact.Code, string) {
		return name, body, http.StatusBadRequest, impact.CodeInvalid, pointer
	}
	type row struct {
		name, body string
		status     int
		code       impact.Code
		pointer    string
		headers    []string
	}
	rows := []row{
		{"empty body", ``, 400, impact.CodeBadJSON, "", nil},
		{"blank body", "  \n", 400, impact.CodeBadJSON, "", nil},
		{"cut short", `{"type":"session.completed","userId"`, 400, impact.CodeBadJSON, "", nil},
		{"not JSON", `type=session.completed`, 400, impact.CodeBadJSON, "", nil},
		{"something after the end", `{"type":"x"}{"type":"y"}`, 400, impact.CodeBadJSON, "", nil},
		{"a comma too many", `{"type":"x",}`, 400, impact.CodeBadJSON, "", nil},
		{"a name twice", `{"type":"x","type":"y"}`, 400, impact.CodeBadJSON, "/type", nil},
		{"not UTF-8", "{\"type\":\"x\xff\"}", 400, impact.CodeBadJSON, "/type", nil},
		{"an array cut short", `[{"type":"x"},{"type":"y"}`, 400, impact.CodeBadJSON, "", nil},
		{"an array that breaks late", `[{"type":"x"},{"type":"y"},{"type":z}]`, 400, impact.CodeBadJSON, "/2/type", nil},
		{"nested too deep", `{"type":"x","extra":` + nested(32) + `}`, 413, impact.CodeTooLarge, "", nil},
		{"an array with one nested too deep", `[{"type":"x"},{"type":"y","extra":` + nested(31) + `}]`, 413, impact.CodeTooLarge, "", nil},
		{"nested absurdly deep", `{"type":"x","data":{"a":` + nested(100_000) + `}}`, 413, impact.CodeTooLarge, "", nil},
		{"text/plain", loadBody, 415, impact.CodeUnsupportedType, "", []string{"Content-Type: text/plain"}},
		{"a form", loadBody, 415, impact.CodeUnsupportedType, "", []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"a content type that is none", loadBody, 415, impact.CodeUnsupportedType, "", []string{"Content-Type: ;;"}},
		{"compressed", loadBody, 415, impact.CodeUnsupportedType, "", []string{"Content-Encoding: br"}},
		{"no key", loadBody, 401, impact.CodeUnauthenticated, "", []string{"X-API-Key: "}},
		{"an unknown key", loadBody, 401, impact.CodeUnauthenticated, "", []string{"X-API-Key: iql_unknown"}},
		{"an unknown bearer", loadBody, 401, impact.CodeUnauthenticated, "", []string{"X-API-Key: ", "Authorization: Bearer iql_unknown"}},
		{"basic authentication", loadBody, 401, impact.CodeUnauthenticated, "", []string{"X-API-Key: ", "Authorization: Basic " + a.key}},
		{"a key without the scope", loadBody, 403, impact.CodeForbidden, "", []string{"X-API-Key: " + w.key(t, "read", c)}},
		{"a company of others", `{"type":"x","companyId":"other"}`, 403, impact.CodeForbidden, "/companyId", nil},
		{"a company of others, in snake case", `{"type":"x","company_id":"other"}`, 403, impact.CodeForbidden, "/company_id", nil},
		{"a company that does not exist", `{"type":"x","companyId":"nowhere"}`, 403, impact.CodeForbidden, "/companyId", nil},
		{"a malformed company", `{"type":"x","companyId":"a b"}`, 403, impact.CodeForbidden, "/companyId", nil},
	}
	for _, r := range [][3]string{
		{"a number", "", `42`},
		{"a string", "", `"session.completed"`},
		{"null", "", `null`},
		{"no type", "/type", `{"userId":"u"}`},
		{"type null", "/type", `{"type":null}`},
		{"type empty", "/type", `{"type":""}`},
		{"type a number", "/type", `{"type":5}`},
		{"type with a control character", "/event_type", `{"event_type":"a\u0000b"}`},
		{"type too long", "/type", `{"type":"` + strings.Repeat("x", 201) + `"}`},
		{"time in words", "/timestamp", `{"type":"x","timestamp":"yesterday"}`},
		{"time a boolean", "/occurred_at", `{"type":"x","occurred_at":true}`},
		{"time negative", "/time", `{"type":"x","time":-1}`},
		{"time before 1970", "/timestamp", `{"type":"x","timestamp":"1969-12-31T23:59:59Z"}`},
		{"time after 2199", "/timestamp", `{"type":"x","timestamp":"2200-01-01T00:00:00Z"}`},
		{"completed in words", "/data/completedAt", `{"type":"session.completed","userId":"u","timestamp":"2025-01-01T00:00:00Z","data":{"completedAt":"noon"}}`},
		{"a session of nobody", "/data/participantId", `{"type":"session.completed","data":{"duration":60}}`},
		{"a user that is a number", "/userId", `{"type":"session.completed","userId":17}`},
		{"a user that is an object of a number", "/data/user/id", `{"type":"course.completed","data":{"user":{"id":17}}}`},
		{"a participant with a space", "/data/mentee/id", `{"type":"match.created","data":{"mentor":{"id":"v"},"mentee":{"id":"a b"}}}`},
		{"a volunteer too long", "/data/volunteerId", `{"type":"session.completed","userId":"u","data":{"volunteerId":"` + strings.Repeat("v", 101) + `"}}`},
		{"a session id with a slash", "/sessionId", `{"type":"session.completed","userId":"u","sessionId":"a/b"}`},
		{"a programme with a space", "/data/programId", `{"type":"session.completed","userId":"u","data":{"programId":"a b"}}`},
		{"duration negative", "/data/duration", `{"type":"session.completed","userId":"u","data":{"duration":-1}}`},
		{"duration of two days", "/data/duration", `{"type":"session.completed","userId":"u","data":{"duration":172800}}`},
		{"duration a string", "/data/duration", `{"type":"session.completed","userId":"u","data":{"duration":"1800"}}`},
		{"no minute", "/data/durationMinutes", `{"type":"session.completed","userId":"u","data":{"durationMinutes":0}}`},
		{"score over its scale", "/data/score", `{"type":"session.completed","userId":"u","data":{"score":10.5}}`},
		{"score out of every range", "/data/score", `{"type":"session.completed","userId":"u","data":{"score":1e999}}`},
		{"an unknown level", "/data/languageLevel", `{"type":"session.completed","userId":"u","data":{"languageLevel":"Z9"}}`},
		{"feedback without a rating", "/data/rating", `{"type":"feedback.submitted","data":{"participantId":"p"}}`},
		{"a rating of 5", "/data/rating", `{"type":"feedback.submitted","data":{"participantId":"p","rating":5}}`},
		{"an unknown mood", "/data/mood", `{"type":"checkin.submitted","data":{"participantId":"p","mood":"meh"}}`},
		{"a milestone of nobody", "/data/participantId", `{"type":"milestone.achieved","data":{"points":1}}`},
		{"negative points", "/data/points", `{"type":"milestone.achieved","userId":"u","data":{"points":-1}}`},
		{"an outcome without a dimension", "/data/dimension", `{"type":"outcome.assessed","data":{"participantId":"p","score":0.5}}`},
		{"an outcome without a score", "/data/score", `{"type":"outcome.assessed","data":{"participantId":"p","dimension":"language"}}`},
		{"an outcome score of 7", "/data/score", `{"type":"outcome.assessed","data":{"participantId":"p","dimension":"language","score":7}}`},
		{"confidence in words", "/data/confidence", `{"type":"outcome.assessed","data":{"participantId":"p","dimension":"language","score":0.7,"confidence":"high"}}`},
		{"confidence over 1", "/data/confidence", `{"type":"outcome.assessed","data":{"participantId":"p","dimension":"language","score":0.7,"confidence":1.1}}`},
		{"a course of nobody", "/data/participantId", `{"type":"course.completed","data":{"finalScore":90}}`},
		{"final score over 100", "/data/final_score", `{"type":"course.completed","data":{"user":{"id":"u"},"final_score":101}}`},
		{"progress over 100", "/data/progressPercent", `{"type":"upskilling.progress.updated","userId":"u","data":{"progressPercent":101}}`},
		{"an unknown enrolment status", "/data/status", `{"type":"program.enrollment","userId":"u","data":{"status":"maybe"}}`},
		{"a placement of nobody", "/data/participantId", `{"type":"placement.created","data":{"placementType":"internship"}}`},
		{"no hours", "/data/hours", `{"type":"volunteer.event","userId":"v","data":{}}`},
		{"negative hours", "/data/hoursLogged", `{"type":"ingest.volunteer.logged","userId":"v","data":{"hoursLogged":-2}}`},
		{"hours of nobody", "/data/volunteerId", `{"type":"volunteer.event","data":{"hours":2}}`},
		{"a donation of nothing", "/data/amount", `{"type":"external.donation.made","data":{"amount":0,"currency":"USD"}}`},
		{"a donation without an amount", "/data/amount", `{"type":"external.donation.made","data":{"currency":"USD"}}`},
		{"a donation without a currency", "/data/currency", `{"type":"external.donation.made","data":{"amount":5}}`},
		{"a currency that is none", "/data/currency", `{"type":"external.donation.made","data":{"amount":5,"currency":"EURO"}}`},
		{"a match of one", "/data/volunteerId", `{"type":"match.created","data":{"participantId":"p"}}`},
		{"an event attended by nobody", "/data/participantId", `{"type":"buddy.event.attended","data":{"eventType":"picnic"}}`},
		{"a directory entry of nobody", "/data/participantId", `{"type":"external.user.synced","data":{"department":"Sales"}}`},
		{"a department with a line break", "/data/department", `{"type":"external.user.synced","userId":"u","data":{"department":"a\nb"}}`},
	} {
		name, body, status, code, pointer := invalid(r[0], r[1], r[2])
		rows = append(rows, row{name, body, status, code, pointer, nil})
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got := a.ingest(t, r.body, r.headers...)
			if r.code == impact.CodeTooLarge || r.code == impact.CodeBadJSON && r.pointer == "" {
				// Where exactly is told, but not promised.
				var e refusal
				got.decode(t, &e)
				r.pointer = e.Pointer
			}
			got.wantRefusal(t, r.status, r.code, r.pointer)
			if r.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
	if n := w.count(t, "SELECT count(*) FROM event") + w.count(t, "SELECT count(*) FROM batch"); n != 0 {
		t.Errorf("refused requests left %d rows", n)
	}
	// What just holds the limits is taken.
	a.ingest(t, `{"type":"x","extra":`+nested(31)+`}`).accepted(t, "stored")
	a.ingest(t, `{"type":"`+strings.Repeat("x", 200)+`"}`).accepted(t, "stored")
	a.ingest(t, `{"type":"session.completed","userId":"u","data":{"duration":86400,"score":10,"languageLevel":"C2"}}`).accepted(t, "stored")
	a.ingest(t, loadBody, "Content-Type: ").accepted(t, "stored")
}

// Bodies of the wrong size, on the wire: an HTTP client would not send them.
func TestIngestBodySizes(t *testing.T) {
	t.Parallel()
	w, _, a := shop(t)
	const most = 10 << 20
	event := func(size int) string {
		const head, end = `{"type":"x","pad":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(end)) + end
	}
	for _, c := range []struct {
		name, headers, body string
		status              int
		code                impact.Code
	}{
		{"longer than allowed, by its own word", fmt.Sprintf("Content-Length: %d", most+1), "", 413, impact.CodeTooLarge},
		{"longer than memory", "Content-Length: 99999999999", "", 413, impact.CodeTooLarge},
		{"longer than allowed, in chunks", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", most+1, event(most+1)), 413, impact.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := a.raw(t, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: "+a.key+"\r\n"+c.headers+"\r\n\r\n"+c.body)
			got.wantRefusal(t, c.status, c.code, "")
		})
	}
	t.Run("as long as allowed, in chunks", func(t *testing.T) {
		got := a.raw(t, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: "+a.key+
			"\r\nTransfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", most, event(most)))
		got.accepted(t, "stored")
	})
	t.Run("ends early", func(t *testing.T) {
		conn := dial(t, a)
		fmt.Fprintf(conn, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: %s\r\nContent-Length: 100\r\n\r\n%s", a.key, `{"type":"half"`)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		readReply(t, conn).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "")
	})
	if n := w.count(t, "SELECT count(*) FROM event WHERE length(payload) <> $1", most); n != 0 {
		t.Errorf("%d events stored that were refused", n)
	}
}

func dial(t testing.TB, a *api) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// raw sends a request as it stands.
func (a *api) raw(t testing.TB, request string) reply {
	t.Helper()
	conn := dial(t, a)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return readReply(t, conn)
}

func readReply(t testing.TB, conn net.Conn) reply {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Close { // the package takes the header out
		res.Header.Set("Connection", "close")
	}
	return reply{res.StatusCode, res.Header, body}
}

// Bodies as providers send them. What they mean is in their names and in want.
func TestIngestProviders(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	type row struct {
		Kind, Programme, Participant, Volunteer, Session, OccurredAt string
		DurationMS                                                   int64
		Score                                                        float64
	}
	want := map[string]row{
		"kintell-session-created.json":     {"volunteer.hours", "unassigned", "", "vol-77", "kin-session-9", "2025-03-08T09:30:00Z", 10_800_000, 0},
		"buddy-match-created.json":         {"match", "prog-harbour", "mentee-12", "mentor-5", "match-301", "2025-03-10T12:00:00Z", 0, 0},
		"upskilling-course-completed.json": {"course.completed", "unassigned", "learner-8", "", "", "2025-03-11T16:45:00Z", 0, 0.875},
		"session-in-milliseconds.json":     {"session.completed", "kintell", "p-1", "v-1", "ms-1", "2025-03-12T08:00:00.25Z", 2_700_000, 0.9},
		"session-on-a-date.json":           {"session.completed", "lingua", "p-2", "v-2", "date-1", "2025-03-13T00:00:00Z", 3_600_000, 0},
		"flat.json":                        {"checkin.submitted", "buddy", "p-3", "", "m-9", "2025-03-14T10:00:00Z", 0, 0},
	}
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			id, _ := a.ingest(t, string(body)).accepted(t, "stored")
			a.ingest(t, string(body)).accepted(t, "duplicate")
			var got row
			var at time.Time
			if err := w.sql.QueryRow(`
				SELECT kind, programme, coalesce(participant, ''), coalesce(volunteer, ''), coalesce(session, ''), occurred_at,
				       coalesce(duration_ms, 0), coalesce(score, 0) / 1e6
				FROM event WHERE company_id = $1 AND key = $2`, c.ID, id).
				Scan(&got.Kind, &got.Programme, &got.Participant, &got.Volunteer, &got.Session, &at, &got.DurationMS, &got.Score); err != nil {
				t.Fatal(err)
			}
			got.OccurredAt = at.UTC().Format(time.RFC3339Nano)
			if got != want[filepath.Base(file)] {
				t.Errorf("stored %+v\nwant   %+v", got, want[filepath.Base(file)])
			}
		})
	}
	w.awaitFolds(t)
	g := a.query(t, `{ company(key: "acme") { metrics { events unmappedEvents sessions participants volunteers volunteerHours } } }`, nil).clean(t)
	g.reply.want(t, 200, `{"data":{"company":{"metrics":{"events":6,"unmappedEvents":0,"sessions":2,"participants":5,"volunteers":4,"volunteerHours":4.75}}}}`)
}

// The company of people in a body counts if it is one of the key's, and is a name
// of the source's own otherwise.
func TestIngestCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second, foreign := w.company(t, "first"), w.company(t, "second"), w.company(t, "foreign")
	a := w.serve(t, w.key(t, "ingest", first, second))
	for i, s := range []struct {
		name, body string
		want       *impact.Company
	}{
		{"none", `{"type":"x","id":"%d"}`, first},
		{"named", `{"type":"x","id":"%d","companyId":"second"}`, second},
		{"named in snake case", `{"type":"x","id":"%d","company_id":"second"}`, second},
		{"named, and a person of another", `{"type":"x","id":"%d","companyId":"first","data":{"volunteer":{"company_id":"second"}}}`, first},
		{"a volunteer's", `{"type":"x","id":"%d","data":{"volunteer":{"id":"v","company_id":"second"}}}`, second},
		{"a volunteer's own word", `{"type":"x","id":"%d","data":{"volunteer":{"id":"v","company_id":"C001"}}}`, first},
		{"a volunteer's of others", `{"type":"x","id":"%d","data":{"volunteer":{"id":"v","company_id":"foreign"}}}`, first},
	} {
		id, _ := a.ingest(t, fmt.Sprintf(s.body, i)).accepted(t, "stored")
		if n := w.count(t, "SELECT company_id FROM event WHERE key = $1", id); n != int64(s.want.ID) {
			t.Errorf("%s: stored in company %d, want %s", s.name, n, s.want.Key)
		}
	}
	// The same event in two companies is two events.
	a.ingest(t, `{"type":"x","id":"both","companyId":"first"}`).accepted(t, "stored")
	a.ingest(t, `{"type":"x","id":"both","companyId":"second"}`).accepted(t, "stored")
	if n := w.events(t, foreign); n != 0 {
		t.Errorf("%d events of a company that the key may not use", n)
	}

	none := a.as(w.addKey(t, keyOfAll("ingest")))
	none.ingest(t, `{"type":"x"}`).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "")
	none.ingest(t, `{"type":"x","companyId":"foreign"}`).accepted(t, "stored")
}

// Types that no mapping knows are kept whole and counted apart.
func TestIngestUnknownTypes(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	body := `{"type":"brand.new","id":"n1","userId":"not a key!","timestamp":"2025-11-13T10:00:00Z","data":{"score":99,"text":"a\tb \\ \u0000 \"ü\"","nested":{"deep":[1,2,{"x":null}]}}}`
	id, _ := a.ingest(t, body).accepted(t, "stored")
	a.ingest(t, `{"type":"session.created","data":{"session_id":"s"}}`).accepted(t, "stored") // planned, and no hours
	a.mustIngest(t, session("s1", "p1", "v1", "2025-11-13T10:00:00Z", 60))
	var payload, kind string
	if err := w.sql.QueryRow("SELECT payload, kind FROM event WHERE company_id = $1 AND key = $2", c.ID, id).Scan(&payload, &kind); err != nil {
		t.Fatal(err)
	}
	if payload != body || kind != "unknown" {
		t.Errorf("kept as %s: %q", kind, payload)
	}
	w.awaitFolds(t)
	a.query(t, `{ company(key: "acme") { metrics { events unmappedEvents participants sessions } } }`, nil).
		want(t, 200, `{"data":{"company":{"metrics":{"events":1,"unmappedEvents":2,"participants":1,"sessions":1}}}}`)
}

// Every type of the contracts' table is of its kind.
func TestIngestEveryType(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	kinds := map[string][]string{
		"session.completed":  {"session.completed", "kintell.session.completed", "buddy.skill_share.completed", "buddy.skill-share.completed"},
		"feedback.received":  {"feedback.received", "feedback.submitted", "buddy.feedback.submitted", "kintell.rating.created"},
		"checkin.submitted":  {"checkin.submitted", "buddy.checkin.completed"},
		"milestone.achieved": {"milestone.achieved", "buddy.milestone.reached", "orchestration.journey.milestone.reached"},
		"outcome.assessed":   {"outcome.assessed"},
		"course.completed":   {"course.completed", "upskilling.course.completed", "upskilling.progress.updated"},
		"enrollment":         {"ingest.enrollment.created", "program.enrollment", "program.completion"},
		"placement":          {"placement.created", "ingest.placement.created"},
		"volunteer.hours":    {"external.volunteer.logged", "ingest.volunteer.logged", "volunteer.event"},
		"donation":           {"external.donation.made", "ingest.donation.made"},
		"match":              {"buddy.match.created", "match.created", "buddy.match.ended"},
		"event.attended":     {"buddy.event.logged", "buddy.event.attended"},
		"directory":          {"external.user.synced", "ingest.directory.synced"},
	}
	var events []string
	for _, types := range kinds {
		for _, typ := range types {
			// Enough for every kind's rules.
			events = append(events, event(typ, typ, "2025-11-13T10:00:00Z", `"participantId":"p","volunteerId":"v","durationMinutes":30,"rating":0.5,`+
				`"dimension":"language","score":0.5,"hours":2,"amount":10.50,"currency":"usd","matchId":"m","department":"Sales"`))
		}
	}
	a.mustIngest(t, events...)
	for kind, types := range kinds {
		got := w.list(t, "SELECT type FROM event WHERE company_id = $1 AND kind = $2::event_kind", c.ID, kind)
		slices.Sort(types)
		if slices.Sort(got); !slices.Equal(got, types) {
			t.Errorf("%s: %v, want %v", kind, got, types)
		}
	}
}
