package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/impactql/impactql/impact"
)

// shelf is a Store that remembers keys; it fails with err if that is set.
type shelf struct {
	mu    sync.Mutex
	known map[impact.Key]bool
	err   error
	calls int
}

func (s *shelf) Commit(_ context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return nil, s.err
	}
	if s.known == nil {
		s.known = make(map[impact.Key]bool)
	}
	verdicts := make([]impact.Verdict, len(events))
	for i, e := range events {
		verdicts[i] = impact.Verdict{Receipt: 42, Duplicate: s.known[e.Key]}
		if e.Type == "unstorable" {
			verdicts[i] = impact.Verdict{Err: impact.Errorf(impact.CodeInvalid, "cannot be stored")}
		}
		s.known[e.Key] = true
	}
	return verdicts, nil
}

// CommitWhole refuses all of the events if one cannot be stored.
func (s *shelf) CommitWhole(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	for _, e := range events {
		if e.Type == "unstorable" {
			return nil, impact.Errorf(impact.CodeInvalid, "cannot be stored")
		}
	}
	return s.Commit(ctx, events)
}

// Known says what the shelf has.
func (s *shelf) Known(_ context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	verdicts := make([]impact.Verdict, len(events))
	for i, e := range events {
		if s.known[e.Key] {
			verdicts[i] = impact.Verdict{Receipt: 42, Duplicate: true}
		}
	}
	return verdicts, s.err
}

var statuses = map[impact.Code]int{
	impact.CodeInvalid: 400, impact.CodeBadJSON: 400, impact.CodeTooLarge: 413, impact.CodeUnsupportedType: 415,
	impact.CodeUnauthenticated: 401, impact.CodeForbidden: 403, impact.CodeRateLimited: 429, impact.CodeOverloaded: 503, impact.CodeUnavailable: 503,
}

func newHandler(t *testing.T, store Store, limits Limits) *Handler {
	t.Helper()
	h := &Handler{
		Pool: NewPool(store, limits),
		Identify: func(r *http.Request) (Sender, error) {
			if r.Header.Get("X-Api-Key") == "wrong" {
				return Sender{}, impact.Errorf(impact.CodeUnauthenticated, "who are you?")
			}
			key, _ := strconv.Atoi(r.Header.Get("X-Api-Key"))
			return Sender{Caller: tenant{acme, globex}, KeyID: int32(key)}, nil
		},
		Refuse: func(w http.ResponseWriter, _ *http.Request, e *impact.Error, details any) {
			w.WriteHeader(statuses[e.Code])
			_ = json.NewEncoder(w).Encode(struct {
				Success          bool
				Code             impact.Code
				Pointer, Message string
				Details          any
			}{Code: e.Code, Pointer: e.Pointer, Message: e.Message, Details: details})
		},
		Log: slog.New(slog.DiscardHandler),
	}
	if s, ok := store.(*shelf); ok {
		h.Known = s.Known
	}
	t.Cleanup(func() { h.Pool.Stop(context.Background()) })
	return h
}

// reserved is how many bytes the pool thinks are waiting.
func reserved(p *Pool) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

