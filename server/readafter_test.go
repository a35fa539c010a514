package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// pairs is how many times the test of read-your-writes writes and reads;
// READ_AFTER_PAIRS=100000 is what docs/decisions/0015 reports.
func pairs(t *testing.T) int {
	t.Helper()
	text := os.Getenv("READ_AFTER_PAIRS")
	if text == "" {
		return 3000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("READ_AFTER_PAIRS: %v", err)
	}
	return n
}

// A writer, one of many at once on two instances and three companies, reads through
// either instance and either door, cache and all. Each has a programme of its own, so
// that what it must see is known exactly: what it wrote, no more and no less.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := []*impact.Company{w.company(t, "acme"), w.company(t, "globex"), w.company(t, "initech")}
	instances := []*api{w.serve(t, ""), w.serve(t, "")}
	keys := make([]string, len(companies))
	for i, c := range companies {
		keys[i] = w.key(t, "ingest,read", c)
	}
	const writers = 48
	each := (pairs(t) + writers - 1) / writers
	var misses atomic.Int32
	began := time.Now()
	var running sync.WaitGroup
	for n := range writers {
		running.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 8))
			company, programme := companies[n%len(companies)].Key, fmt.Sprint("programme-", n)
			at := func() *api { return instances[r.IntN(len(instances))].as(keys[n%len(companies)]) }
			written := 0
			for range each {
				var receipts []string
				for range 1 + r.IntN(8)/7 { // now and then two writes before the read
					answer, err := at().try(t.Context(), http.MethodPost, "/webhooks/ingest", fmt.Sprintf(
						`{"type":"session.completed","id":"%d-%d","timestamp":"2025-11-13T10:00:00Z","data":{"participantId":"p%d","programId":%q,"duration":60}}`,
						n, written, n, programme))
					m := single.FindStringSubmatch(string(answer.body))
					if err != nil || m == nil {
						t.Errorf("write: %v %s", err, answer.body)
						return
					}
					receipts, written = append(receipts, m[3]), written+1
				}
				got, err := at().sessionsAfter(t, company, programme, strings.Join(receipts, ", "), r.IntN(2) == 0)
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				if got != written {
					misses.Add(1)
					t.Errorf("writer %d sees %d of its %d sessions", n, got, written)
				}
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	t.Logf("%d pairs of write and read, %d misses, %.0f a second", each*writers, misses.Load(), float64(each*writers)/took.Seconds())
}

// sessionsAfter is how many sessions a programme has to a reader with receipts.
func (a *api) sessionsAfter(t *testing.T, company, programme, receipts string, graphQL bool) (int, error) {
	t.Helper()
	if graphQL {
		body, err := json.Marshal(map[string]any{
			"query":     `query($key: ID!, $p: String) { company(key: $key) { metrics(programme: $p) { sessions } } }`,
			"variables": map[string]any{"key": company, "p": programme},
		})
		if err != nil {
			return 0, err
		}
		r, err := a.try(t.Context(), http.MethodPost, "/graphql", string(body), "Read-After: "+receipts)
		if err != nil {
			return 0, err
		}
		if r.status != http.StatusOK {
			return 0, fmt.Errorf("%d %s", r.status, r.body)
		}
		var answer struct {
			Data struct {
				Company struct{ Metrics struct{ Sessions int } }
			}
		}
		err = json.Unmarshal(r.body, &answer)
		return answer.Data.Company.Metrics.Sessions, err
	}
	r, err := a.try(t.Context(), http.MethodGet, "/v1/metrics/"+company+"?program="+programme, "", "Read-After: "+receipts)
	if err != nil {
		return 0, err
	}
	if r.status != http.StatusOK {
		return 0, fmt.Errorf("%d %s", r.status, r.body)
	}
	var answer struct{ Metrics struct{ TotalSessions int } }
	err = json.Unmarshal(r.body, &answer)
	return answer.Metrics.TotalSessions, err
}

const sessionsOfAcme = `{"query":"{ company(key: \"acme\") { metrics { sessions } } }"}`

