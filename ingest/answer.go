package ingest

import (
	"encoding/hex"
	"net/http"
	"strconv"

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
		b = append(b, `","receipt":"`...)
		b = strconv.AppendInt(b, r.receipt, 10)
		return &answer{http.StatusOK, append(b, `"}`...)}
	}

	counts := make(map[Outcome]int)
	var receipt int64
	for i := range q.results {
		counts[q.results[i].outcome]++
		receipt = max(receipt, q.results[i].receipt)
	}
	accepted := counts[Rejected] < len(q.results) || len(q.results) == 0
	b := append(make([]byte, 0, 128+96*len(q.results)), `{"success":`...)
	b = strconv.AppendBool(b, accepted)
	if receipt > 0 {
		b = append(b, `,"receipt":"`...)
		b = strconv.AppendInt(b, receipt, 10)
		b = append(b, '"')
	}
	if !accepted {
		b = append(b, `,"error":"every event was refused: see results","code":"`...)
		b = append(b, impact.CodeInvalid...)
		b = append(b, '"')
	}
	b = appendCount(b, "stored", counts[Stored])
	b = appendCount(b, "duplicates", counts[Duplicate])
	b = appendCount(b, "rejected", counts[Rejected])
	b = append(b, `,"results":[`...)
	for i := range q.results {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendResult(b, i, &q.results[i])
	}
	b = append(b, `]}`...)
	if !accepted {
		return &answer{http.StatusBadRequest, b}
	}
	return &answer{http.StatusOK, b}
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
	b = append(b, `,"status":"`...)
	b = append(b, r.outcome...)
	b = append(b, '"')
	if r.err == nil {
		b = append(b, `,"id":"`...)
		b = appendKey(b, r.key)
		return append(b, `"}`...)
	}
	b = append(b, `,"code":"`...)
	b = append(b, r.err.Code...)
	b = append(b, `","pointer":`...)
	b = appendQuoted(b, r.err.Pointer)
	b = append(b, `,"message":`...)
	b = appendQuoted(b, r.err.Message)
	return append(b, '}')
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
