package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/impactql/impactql/impact"
)

// However the bytes arrive, the lines are those of the text, in order, and the numbers
// are right; those that are too long are told.
func TestLineReader(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		var text bytes.Buffer
		var want []string
		for range r.IntN(12) {
			n := r.IntN(200)
			switch r.IntN(8) {
			case 0:
				n = MaxEvent - 1 + r.IntN(3)
			case 1:
				n = MaxEvent * (1 + r.IntN(3))
			case 2:
				n = 0
			}
			line := strings.Repeat(string(rune('a'+r.IntN(26))), n)
			if want = append(want, line); n > MaxEvent {
				want[len(want)-1] = "long"
			}
			text.WriteString(line + "\n")
		}
		whole := text.Bytes()
		if r.IntN(2) == 0 && len(whole) > 1 && whole[len(whole)-2] != '\n' {
			whole = whole[:len(whole)-1] // the last line needs no end
		}
		var from io.Reader = bytes.NewReader(whole)
		switch r.IntN(3) {
		case 0:
			from = iotest.HalfReader(from)
		case 1:
			from = iotest.DataErrReader(from)
		}
		l := &lineReader{from: newAhead(from)}
		var got []string
		for {
			p := l.next()
			if p.first != len(got)+1 {
				t.Fatalf("round %d: a piece begins with line %d after %d", round, p.first, len(got))
			}
			for line := range bytes.Lines(p.body) {
				if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > MaxEvent {
					line = []byte("long")
				}
				got = append(got, string(line))
			}
			if p.long > 0 {
				if got = append(got, "long"); p.long != len(got) {
					t.Fatalf("round %d: the long line is %d, want %d", round, p.long, len(got))
				}
			}
			if p.err != nil {
				if !errors.Is(p.err, io.EOF) {
					t.Fatal(p.err)
				}
				break
			}
		}
		if len(got) != len(want) {
			t.Fatalf("round %d: %d lines, want %d", round, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("round %d: line %d is %.20q of %d, want %.20q of %d", round, i+1, got[i], len(got[i]), want[i], len(want[i]))
			}
		}
	}
}

func numberedLines(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, `{"type":"session.completed","id":"e%d","userId":"p"}`+"\n", i)
	}
	return b.String()
}

// A stream is many commits; a piece is on its way while the next one arrives.
func TestStreamCommitsAsItArrives(t *testing.T) {
	t.Parallel()
	g := newGate()
	h := newHandler(t, g, Limits{})
	body, tap := io.Pipe()
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- postTo(t, h, "", lines, body) }()
	committed := make(chan bool)
	go func() {
		_, _ = io.WriteString(tap, numberedLines(1, 2*pieceEvents+pieceBytes/40)) // more than two pieces
		<-committed
		tap.Close()
	}()
	first := <-g.calls
	if n := len(first.events); n != pieceEvents {
		t.Errorf("a piece of %d events", n)
	}
	first.replies <- nil
	second := <-g.calls // before the stream has ended
	second.replies <- nil
	go func() {
		for c := range g.calls {
			c.replies <- nil
		}
	}()
	close(committed)
	a := readMany(t, <-done)
	if !a.Success || a.Stored != a.Lines || a.Lines < 2*pieceEvents || len(a.Results) != 0 {
		t.Errorf("%+v", a)
	}
	h.Pool.Stop(t.Context())
	close(g.calls)
}

// A stream that breaks, or whose commits begin to fail, keeps what was committed, says
// up to where, and may be sent again.
func TestStreamBreaks(t *testing.T) {
	t.Parallel()
	const all = 3 * pieceEvents
	for name, tt := range map[string]struct {
		tail    io.Reader
		fail    int // the commit that fails, from 1
		status  int
		code    string
		settled int // lines
	}{
		"cut in a line":   {io.MultiReader(strings.NewReader(`{"type":"session`), iotest.ErrReader(io.ErrUnexpectedEOF)), 0, 400, "INVALID", all},
		"too slow":        {iotest.ErrReader(os.ErrDeadlineExceeded), 0, 400, "INVALID", all},
		"too large":       {iotest.ErrReader(&http.MaxBytesError{Limit: MaxStream}), 0, 413, "TOO_LARGE", all},
		"store fails":     {strings.NewReader(""), 2, 503, "UNAVAILABLE", pieceEvents},
		"store and bytes": {iotest.ErrReader(io.ErrUnexpectedEOF), 3, 503, "UNAVAILABLE", 2 * pieceEvents},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &failing{at: tt.fail}
			h := newHandler(t, store, Limits{})
			h.Known = store.Known
			w := postTo(t, h, "", lines, io.MultiReader(strings.NewReader(numberedLines(1, all)), tt.tail))
			a := readMany(t, w)
			if w.Code != tt.status || a.Code != tt.code || a.Details == nil || a.Details.Lines != tt.settled || a.Details.Stored != tt.settled {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if !strings.Contains(a.Message, fmt.Sprint(tt.settled, " lines are done")) {
				t.Errorf("message %q", a.Message)
			}
			if n := reserved(h.Pool); n != 0 {
				t.Errorf("%d bytes stay reserved", n)
			}
			again := readMany(t, postTo(t, h, "", lines, strings.NewReader(numberedLines(1, all+1))))
			if again.Stored != all+1-len(store.known)+again.Stored || again.Duplicates < tt.settled || again.Stored+again.Duplicates != all+1 {
				t.Errorf("sent again: %+v", again)
			}
		})
	}
}

