package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/xuri/excelize/v2"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/export"
)

// endless is a graph of which every company has so many events, and every event a body.
type endless struct {
	events int
	body   string
	fail   int // the page that fails, from 1; 0: none does
	hold   chan struct{}
	pages  atomic.Int32
	// How many are asked for at once, now and at most, and the longest page asked for.
	asked, together, longest atomic.Int32
}

func raise(x *atomic.Int32, to int32) {
	for now := x.Load(); now < to && !x.CompareAndSwap(now, to); now = x.Load() {
	}
}

var schema = generated.NewExecutableSchema(generated.Config{}).Schema()

func (g *endless) Schema() *ast.Schema { return schema }

func (g *endless) Ask(ctx context.Context, _ string, variables map[string]any) (json.RawMessage, error) {
	raise(&g.together, g.asked.Add(1))
	defer g.asked.Add(-1)
	first, _ := variables["first"].(int)
	raise(&g.longest, int32(first))
	if n := int(g.pages.Add(1)); n == g.fail {
		return nil, errors.New("the database went away")
	}
	if g.hold != nil {
		select {
		case <-g.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	from := 0
	if after, ok := variables["after"].(string); ok {
		_, _ = fmt.Sscan(after, &from)
	}
	to := min(from+first, g.events)
	nodes := make([]map[string]any, 0, 100)
	for i := from; i < to; i++ {
		nodes = append(nodes, map[string]any{"id": fmt.Sprint(i), "size": i, "body": g.body})
	}
	return json.Marshal(map[string]any{"company": map[string]any{"events": map[string]any{
		"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": to < g.events, "endCursor": fmt.Sprint(to)},
	}}})
}

func serve(t *testing.T, g export.Graph) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /{company}/{list}", &export.Handler{
		Graph: g, Log: slog.New(slog.DiscardHandler), Caller: func(context.Context) string { return "somebody" },
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
			e, _ := errors.AsType[*impact.Error](err)
			if e == nil {
				e = impact.Errorf(impact.CodeInternal, "%v", err)
			}
			http.Error(w, string(e.Code), http.StatusTeapot)
		},
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// A fault in the middle cuts the connection: no client takes the part for the whole.
func TestFaultInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"csv", "ndjson", "xlsx"} {
		s := serve(t, &endless{events: 10_000, fail: 4})
		answer := get(t, s.URL+"/acme/events."+format)
		got, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %d, then %v after %d bytes", format, answer.StatusCode, err, len(got))
		}
		// What fails before anything was sent is an answer like any other.
		s = serve(t, &endless{events: 1000, fail: 1})
		if answer := get(t, s.URL+"/acme/events."+format); answer.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d", format, answer.StatusCode)
		}
	}
}

// Pages are long where rows are short, and short where they are long.
func TestLengthOfPages(t *testing.T) {
	t.Parallel()
	for body, longest := range map[int]int32{10: 1000, 2_000: 600, 20_000: 100} {
		g := &endless{events: 1_500, body: strings.Repeat("x", body)}
		answer := get(t, serve(t, g).URL+"/acme/events.ndjson")
		text, err := io.ReadAll(answer.Body)
		if lines := bytes.Count(text, []byte("\n")); err != nil || lines != g.events {
			t.Errorf("bodies of %d: %d rows, %v", body, lines, err)
		}
		if n := g.longest.Load(); n > longest || n < longest/2 {
			t.Errorf("bodies of %d: up to %d a page, want about %d", body, n, longest)
		}
	}
}

// A client that goes away ends the reading.
func TestClientGoesAway(t *testing.T) {
	t.Parallel()
	g := &endless{events: 10_000_000, body: strings.Repeat("x", 10_000)}
	s := serve(t, g)
	answer := get(t, s.URL+"/acme/events")
	if _, err := io.CopyN(io.Discard, answer.Body, 100_000); err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	s.Close() // waits for the handler
	if n := g.pages.Load(); n > 1000 {
		t.Errorf("%d pages were read", n)
	}
}

