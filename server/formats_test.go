package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/impactql/impactql/impact"
)

// Every format, through the whole server: the same event is one whatever it came as.
func TestFormatsEndToEnd(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	const (
		ce    = "Content-Type: application/cloudevents+json"
		ces   = "Content-Type: application/cloudevents-batch+json"
		lines = "Content-Type: application/x-ndjson"
	)
	cloud := func(n int) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/lms","type":"session.completed","time":"2025-11-13T10:00:00Z","data":{"userId":"p%d","volunteerId":"v","durationMinutes":60}}`, n, n)
	}
	a.ingest(t, cloud(1), ce).accepted(t, "stored")
	a.ingest(t, `{"userId":"p1","volunteerId":"v","durationMinutes":60}`, "ce-specversion: 1.0", "ce-id: 1", "ce-source: /lms",
		"ce-type: session.completed", "ce-time: 2025-11-13T10:00:00Z").accepted(t, "duplicate")
	for _, step := range []struct {
		body    string
		headers []string
		stored  int
	}{
		{"[" + cloud(1) + "," + cloud(2) + "]", []string{ces}, 1},
		{cloud(2) + "\n" + cloud(3) + "\n", []string{lines}, 1},
		{`{"batch":[` + cloud(3) + "," + cloud(4) + "]}", nil, 1},
		{compressed(t, cloud(4)+"\n"+cloud(5)), []string{lines, "Content-Encoding: zstd"}, 1},
	} {
		var got struct{ Stored, Duplicates int }
		if a.ingest(t, step.body, step.headers...).decode(t, &got); got.Stored != step.stored || got.Duplicates != 1 {
			t.Errorf("%v: %+v, want %d stored", step.headers, got, step.stored)
		}
	}
	if n := w.events(t, c); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
	w.awaitFolds(t)
	if got := a.sessions(t, "acme"); got != 5 {
		t.Errorf("%d sessions, want 5", got)
	}
}

func compressed(t testing.TB, body string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(body), nil))
}

// All or nothing, and nothing at all, with the log.
func TestAtomicAndDryRunEndToEnd(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	good := session("s1", "p1", "v1", "2025-11-13T10:00:00Z", 60)
	post := func(query, body string) reply { return a.send(t, http.MethodPost, "/webhooks/ingest"+query, body) }
	var got struct{ Stored, Duplicates, Rejected, Valid int }
	r := post("?atomic=true", "["+good+`,{"type":"session.completed"}]`)
	if r.decode(t, &got); r.status != http.StatusUnprocessableEntity || got.Valid != 1 || got.Rejected != 1 || w.events(t, c) != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r = post("?dryRun=true", good); r.status != http.StatusOK || !strings.Contains(string(r.body), `"status":"valid"`) || w.events(t, c) != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
	_, receipt := a.ingest(t, good).accepted(t, "stored")
	if r = post("?dryRun=true", good); !strings.Contains(string(r.body), `"status":"duplicate","receipt":"`+receipt+`"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r = post("?atomic=true", "["+good+","+session("s2", "p1", "v1", "2025-11-13T10:00:00Z", 60)+"]"); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := w.events(t, c); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

// A stream that breaks in the middle leaves whole lines, and is answered.
func TestStreamCut(t *testing.T) {
	t.Parallel()
	w, c, a := shop(t)
	var body bytes.Buffer
	for i := range 5_000 {
		body.WriteString(session(fmt.Sprint("s", i), "p", "v", "2025-11-13T10:00:00Z", 60) + "\n")
	}
	half := body.Bytes()[:body.Len()/2]
	conn := dial(t, a)
	if _, err := fmt.Fprintf(conn, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n%s",
		a.key, body.Len(), half); err != nil {
		t.Fatal(err)
	}
	if tcp, ok := conn.(*net.TCPConn); !ok || tcp.CloseWrite() != nil {
		t.Fatal("the connection cannot be cut")
	}
	r := readReply(t, conn)
	var got struct {
		Code    string
		Details struct{ Lines, Stored int }
	}
	r.decode(t, &got)
	if want := bytes.Count(half, []byte("\n")); r.status != http.StatusBadRequest || got.Details.Lines != want || got.Details.Stored != want || w.events(t, c) != int64(want) {
		t.Errorf("%d %s, want %d lines", r.status, r.body, want)
	}
	var again struct{ Stored, Duplicates int }
	if a.ingest(t, body.String(), "Content-Type: application/x-ndjson").decode(t, &again); again.Stored+again.Duplicates != 5_000 || again.Duplicates != got.Details.Lines {
		t.Errorf("again: %+v", again)
	}
}

// What was sent before a pause is in the log during it, plain or compressed, and a server that stops
// answers a stream that pauses.
func TestStreamPauses(t *testing.T) {
	t.Parallel()
	for name, compress := range map[string]func(io.Writer) flusher{
		"":     func(w io.Writer) flusher { return plain{w} },
		"gzip": func(w io.Writer) flusher { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) flusher {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		t.Run("encoding "+name, func(t *testing.T) {
			t.Parallel()
			w, c, a := shop(t)
			conn := dial(t, a)
			encoding := ""
			if name != "" {
				encoding = "Content-Encoding: " + name + "\r\n"
			}
			if _, err := fmt.Fprintf(conn, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n%sX-API-Key: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
				encoding, a.key); err != nil {
				t.Fatal(err)
			}
			body := compress(httputil.NewChunkedWriter(conn))
			for i := range 3 {
				if _, err := fmt.Fprintln(body, session(fmt.Sprint("s", i), "p", "v", "2025-11-13T10:00:00Z", 60)); err != nil {
					t.Fatal(err)
				}
				if err := body.Flush(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the line is in the log", func() bool { return w.events(t, c) == int64(i+1) })
			}
			stopped := make(chan error, 1)
			go func() { stopped <- a.stop() }()
			r := readReply(t, conn)
			var got struct {
				Code    string
				Details struct{ Lines, Stored int }
			}
			if r.decode(t, &got); got.Code != "UNAVAILABLE" || got.Details.Lines != 3 || got.Details.Stored != 3 {
				t.Errorf("%d %s", r.status, r.body)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
	}
}

// A server that stops waits for no stream that has not begun.
func TestStreamThatNeverBegins(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			_, _, a := shop(t)
			conn := dial(t, a)
			if _, err := fmt.Fprintf(conn, "POST /webhooks/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: %s\r\nX-API-Key: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
				encoding, a.key); err != nil {
				t.Fatal(err)
			}
			stopped := make(chan error, 1)
			go func() { stopped <- a.stop() }()
			readReply(t, conn).wantRefusal(t, http.StatusServiceUnavailable, impact.CodeUnavailable, "")
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
	}
}

// flusher is a writer that sends on what it has when it is told to.
type flusher interface {
	io.Writer
	Flush() error
}

// plain has nothing.
type plain struct{ io.Writer }

func (plain) Flush() error { return nil }