// failing is a shelf one of whose commits fails.
type failing struct {
	shelf
	at, n int
	mine  sync.Mutex
}

func (f *failing) Commit(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	f.mine.Lock()
	f.n++
	fails := f.n == f.at
	f.mine.Unlock()
	if fails {
		return nil, errors.New("secret")
	}
	return f.shelf.Commit(ctx, events)
}

func TestStreamListsRefusals(t *testing.T) {
	t.Parallel()
	h := newHandler(t, new(shelf), Limits{})
	a := readMany(t, postTo(t, h, "", lines, strings.NewReader(strings.Repeat("{}\n", MaxListed+5)+oneEvent)))
	if a.Rejected != MaxListed+5 || a.Stored != 1 || len(a.Results) != MaxListed || !a.Truncated || a.Results[MaxListed-1].Line != MaxListed {
		t.Errorf("%d rejected, %d listed, truncated %v", a.Rejected, len(a.Results), a.Truncated)
	}
	a = readMany(t, postTo(t, h, "", lines, strings.NewReader(strings.Repeat("{}\n", MaxListed)+oneEvent)))
	if a.Truncated {
		t.Error("truncated, though all are listed")
	}
}

// A signed stream is verified before any of it is taken, over the bytes as they came.
func TestStreamVerified(t *testing.T) {
	t.Parallel()
	store := new(shelf)
	h := newHandler(t, store, Limits{})
	body := zipped(t, oneEvent+"\n"+`{"type":"x"}`)
	h.Identify = func(*http.Request) (Sender, error) {
		return Sender{Caller: tenant{acme}, Verify: func(h http.Header, got []byte) error {
			if h.Get("X-Good") == "" || string(got) != body {
				return impact.Errorf(impact.CodeUnauthenticated, "the signature does not match")
			}
			return nil
		}}, nil
	}
	if w := postTo(t, h, "", lines, strings.NewReader(body), "Content-Encoding", "gzip"); w.Code != 401 || store.calls > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := postTo(t, h, "", lines, strings.NewReader(body), "Content-Encoding", "gzip", "X-Good", "1"); !strings.Contains(w.Body.String(), `"stored":2`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := postTo(t, h, "", "application/json", strings.NewReader(body), "Content-Encoding", "gzip", "X-Good", "1"); w.Code != 400 || !strings.Contains(w.Body.String(), "BAD_JSON") {
		t.Errorf("not one value: %d %s", w.Code, w.Body)
	}
}

// pages makes a body of the size out of events of about a kilobyte.
type pages struct {
	left, n int
	rest    []byte
}

var padding = strings.Repeat("x", 1000)

func (p *pages) Read(b []byte) (int, error) {
	if p.left <= 0 && len(p.rest) == 0 {
		return 0, io.EOF
	}
	if len(p.rest) == 0 {
		p.rest = fmt.Appendf(nil, `{"type":"session.completed","id":"e%d","userId":"p","data":{"note":"%s"}}`+"\n", p.n, padding)
		p.n++
		p.left -= len(p.rest)
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// 100 MB of lines never hold more than some pieces of them in memory.
func TestStreamMemory(t *testing.T) { //nolint:paralleltest // it measures the heap
	h := newHandler(t, instantly{}, Limits{})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	every := 0
	h.Observe = func(Outcome) {
		if every++; every%5_000 == 0 {
			most = max(most, heap())
		}
	}
	a := readMany(t, postTo(t, h, "", lines, &pages{left: 100 << 20}))
	if a.Stored != a.Lines || a.Lines < 90_000 {
		t.Fatalf("%+v", a)
	}
	if added := int64(most) - int64(before); added > 16<<20 {
		t.Errorf("%d MB added", added>>20)
	}
}

// deadlines is a connection that notes its deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = append(d.read, at); return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = append(d.write, at); return nil }

// A stream that keeps its pace has as long as it likes; the deadline of one that does
// not stays where it is.
func TestStreamPace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size, count int
		same        bool
	}{
		"trickle": {1, 20, true},
		"flow":    {pace, 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			p := &paced{from: &pages{left: 1 << 20}, conn: http.NewResponseController(d)}
			p.spent = pacePeriod - time.Minute/4 // it has waited before
			for range tt.count {
				if _, err := io.ReadFull(p, make([]byte, tt.size)); err != nil {
					t.Fatal(err)
				}
			}
			first, last := d.read[0], d.read[len(d.read)-1]
			if moved := last.Sub(first) >= time.Minute/4-time.Second; moved == tt.same {
				t.Errorf("the deadline went from %v to %v", first, last)
			}
		})
	}
}

// lost cannot look companies up.
type lost struct{ tenant }

func (lost) DefaultCompany() (*impact.Company, error) { return nil, errors.New("secret") }