// One caller has a few exports at once, and gets more as they end; half of the processors
// read for all of them.
func TestExportsAtOnce(t *testing.T) {
	t.Parallel()
	g := &endless{events: 1, hold: make(chan struct{})}
	s := serve(t, g)
	statuses := make(chan int)
	const sent, most = 6, 4
	for range sent {
		go func() { statuses <- get(t, s.URL+"/acme/events").StatusCode }()
	}
	for range sent - most {
		if status := <-statuses; status != http.StatusTeapot {
			t.Errorf("status %d", status)
		}
	}
	close(g.hold)
	for range most {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if status := get(t, s.URL+"/acme/events").StatusCode; status != http.StatusOK {
		t.Errorf("afterwards %d", status)
	}
	if n := int(g.together.Load()); n > max(1, runtime.GOMAXPROCS(0)/2) {
		t.Errorf("%d pages were read at once", n)
	}
}

// Text is never a formula, and comes back as it was.
func TestTextIsNoFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1 (555)": "'+1 (555)", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "\"'\rx\"", "\nx": "\"'\nx\"",
		"'x": "''x", "-5": "-5", "-5.25e3": "-5.25e3", "+5": "'+5", "1-2": "1-2", "": `""`, "a,b": `"a,b"`, "=\"a\"": `"'=""a"""`, "plain": "plain", " x": `" x"`,
	} {
		s := serve(t, &endless{events: 1, body: text})
		body, err := io.ReadAll(get(t, s.URL+"/acme/events").Body)
		if err != nil {
			t.Fatal(err)
		}
		_, row, _ := strings.Cut(string(body), "\r\n")
		if row != ",0,,,,,,,,,,0,"+want+"\r\n" {
			t.Errorf("%q is %q, want %q", text, row, want)
		}
		file, err := excelize.OpenReader(get(t, s.URL+"/acme/events.xlsx").Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := file.GetCellValue("Sheet1", "M2"); got != text {
			t.Errorf("%q is %q in XLSX", text, got)
		}
		if formula, _ := file.GetCellFormula("Sheet1", "M2"); formula != "" {
			t.Errorf("%q is the formula %q", text, formula)
		}
	}
}

// live is how many bytes of the heap were in use at the end of a collection.
func live() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Exports are of any length, in memory of no more than a page.
func TestMemoryIsConstant(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	const allowed = 8 << 20
	for format, events := range map[string]int{"csv": 200_000, "ndjson": 50_000, "xlsx": 50_000} {
		s := serve(t, &endless{events: events, body: `{"type":"session.completed","note":"as long as events are"}`})
		before, peak := live(), uint64(0)
		start := time.Now()
		answer := get(t, s.URL+"/acme/events."+format)
		size := int64(0)
		for {
			n, err := io.CopyN(io.Discard, answer.Body, 1<<20)
			size += n
			peak = max(peak, live())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %d rows, %d bytes, heap +%d KB, %s", format, events, size, (int64(peak)-int64(before))>>10, time.Since(start).Round(time.Millisecond))
		if peak > before+allowed {
			t.Errorf("%s: the heap grew by %d bytes", format, peak-before)
		}
		s.Close()
	}
}

// Every plain field of what is exported is a column, but those that are left out for a
// reason.
func TestEveryFieldIsAColumn(t *testing.T) {
	t.Parallel()
	left := map[string]string{
		"Company.id": "opaque, of GraphQL alone", "Reject.bodyBase64": "the same as body",
	}
	for _, list := range export.Lists {
		at := schema.Types["Company"]
		if list.Root {
			at = schema.Query
		}
		for name := range strings.SplitSeq(list.Field, ".") {
			at = schema.Types[at.Fields.ForName(name).Type.Name()]
		}
		if nodes := at.Fields.ForName("nodes"); nodes != nil {
			at = schema.Types[nodes.Type.Name()]
		}
		sides := strings.Split(list.Each, ",")
		if len(sides) == 1 && sides[0] != "" {
			continue // the other columns are those of another list
		}
		for _, field := range at.Fields {
			kind := schema.Types[field.Type.Name()].Kind
			if kind != ast.Scalar && kind != ast.Enum || strings.HasPrefix(field.Name, "__") {
				continue
			}
			if !slices.Contains(list.Columns, field.Name) && left[at.Name+"."+field.Name] == "" {
				t.Errorf("%s lacks %s.%s", list.Name, at.Name, field.Name)
			}
		}
	}
}

// What csv writes, any reader of RFC 4180 reads.
func TestCSVIsOfItsRFC(t *testing.T) {
	t.Parallel()
	body := "a \"quoted\", with\ncommas and lines"
	s := serve(t, &endless{events: 3, body: body})
	rows, err := csv.NewReader(get(t, s.URL+"/acme/events").Body).ReadAll()
	if err != nil || len(rows) != 4 || rows[3][12] != body || rows[3][0] != "" {
		t.Errorf("%q, %v", rows, err)
	}
}
