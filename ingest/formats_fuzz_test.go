package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/impactql/impactql/impact"
)

// fuzzed decodes a body in a format, and checks what holds for all of them: a refusal
// is told properly, what is accepted can be stored, and it is the same event when it is
// decoded again from what is kept of it.
func fuzzed(t *testing.T, q *request, body []byte) {
	t.Helper()
	q.normaliser = normaliser{caller: tenant{acme, globex}, receivedAt: received, strict: q.format.isCloudEvent()}
	whole := bytes.Clone(body)
	err := q.decode(body)
	if !bytes.Equal(body, whole) {
		t.Fatal("the body was changed")
	}
	if err != nil {
		checkTold(t, err)
		return
	}
	next := 0
	for _, r := range q.results {
		if r.err != nil {
			checkTold(t, r.err)
			continue
		}
		e := q.events[next]
		next++
		checkStorable(t, e)
		again := &request{normaliser: normaliser{caller: tenant{acme, globex}, receivedAt: received}}
		if err := again.decode(bytes.Clone(e.Raw)); err != nil || len(again.events) != 1 || !same(*e, *again.events[0]) {
			t.Fatalf("%q alone: %v, %+v, not %+v", e.Raw, err, again.results, e)
		}
	}
	if next != len(q.events) {
		t.Fatalf("%d events of %d results", len(q.events), len(q.results))
	}
}

func checkTold(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*impact.Error](err)
	if !ok || e.Code == "" || e.Message == "" || !utf8.ValidString(e.Message) || !utf8.ValidString(e.Pointer) {
		t.Fatalf("refused with %#v", err)
	}
}

func FuzzCloudEvents(f *testing.F) {
	for _, s := range []string{
		cloud("1", `,"time":"2025-11-13T10:00:00Z","data":{"userId":"p","score":7.3}`), cloud("1", `,"data_base64":"eyJ1c2VySWQiOiJwIn0="`),
		cloud("1", `,"datacontenttype":"text/plain","data":"x"`), cloud("1", `,"data_base64":"bnVsbA==","data":null`), cloud("1", `,"companyid":"globex"`),
		`{"specversion":"1.0"}`, `{"specversion":1,"id":null,"source":{},"type":[]}`, `{"specversion":"1.0","id":"a","source":"%zz","type":"x"}`,
		`{"Data_Base64":"e30=","specversion":"1.0","id":"a","source":"b","type":"x"}`, `[]`, ``,
	} {
		f.Add([]byte(s), false)
		f.Add([]byte("["+s+","+s+"]"), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		q := &request{mode: mode{format: formatCloudEvent}}
		if batch {
			q.format = formatCloudEvents
		}
		fuzzed(t, q, body)
	})
}

func FuzzCloudEventBinary(f *testing.F) {
	f.Add([]byte(`{"userId":"p"}`), "application/json", "1", "/lms", "session.completed", "companyid", "globex")
	f.Add([]byte(`hello`), "text/plain", `"quoted \" id"`, "urn:%C3%A9", "note", "time", "2025-11-13T10:00:00Z")
	f.Add([]byte(``), "", "%", "", "x", "data", "\xff")
	f.Add([]byte(`{"a":`), "application/a+json; charset=x", "1", "/", "x", "A-b", "%00")
	f.Fuzz(func(t *testing.T, body []byte, contentType, id, source, typ, more, value string) {
		fuzzed(t, &request{mode: mode{format: formatBinary}, headers: http.Header{
			"Ce-Specversion": {"1.0"}, "Ce-Id": {id}, "Ce-Source": {source}, "Ce-Type": {typ}, "Content-Type": {contentType},
			"Ce-" + more: {value},
		}}, body)
	})
}

func FuzzBatch(f *testing.F) {
	for _, s := range []string{
		`{"batch":[` + oneEvent + `,{}]}`, `{"batch":[],"type":null}`, `{"batch":[[]],"batch":[]}`, `{"BATCH":[{"batch":[{}]}]}`,
		`{"batch":{},"sentAt":1}`, `{"data":{"batch":[1]}}`, `{"batch":[{"type":"x"}],"type":"y"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { fuzzed(t, new(request), body) })
}

// FuzzLines: however a stream is cut, the lines are those of the text, and each is
// judged alone.
func FuzzLines(f *testing.F) {
	for _, s := range []string{
		oneEvent + "\n" + oneEvent, "\n\n{}\r\n", "{", "[]\n7\n\"\n", "\xff\n", oneEvent, cloud("1", "") + "\n{\"batch\":[{}]}\n",
		strings.Repeat("x", MaxEvent) + "\n" + oneEvent, strings.Repeat("x", 2*pieceBytes),
	} {
		f.Add([]byte(s), uint8(len(s)))
	}
	f.Fuzz(func(t *testing.T, body []byte, how uint8) {
		q := &request{mode: mode{format: formatLines}}
		fuzzed(t, q, body)
		var from io.Reader = bytes.NewReader(body)
		switch how % 3 {
		case 1:
			from = iotest.OneByteReader(from)
		case 2:
			from = iotest.DataErrReader(from)
		}
		l := &lineReader{from: newAhead(from)}
		var got []byte
		long := 0
		for {
			p := l.next()
			got = append(got, p.body...)
			if p.long > 0 {
				long++
			}
			if p.err != nil {
				break
			}
		}
		if long == 0 && !bytes.Equal(got, body) {
			t.Fatalf("%q was cut into %q", body, got)
		}
		if long > 0 && len(body) <= MaxEvent {
			t.Fatalf("a long line in %d bytes", len(body))
		}
	})
}

// FuzzEncodings: what claims to be compressed ends in bytes, at most the limit, or in
// an error that says what is wrong.
func FuzzEncodings(f *testing.F) {
	f.Add([]byte(zipped(f, oneEvent)), false)
	f.Add([]byte(zstandard(f, oneEvent)), true)
	f.Add([]byte{}, false)
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, true)
	f.Fuzz(func(t *testing.T, body []byte, z bool) {
		encoding := "gzip"
		if z {
			encoding = "zstd"
		}
		p := NewPool(instantly{}, Limits{})
		taken := room{pool: p}
		got, err := expandBody(bytes.NewReader(body), encoding, &taken)
		taken.release()
		if n := reserved(p); n != 0 {
			t.Errorf("%d bytes stay reserved", n)
		}
		p.Stop(t.Context())
		if err != nil {
			checkTold(t, err)
		} else if len(got) > MaxBody {
			t.Errorf("%d bytes", len(got))
		}
	})
}
