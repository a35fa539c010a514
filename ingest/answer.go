package ingest

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/impactql/impactql/impact"
)

// answer is a finished response.
type answer struct {
	status int
	body   []byte
}

func (q *request) answer() *answer {
	if !q.array {
		r := &q.results[0]
		b := append(make([]byte, 0, 128), `{"success":true,"id":"`...)
		b = appendKey(b, r.key)
		b = append(b, `","status":"`...)
		b = append(b, r.outcome...)
		b = append(b, '"')
		b = appendRelease(b, r)
		if r.receipt > 0 {
			b = appendReceipt(b, r.receipt)
		}
		b = r.note.append(b)
		return &answer{http.StatusOK, append(q.appendMode(b), '}')}
	}

	var sum tally
	for i := range q.results {
		sum.add(&q.results[i])
	}
	status, failure := http.StatusOK, ""
	switch {
	case q.atomic && sum.counts[Rejected] > 0:
		status = http.StatusUnprocessableEntity
		failure = "nothing was stored, since " + strconv.Itoa(sum.counts[Rejected]) + " of " + strconv.Itoa(len(q.results)) + " events were refused: see results"
	case len(q.results) > 0 && sum.counts[Rejected] == len(q.results):
		status, failure = http.StatusBadRequest, allRefused
	}
	b := sum.append(make([]byte, 0, 128+96*len(q.results)), failure)
	if q.dryRun || q.atomic && failure != "" {
		b = appendCount(b, string(Valid), sum.counts[Valid])
	}
	b = q.appendMode(b)
	b = append(b, `,"results":[`...)
	for i := range q.results {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendResult(b, i, &q.results[i])
	}
	return &answer{status, append(b, `]}`...)}
}

const allRefused = "every event was refused: see results"

// tally counts results.
type tally struct {
	counts  map[Outcome]int
	notes   map[note]int
	receipt int64 // the greatest
}

func (t *tally) add(r *result) {
	if t.counts == nil {
		t.counts = make(map[Outcome]int, 4)
	}
	t.counts[r.outcome]++
	if r.note != noNote {
		if t.notes == nil {
			t.notes = make(map[note]int, 2)
		}
		t.notes[r.note]++
	}
	t.receipt = max(t.receipt, r.receipt)
}

// append begins an answer to many events; failure is why none was taken, if so.
func (t *tally) append(b []byte, failure string) []byte {
	b = append(b, `{"success":`...)
	b = strconv.AppendBool(b, failure == "")
	if failure != "" {
		b = append(b, `,"error":"`...)
		b = append(b, failure...)
		b = append(b, `","code":"`...)
		b = append(b, impact.CodeInvalid...)
		b = append(b, '"')
	}
	return t.appendCounts(b)
}

func (t *tally) appendCounts(b []byte) []byte {
	if t.receipt > 0 {
		b = appendReceipt(b, t.receipt)
	}
	b = appendCount(b, "stored", t.counts[Stored])
	b = appendCount(b, "duplicates", t.counts[Duplicate])
	if n := t.counts[Quarantined]; n > 0 {
		b = appendCount(b, string(Quarantined), n)
	}
	b = appendCount(b, "rejected", t.counts[Rejected])
	if n := t.notes[conflict]; n > 0 {
		b = appendCount(b, "conflicts", n)
	}
	if n := t.notes[unmapped]; n > 0 {
		b = appendCount(b, string(unmapped), n)
	}
	return b
}

// appendMode says what was special about the request.
func (m mode) appendMode(b []byte) []byte {
	if m.atomic {
		b = append(b, `,"atomic":true`...)
	}
	if m.dryRun {
		b = append(b, `,"dryRun":true`...)
	}
	return b
}

func appendReceipt(b []byte, receipt int64) []byte {
	b = append(b, `,"receipt":"`...)
	b = strconv.AppendInt(b, receipt, 10)
	return append(b, '"')
}

func appendCount(b []byte, name string, n int) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return strconv.AppendInt(b, int64(n), 10)
}

func appendResult(b []byte, index int, r *result) []byte {
	b = append(b, `{"index":`...)
	b = strconv.AppendInt(b, int64(index), 10)
	if r.line > 0 {
		b = appendCount(b, "line", r.line)
	}
	return appendOutcome(b, r)
}

// appendOutcome ends a result.
func appendOutcome(b []byte, r *result) []byte {
	b = append(b, `,"status":"`...)
	b = append(b, r.outcome...)
	b = append(b, '"')
	if r.err == nil {
		b = append(b, `,"id":"`...)
		b = appendKey(b, r.key)
		b = append(b, '"')
		b = r.note.append(b)
		return append(appendRelease(b, r), '}')
	}
	b = append(b, `,"code":"`...)
	b = append(b, r.err.Code...)
	b = append(b, `","pointer":`...)
	b = appendQuoted(b, r.err.Pointer)
	b = append(b, `,"message":`...)
	b = appendQuoted(b, r.err.Message)
	return append(b, '}')
}

func (n note) append(b []byte) []byte {
	if n == noNote {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, n...)
	return append(b, `":true`...)
}

// appendRelease says when an event in quarantine will be stored, and what to do for it
// to be sooner.
func appendRelease(b []byte, r *result) []byte {
	if r.outcome != Quarantined {
		return b
	}
	b = append(b, `,"until":"`...)
	b = r.aside.due.UTC().AppendFormat(b, time.RFC3339)
	return append(b, `","message":"dated too far ahead: stored when it is due, or sooner if you replay it"`...)
}

func appendQuoted(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil { // invalid UTF-8, which AppendQuote has replaced
		return b
	}
	return b
}

// appendKey writes a key as a UUID is written.
func appendKey(b []byte, k impact.Key) []byte {
	for i, part := range [...][]byte{k[:4], k[4:6], k[6:8], k[8:10], k[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}
