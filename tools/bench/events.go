package main

import (
	"bytes"
	"strconv"
	"sync/atomic"
	"time"
)

// The companies and the key of an embedded database.
var demoCompanies = [...]string{
	"c1111111-1111-1111-1111-111111111111",
	"c2222222-2222-2222-2222-222222222222",
	"c3333333-3333-3333-3333-333333333333",
}

const demoKey = "test-key"

// users is how many people the events are of.
const users = 10_000

// events makes up events as the load scripts send them, each with a session of
// its own.
type events struct {
	prefix string // of the session ids, new for each run
	next   atomic.Uint64
}

func newEvents(start time.Time) *events {
	return &events{prefix: "session-" + strconv.FormatInt(start.UnixMilli(), 10) + "-"}
}

// append appends the body of a new event of the company.
func (e *events) append(b []byte, company string, at time.Time) []byte {
	n := e.next.Add(1)
	r := mix(n)
	b = append(b, `{"type":"session.completed","companyId":"`...)
	b = append(b, company...)
	b = append(b, `","sessionId":"`...)
	b = append(b, e.prefix...)
	b = appendBase36(b, n)
	b = append(b, `","userId":"user-`...)
	b = strconv.AppendUint(b, 1+r%users, 10)
	b = append(b, `","timestamp":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","data":{"duration":`...)
	b = strconv.AppendUint(b, 600+r>>16%3000, 10)
	b = append(b, `,"outcome":"`...)
	b = append(b, [...]string{"positive", "neutral", "negative"}[r>>32%3]...)
	b = append(b, `","score":`...)
	b = strconv.AppendUint(b, r>>40%10, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, r>>48%10, 10)
	return append(b, `,"metadata":{"source":"load-test","program":"buddy"}}}`...)
}

// array is a body of n new events of the company.
func (e *events) array(n int, company string, at time.Time) []byte {
	b := []byte{'['}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.append(b, company, at)
	}
	return append(b, ']')
}

// template is a request of events that are made new by writing new sessions into it.
type template struct {
	events   *events
	request  []byte
	sessions []int // where each one's number stands
}

func (e *events) template(n int, to *account, path string) *template {
	t := &template{events: e, request: appendPost(nil, path, to.key, e.array(n, to.company, time.Now()))}
	for at := 0; ; {
		next := bytes.Index(t.request[at:], []byte(e.prefix))
		if next < 0 {
			return t
		}
		at += next + len(e.prefix)
		t.sessions = append(t.sessions, at)
	}
}

// next is the request with events that were not sent before, valid until the next call.
func (t *template) next() []byte {
	n := t.events.next.Add(uint64(len(t.sessions)))
	for i, at := range t.sessions {
		appendBase36(t.request[:at], n-uint64(i))
	}
	return t.request
}

// appendBase36 appends the nine last places of n, as long as the load scripts' ids.
func appendBase36(b []byte, n uint64) []byte {
	var digits [9]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[n%36]
		n /= 36
	}
	return append(b, digits[:]...)
}

// mix spreads the bits of n, as splitmix64 does.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
