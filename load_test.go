package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// load is clients that send events that nobody else sends, and send each until it
// is acknowledged.
type load struct {
	urls         []string // of the servers; each try goes to any of them
	key, company string
	acknowledged atomic.Int64
	stopping     chan struct{}
	clients      sync.WaitGroup

	mu    sync.Mutex
	acked map[string]bool
	wrong []string       // answers that break a promise
	cuts  map[string]int // requests without an answer, by what happened
}

func startLoad(key, company string, clients int, urls ...string) *load {
	l := &load{urls: urls, key: key, company: company, stopping: make(chan struct{}), acked: make(map[string]bool), cuts: make(map[string]int)}
	for n := range clients {
		l.clients.Go(func() { l.client(n) })
	}
	return l
}

// stop lets the clients finish what they have begun.
func (l *load) stop() {
	close(l.stopping)
	l.clients.Wait()
}

func (l *load) client(n int) {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	for next := 0; ; {
		size := 1
		if random.IntN(8) == 0 {
			size = 1 + random.IntN(30)
		}
		ids := make([]string, size)
		for i := range ids {
			ids[i] = fmt.Sprintf("k-%d-%d", n, next)
			next++
		}
		if !l.deliver(client, ids, false) {
			return
		}
		if random.IntN(10) == 0 && !l.deliver(client, ids, true) { // a redelivery, long after
			return
		}
		select {
		case <-l.stopping:
			return
		default:
		}
	}
}

// body is the events of the ids: one as an object, several as an array.
func (l *load) body(ids []string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"type":"session.completed","sessionId":%q,"userId":"u-%s","companyId":%q,"timestamp":"2025-11-13T10:00:00.000Z",`+
			`"data":{"duration":1800,"outcome":"positive","score":7.3,"metadata":{"source":"load-test","program":"kill"}}}`, id, id, l.company)
	}
	if len(list) == 1 {
		return list[0]
	}
	return "[" + strings.Join(list, ",") + "]"
}

// deliver sends the same body until it is acknowledged; false if it is not by the
// time that the test has no more patience.
func (l *load) deliver(client *http.Client, ids []string, again bool) bool {
	body := l.body(ids)
	deadline := time.After(2 * patience)
	for {
		status, answer, err := l.post(client, body)
		switch {
		case err != nil:
			l.note(err.Error())
		case status == http.StatusOK:
			l.check(ids, answer, again)
			return true
		case status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests:
			l.fault(fmt.Sprintf("answer %d %s", status, answer))
			return false
		}
		select {
		case <-deadline:
			l.fault("no acknowledgement any more; the last was " + fmt.Sprint(status, err))
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

var errCut = errors.New("cut: a connection ended without an answer")

func (l *load) post(client *http.Client, body string) (status int, answer []byte, err error) {
	var reused bool
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.urls[rand.IntN(len(l.urls))]+"/webhooks/ingest", strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", l.key)
	res, err := client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0, nil, syscall.ECONNREFUSED
	}
	if err == nil {
		defer res.Body.Close()
		answer, err = io.ReadAll(res.Body)
		reused = true // it was accepted, and answered in part
	}
	// A listener that is closed resets what the kernel had connected for it.
	if fresh := !reused; fresh && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		return 0, nil, errors.New("reset before it was accepted")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without its ports, so that those alike are counted together
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errCut, err)
	}
	return res.StatusCode, answer, nil
}

func (l *load) note(cut string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what, _, _ := strings.Cut(cut, "\n")
	l.cuts[what]++
}

func (l *load) fault(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, text)
}

// check wants an answer that acknowledges each id; of a redelivery, as a duplicate.
func (l *load) check(ids []string, answer []byte, again bool) {
	type one struct{ ID, Status, Receipt string }
	var a struct {
		one
		Success bool
		Results []one
	}
	if err := json.Unmarshal(answer, &a); err != nil || !a.Success || a.Receipt == "" {
		l.fault(fmt.Sprintf("answer %s: %v", answer, err))
		return
	}
	results := a.Results
	if len(ids) == 1 {
		results = []one{a.one}
	}
	if len(results) != len(ids) {
		l.fault(fmt.Sprintf("%d results for %d events", len(results), len(ids)))
		return
	}
	for i, r := range results {
		if r.Status != "duplicate" && (again || r.Status != "stored") {
			l.fault(fmt.Sprintf("%s is %q, sent again: %v", ids[i], r.Status, again))
		}
	}
	l.mu.Lock()
	for _, id := range ids {
		l.acked[id] = true
	}
	l.mu.Unlock()
	if !again {
		l.acknowledged.Add(int64(len(ids)))
	}
}

// await waits until so many more events are acknowledged.
func (l *load) await(t testing.TB, more int64) {
	t.Helper()
	goal := l.acknowledged.Load() + more
	eventually(t, "events are acknowledged", func() bool { return l.acknowledged.Load() >= goal })
}

// verify compares what was acknowledged with the log and the figures. All clients
// have been acknowledged, so the log holds that and nothing else.
func (l *load) verify(t testing.TB, db *sql.DB, s *served) {
	t.Helper()
	for _, w := range l.wrong[:min(len(l.wrong), 10)] {
		t.Error(w)
	}
	rows, err := db.Query("SELECT e.session, count(*) FROM event e JOIN company c ON c.id = e.company_id WHERE c.key = $1 AND e.programme = 'kill' GROUP BY 1", l.company)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored, doubled := make(map[string]int), 0
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		stored[id] = n
		if n != 1 {
			doubled++
			t.Errorf("%s is in the log %d times", id, n)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for id := range l.acked {
		if stored[id] == 0 {
			lost++
		}
	}
	if lost > 0 || len(stored) != len(l.acked) {
		t.Errorf("%d acknowledged events are lost; %d are stored of %d acknowledged", lost, len(stored), len(l.acked))
	}
	sessions := func() (n int) {
		var m struct {
			Metrics struct{ TotalSessions, TotalParticipants int }
		}
		status, body := s.read(t, "/v1/metrics/"+l.company+"?program=kill", l.key)
		if err := json.Unmarshal(body, &m); status != http.StatusOK || err != nil {
			t.Fatalf("%d %s", status, body)
		}
		if m.Metrics.TotalParticipants != m.Metrics.TotalSessions {
			return -1
		}
		return m.Metrics.TotalSessions
	}
	eventually(t, "the figures count every stored event", func() bool { return sessions() >= len(stored) })
	eventually(t, "all is folded", func() bool { return value(t, db, "SELECT count(*) FROM batch WHERE folded_at IS NULL") == "0" })
	eventually(t, "the figures count no event twice", func() bool { return sessions() == len(stored) })
	if n := value(t, db, "SELECT count(*) FROM event_conflict"); n != "0" {
		t.Errorf("%s conflicts between an event and itself", n)
	}
	t.Logf("%d events acknowledged, %d lost, %d doubled; requests without an answer: %v", len(l.acked), lost, doubled, l.cuts)
}
