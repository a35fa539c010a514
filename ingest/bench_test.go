package ingest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

var loadScriptBody = []byte(`{"type":"session.completed","sessionId":"session-1763028000000-k3j9x0a1b","userId":"user-4711",` +
	`"timestamp":"2025-11-13T10:00:00.000Z","data":{"duration":1800,"outcome":"positive","score":7.3,` +
	`"metadata":{"source":"load-test","program":"buddy"}}}`)

func BenchmarkDecode(b *testing.B) {
	company := &impact.Company{ID: 1, Key: "acme", Calendar: impact.Calendar{Location: time.UTC}}
	b.ReportAllocs()
	b.SetBytes(int64(len(loadScriptBody)))
	for b.Loop() {
		if _, err := Decode(loadScriptBody, company, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}

// instantly is a store that needs no time.
type instantly struct{}

func (instantly) Commit(_ context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	return make([]impact.Verdict, len(events)), nil
}

func (instantly) CommitWhole(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	return instantly{}.Commit(ctx, events)
}

func BenchmarkHandler(b *testing.B) {
	company := &impact.Company{ID: 1, Key: "acme", Calendar: impact.Calendar{Location: time.UTC}}
	pool := NewPool(instantly{}, Limits{})
	defer pool.Stop(context.Background())
	h := &Handler{Pool: pool, Identify: func(*http.Request) (Sender, error) { return Sender{Caller: only{company}}, nil }}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/ingest", bytes.NewReader(loadScriptBody))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