// An event that cannot be judged is not refused: its request is, to be sent again.
func TestCompanyLookUpFails(t *testing.T) {
	t.Parallel()
	for contentType, body := range map[string]string{
		lines: numberedLines(1, 3), "application/json": "[" + oneEvent + "," + oneEvent + "]",
	} {
		store := new(shelf)
		h := newHandler(t, store, Limits{})
		h.Identify = func(*http.Request) (Sender, error) { return Sender{Caller: lost{}}, nil }
		w := postTo(t, h, "", contentType, strings.NewReader(body))
		if a := readMany(t, w); w.Code != 503 || a.Code != "UNAVAILABLE" || store.calls > 0 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", contentType, w.Code, w.Body)
		}
	}
}

// A server that is to stop ends a stream after the piece that it has, and says so.
func TestStreamEndsWhenDraining(t *testing.T) {
	t.Parallel()
	h := newHandler(t, new(shelf), Limits{})
	pieces := 0
	h.Draining = func() bool { pieces++; return pieces == 2 }
	w := postTo(t, h, "", lines, &pages{left: 10 << 20})
	a := readMany(t, w)
	if w.Code != 503 || a.Code != "UNAVAILABLE" || a.Details == nil || a.Details.Lines < 2*pieceBytes/1_200 || a.Details.Stored != a.Details.Lines {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := reserved(h.Pool); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

// Streams leave room for others, and those of one sender for streams of others.
func TestStreamsAreFew(t *testing.T) {
	t.Parallel()
	h := newHandler(t, new(shelf), Limits{})
	var open []*io.PipeWriter
	var under sync.WaitGroup
	for i := range MaxStreams {
		if i == MaxStreams/2 {
			if w := postTo(t, h, "", lines, strings.NewReader(oneEvent), "X-Api-Key", "0"); w.Code != 503 || !strings.Contains(w.Body.String(), "8 of them yours") {
				t.Errorf("one more of the same sender: %d %s", w.Code, w.Body)
			}
		}
		body, tap := io.Pipe()
		open = append(open, tap)
		under.Go(func() {
			if w := postTo(t, h, "", lines, body, "X-Api-Key", strconv.Itoa(i*2/MaxStreams)); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		if _, err := io.WriteString(tap, oneEvent); err != nil { // it is read: the stream is under way
			t.Fatal(err)
		}
	}
	if w := postTo(t, h, "", lines, strings.NewReader(oneEvent), "X-Api-Key", "2"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	if w := post(t, h, strings.NewReader(oneEvent)); w.Code != 200 {
		t.Errorf("an event: %d %s", w.Code, w.Body)
	}
	for _, tap := range open {
		tap.Close()
	}
	under.Wait()
	if w := postTo(t, h, "", lines, strings.NewReader(oneEvent)); w.Code != 200 {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// drip is a body of one line every tenth of a second.
type drip struct{ left int }

func (d *drip) Read(b []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	d.left--
	time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the bubble's clock
	return copy(b, fmt.Sprintf(`{"type":"note","id":"e%d"}`+"\n", d.left)), nil
}

// pausing gives its text at once, and its end after a minute.
type pausing struct{ text string }

func (p *pausing) Read(b []byte) (int, error) {
	if p.text == "" {
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		return 0, io.EOF
	}
	n := copy(b, p.text)
	p.text = p.text[n:]
	return n, nil
}

// noted is a store that notes when it was asked, and for how many.
type noted struct {
	instantly
	start  time.Time
	events int
	late   bool          // something waited for long
	last   time.Duration // when it was asked last
}

func (n *noted) Commit(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	n.events += len(events)
	n.last = time.Since(n.start)
	if came := int(time.Since(n.start) / (100 * time.Millisecond)); came-n.events > 5 {
		n.late = true
	}
	return n.instantly.Commit(ctx, events)
}

// What comes slowly is committed as it comes, and a server that stops says how far it came.
func TestStreamCommitsWhatComesSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &noted{start: time.Now()}
		h := newHandler(t, store, Limits{})
		if a := readMany(t, postTo(t, h, "", lines, &drip{50})); a.Stored != 50 || store.events != 50 || store.late {
			t.Errorf("%+v, %+v", a, store)
		}
		start := time.Now()
		h.Draining = func() bool { return time.Since(start) > time.Second }
		a := readMany(t, postTo(t, h, "", lines, &drip{50}))
		if took := time.Since(start); took > 2*time.Second || a.Code != "UNAVAILABLE" || a.Details == nil || a.Details.Stored < 10 {
			t.Errorf("after %v: %+v", took, a)
		}
		h.Draining = nil
		store.start, store.events = time.Now(), 0
		pauses := &pausing{`{"type":"note","id":"p1"}` + "\n" + `{"type":"note","id":"p2"}` + "\n" + `{"type":"note",`}
		if a := readMany(t, postTo(t, h, "", lines, pauses)); a.Stored != 2 || a.Rejected != 1 || store.events != 2 || store.last > time.Second {
			t.Errorf("%+v, %+v", a, store)
		}
		h.Pool.Stop(t.Context())
	})
}