func post(t *testing.T, h http.Handler, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/ingest", body)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const oneEvent = `{"type":"session.completed","id":"e1","userId":"p"}`

func TestHandlerOne(t *testing.T) {
	t.Parallel()
	h := newHandler(t, new(shelf), Limits{})
	for _, want := range []string{"stored", "duplicate"} {
		w := post(t, h, strings.NewReader(oneEvent))
		var a struct {
			Success             bool
			ID, Status, Receipt string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err, w.Body)
		}
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || !a.Success || a.Status != want || a.Receipt != "42" || len(a.ID) != 36 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestHandlerArray(t *testing.T) {
	t.Parallel()
	store := new(shelf)
	h := newHandler(t, store, Limits{})
	var mu sync.Mutex
	seen := make(map[Outcome]int)
	h.Observe = func(o Outcome) { mu.Lock(); seen[o]++; mu.Unlock() }
	post(t, h, strings.NewReader(oneEvent))
	w := post(t, h, strings.NewReader(`[`+oneEvent+`,{"type":"session.completed","data":{"a/b":1,"user_id":"a b"}},{"type":"x"},7,{"type":"unstorable"}]`))
	var a struct {
		Success                      bool
		Receipt                      string
		Stored, Duplicates, Rejected int
		Results                      []struct {
			Index                              int
			Status, ID, Code, Pointer, Message string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err, w.Body)
	}
	if w.Code != 200 || !a.Success || a.Receipt != "42" || a.Stored != 1 || a.Duplicates != 1 || a.Rejected != 3 || len(a.Results) != 5 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, want := range []struct{ status, code, pointer string }{
		{"duplicate", "", ""},
		{"rejected", "INVALID", "/1/data/user_id"},
		{"stored", "", ""},
		{"rejected", "INVALID", "/3"},
		{"rejected", "INVALID", "/4"},
	} {
		r := a.Results[i]
		if r.Index != i || r.Status != want.status || r.Code != want.code || r.Pointer != want.pointer || (r.ID == "") != (want.code != "") || (r.Message == "") != (want.code == "") {
			t.Errorf("result %+v, want %+v", r, want)
		}
	}
	if seen[Stored] != 2 || seen[Duplicate] != 1 || seen[Rejected] != 3 {
		t.Errorf("observed %v", seen)
	}

	calls := store.calls
	if w := post(t, h, strings.NewReader(`[7,{"type":"session.completed"}]`)); w.Code != 400 || !strings.Contains(w.Body.String(), `"success":false,"error":"every event was refused: see results","code":"INVALID","stored":0,"duplicates":0,"rejected":2`) {
		t.Errorf("all rejected: %d %s", w.Code, w.Body)
	}
	if w := post(t, h, strings.NewReader(`[]`)); w.Code != 200 || w.Body.String() != `{"success":true,"stored":0,"duplicates":0,"rejected":0,"results":[]}` {
		t.Errorf("empty: %d %s", w.Code, w.Body)
	}
	if store.calls != calls {
		t.Error("the store was called for nothing")
	}
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string
	}{
		"key":              {oneEvent, []string{"X-Api-Key", "wrong"}, 401, "UNAUTHENTICATED"},
		"company":          {`{"type":"a","companyId":"other"}`, nil, 403, "/companyId"},
		"type":             {oneEvent, []string{"Content-Type", "text/plain"}, 415, "UNSUPPORTED_TYPE"},
		"malformed type":   {oneEvent, []string{"Content-Type", "application/json; charset"}, 415, "UNSUPPORTED_TYPE"},
		"charset is fine":  {oneEvent, []string{"Content-Type", "Application/JSON; charset=utf-8"}, 200, "stored"},
		"encoding":         {oneEvent, []string{"Content-Encoding", "br"}, 415, "UNSUPPORTED_TYPE"},
		"identity is fine": {oneEvent, []string{"Content-Encoding", "identity"}, 200, "stored"},
		"empty":            {``, nil, 400, "BAD_JSON"},
		"not JSON":         {`{"type":"a",}`, nil, 400, "BAD_JSON"},
		"trailing comma":   {`[` + oneEvent + `,]`, nil, 400, "BAD_JSON"},
		"half an array":    {`[` + oneEvent, nil, 400, "BAD_JSON"},
		"value":            {`{"type":"session.completed","user":{"id":5}}`, nil, 400, "/user/id"},
		"depth":            {nested(MaxDepth + 1), nil, 413, "TOO_LARGE"},
		"events":           {`[` + strings.Repeat(oneEvent+",", MaxEvents) + oneEvent + `]`, nil, 413, "TOO_LARGE"},
		"unstorable":       {`{"type":"unstorable"}`, nil, 400, "INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := new(shelf)
			h := newHandler(t, store, Limits{})
			w := post(t, h, strings.NewReader(tt.body), tt.headers...)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			if w.Code != 200 && store.calls > 0 && name != "unstorable" {
				t.Error("something was stored")
			}
			if n := reserved(h.Pool); n != 0 {
				t.Errorf("%d bytes stay reserved", n)
			}
		})
	}
}