func TestReadAfterRefusals(t *testing.T) {
	t.Parallel()
	_, _, a := shop(t)
	_, receipt := a.ingest(t, loadBody).accepted(t, "stored")
	for _, malformed := range []string{
		"x", "0", "-1", "1.5", "1,", ",1", "1,,2", "+1", "0x1", "9223372036854775808", "1;2", receipt + " " + receipt,
		strings.Repeat(receipt+",", maxReceipts) + receipt,
	} {
		header := "Read-After: " + malformed
		a.get(t, "/v1/metrics/acme", header).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "")
		a.get(t, "/v1/cohort/acme/all", header).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, "")
		g := a.send(t, http.MethodPost, "/graphql", sessionsOfAcme, header)
		if g.status != http.StatusBadRequest || !strings.HasPrefix(string(g.body), `{"errors":[{"message":"Read-After: give`) ||
			!strings.Contains(string(g.body), `"code":"INVALID"`) {
			t.Errorf("%q: %d %s", malformed, g.status, g.body)
		}
	}
	for _, fine := range []string{receipt, receipt + "," + receipt, " " + receipt + " ,\t" + receipt, strings.Repeat(receipt+",", maxReceipts-1) + receipt} {
		a.get(t, "/v1/metrics/acme", "Read-After: "+fine).wantField(t, "success", "true")
		a.send(t, http.MethodPost, "/graphql", sessionsOfAcme, "Read-After: "+fine).want(t, http.StatusOK, `{"data":{"company":{"metrics":{"sessions":1}}}}`)
	}

	// A receipt that nobody gave, and no key to wait with.
	const never = "Read-After: 9223372036854775807"
	a.get(t, "/v1/metrics/acme", never, "X-API-Key: ").wantRefusal(t, http.StatusUnauthorized, impact.CodeUnauthenticated, "")
	var waits sync.WaitGroup
	for _, graphQL := range []bool{false, true} {
		waits.Go(func() {
			began := time.Now()
			var r reply
			if graphQL {
				r = a.send(t, http.MethodPost, "/graphql", sessionsOfAcme, never)
			} else {
				r = a.get(t, "/v1/metrics/acme", "Read-After: "+receipt+",9223372036854775807")
			}
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" ||
				!strings.Contains(string(r.body), "receipt 9223372036854775807") || !strings.Contains(string(r.body), `"UNAVAILABLE"`) {
				t.Errorf("%d %s", r.status, r.body)
			}
			if took := time.Since(began); took < readAfterWait {
				t.Errorf("gave up after %v", took)
			}
		})
	}
	waits.Wait()
}

// A reader waits for an instance that died before it folded, and sees nothing of
// another company whose receipt it holds.
func TestReadAfterOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alpha, beta := w.company(t, "alpha"), w.company(t, "beta")
	a := w.serve(t, w.key(t, "ingest,read", alpha))
	if n := a.sessions(t, "alpha"); n != 0 { // into the cache
		t.Fatal(n)
	}
	var receipts []string
	for _, c := range []*impact.Company{alpha, beta} {
		verdicts, err := w.store.Commit(t.Context(), []*impact.Event{decoded(t, c, session("s", "p", "v", "2025-11-13T10:00:00Z", 60))})
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, strconv.FormatInt(verdicts[0].Receipt, 10))
	}
	var m struct{ Metrics struct{ TotalSessions int } }
	a.get(t, "/v1/metrics/alpha", "Read-After: "+receipts[0]).decode(t, &m)
	if m.Metrics.TotalSessions != 1 {
		t.Errorf("%d sessions", m.Metrics.TotalSessions)
	}
	own := a.get(t, "/v1/metrics/alpha")
	if r := a.get(t, "/v1/metrics/alpha", "Read-After: "+receipts[1]); string(r.body) != string(own.body) {
		t.Errorf("with a receipt of beta: %s, without: %s", r.body, own.body)
	}
	a.get(t, "/v1/metrics/beta", "Read-After: "+receipts[1]).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
}

func decoded(t *testing.T, c *impact.Company, body string) *impact.Event {
	t.Helper()
	e, err := ingest.Decode([]byte(body), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return e
}