// An event that is too large costs its neighbours nothing, whoever's it is.
func TestTooLargeEventOfAnArray(t *testing.T) {
	t.Parallel()
	large := `{"type":"note","companyId":"other","pad":"` + strings.Repeat("x", MaxEvent) + `"}`
	for name, body := range map[string]string{
		"array": "[" + large + "," + oneEvent + "]", "batch": `{"batch":[` + large + "," + oneEvent + "]}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := readMany(t, post(t, newHandler(t, new(shelf), Limits{}), strings.NewReader(body)))
			if a.Stored != 1 || a.Rejected != 1 || len(a.Results) != 2 || a.Results[0].Code != "TOO_LARGE" {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestHandlerStoreFails(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"any error": errors.New("secret"), "unavailable": impact.Errorf(impact.CodeUnavailable, "later"), "deadline": context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandler(t, &shelf{err: err}, Limits{})
			w := post(t, h, strings.NewReader(oneEvent))
			if w.Code != 503 || w.Header().Get("Retry-After") != "1" || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
}

func TestHandlerOverload(t *testing.T) {
	t.Parallel()
	g := newGate()
	h := newHandler(t, g, Limits{WaitingBytes: int64(len(oneEvent)) + 10})
	first := make(chan int)
	go func() { first <- post(t, h, strings.NewReader(oneEvent)).Code }()
	c := <-g.calls
	w := post(t, h, strings.NewReader(oneEvent))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "OVERLOADED") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	c.replies <- nil
	if code := <-first; code != 200 {
		t.Error(code)
	}
	go func() { (<-g.calls).replies <- nil }()
	if w := post(t, h, strings.NewReader(oneEvent)); w.Code != 200 {
		t.Errorf("after the overload: %d %s", w.Code, w.Body)
	}
	h.Pool.Stop(t.Context())
	if w := post(t, h, strings.NewReader(oneEvent)); w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "UNAVAILABLE") {
		t.Errorf("after stop: %d %s", w.Code, w.Body)
	}
}

// What a server does with bodies of every length, told and real.
func TestHandlerBodies(t *testing.T) {
	t.Parallel()
	largest := `{"type":"a","x":"` + strings.Repeat("x", MaxBody-19) + `"}`
	for name, tt := range map[string]struct {
		request string // after the common headers
		status  string
		close   bool // the client sends no more
	}{
		"length":           {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(oneEvent), oneEvent), "200", false},
		"chunked":          {"Transfer-Encoding: chunked\r\n\r\n" + chunks(oneEvent, 7), "200", false},
		"largest":          {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", MaxBody, largest), "200", false},
		"largest, chunked": {"Transfer-Encoding: chunked\r\n\r\n" + chunks(largest, 1<<20), "200", false},
		"too long":         {fmt.Sprintf("Content-Length: %d\r\n\r\n", MaxBody+1), "413", false},
		"far too long":     {"Content-Length: 9223372036854775807\r\n\r\n", "413", false},
		"too long chunked": {"Transfer-Encoding: chunked\r\n\r\n" + chunks(largest+" ", 1<<20), "413", false},
		"length too great": {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(oneEvent)+5, oneEvent), "400", true},
		"length too small": {fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(oneEvent)-5, oneEvent), "400", false},
		"cut chunks":       {"Transfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunks(oneEvent, 7), "0\r\n\r\n"), "400", true},
		"bad chunks":       {"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + oneEvent, "400", false},
		"no body":          {"\r\n", "400", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandler(t, new(shelf), Limits{})
			server := httptest.NewServer(h)
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { // the server may answer and close before it has read all
				_, _ = io.WriteString(conn, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+tt.request)
				if tt.close {
					_ = conn.(*net.TCPConn).CloseWrite()
				}
			}()
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(answer.Body)
			if !strings.HasPrefix(answer.Status, tt.status) {
				t.Errorf("%s %s, want %s", answer.Status, body, tt.status)
			}
			server.Close()
			if n := reserved(h.Pool); n != 0 {
				t.Errorf("%d bytes stay reserved", n)
			}
		})
	}
}

func chunks(body string, size int) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// A body that comes slowly holds up nobody else, and one that comes too slowly is
// refused: the server's deadline shows as an error of the body.
func TestHandlerSlowBody(t *testing.T) {
	t.Parallel()
	h := newHandler(t, new(shelf), Limits{})
	slow, tap := io.Pipe()
	done := make(chan int)
	go func() { done <- post(t, h, slow).Code }()
	if _, err := io.WriteString(tap, oneEvent[:10]); err != nil {
		t.Fatal(err)
	}
	if n := reserved(h.Pool); n > firstRoom+1 {
		t.Errorf("%d bytes reserved for a body of which 10 bytes came", n)
	}
	if w := post(t, h, strings.NewReader(oneEvent)); w.Code != 200 {
		t.Errorf("another request: %d", w.Code)
	}
	if _, err := io.WriteString(tap, oneEvent[10:]); err != nil {
		t.Fatal(err)
	}
	tap.Close()
	if code := <-done; code != 200 {
		t.Error(code)
	}
	late := io.MultiReader(strings.NewReader(oneEvent[:10]), iotest.ErrReader(os.ErrDeadlineExceeded))
	if w := post(t, h, late); w.Code != 400 || !strings.Contains(w.Body.String(), "INVALID") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := reserved(h.Pool); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

// A caller who hangs up leaves its events in the batch, and their room taken until
// they are settled.
func TestHandlerHangUp(t *testing.T) {
	t.Parallel()
	g := newGate()
	h := newHandler(t, g, Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(oneEvent))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		done <- w.Code
	}()
	c := <-g.calls
	cancel()
	if n := reserved(h.Pool); n < int64(len(oneEvent)) {
		t.Errorf("%d bytes are reserved, want %d", n, len(oneEvent))
	}
	if c.ctx.Err() != nil {
		t.Error("the commit was cancelled")
	}
	c.replies <- nil
	if code := <-done; code != 200 {
		t.Error(code)
	}
	if n := reserved(h.Pool); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

// A signed body is verified as it came, before it is read: what fails is not decoded
// and not stored.
func TestHandlerVerifies(t *testing.T) {
	t.Parallel()
	store := new(shelf)
	h := newHandler(t, store, Limits{})
	h.Identify = func(r *http.Request) (Sender, error) {
		return Sender{
			Caller: tenant{acme}, Source: "src_1", Provider: "github", Delivery: r.Header.Get("X-Delivery-Id"),
			Verify: func(h http.Header, body []byte) error {
				if h.Get("X-Sum") != string(body) {
					return impact.Errorf(impact.CodeUnauthenticated, "the signature does not match")
				}
				return nil
			},
		}, nil
	}
	spaced := " " + oneEvent + "\n"
	if w := post(t, h, strings.NewReader(spaced), "X-Sum", spaced); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, body := range []string{oneEvent, "{", ""} {
		if w := post(t, h, strings.NewReader(body), "X-Sum", spaced); w.Code != 401 {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	if store.calls != 1 {
		t.Errorf("%d commits, want 1", store.calls)
	}
	if n := reserved(h.Pool); n != 0 {
		t.Errorf("%d bytes still reserved", n)
	}
}

// Each source counts its own deliveries; an event's own id means that event from any.
func TestDeliveriesOfSources(t *testing.T) {
	t.Parallel()
	key := func(source, delivery, body string) impact.Key {
		q := &request{normaliser: normaliser{caller: tenant{acme}, source: source, delivery: delivery, receivedAt: received}}
		if err := q.decode([]byte(body)); err != nil {
			t.Fatal(err)
		}
		return q.results[0].key
	}
	if key("src_1", "7", oneEvent) == key("src_2", "7", oneEvent) || key("src_1", "7", oneEvent) == key("", "7", oneEvent) {
		t.Error("deliveries of two sources are taken for one")
	}
	if first, again := key("src_1", "7", oneEvent), key("src_1", "7", oneEvent); first != again || key("src_1", "", oneEvent) != key("", "", oneEvent) {
		t.Error("the same event has two identities")
	}
}
