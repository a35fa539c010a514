package ingest

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/impactql/impactql/impact"
)

// request is the state of one request: a result per event, and the valid events.
type request struct {
	mode
	normaliser
	headers http.Header // of a CloudEvent in binary mode
	refused []byte      // what is kept of a body that could not be taken apart, if not the body alone
	array   bool        // the answer has a result per event
	under   string      // pointer to the array that the events are in
	results []result
	events  []*impact.Event
	// failed is why events could not be judged: that refuses none of them, but the
	// request.
	failed error
}

// result is what became of one event of a request.
type result struct {
	outcome Outcome
	err     *impact.Error // of a rejected event
	key     impact.Key
	receipt int64
	line    int // where the event stood, from 1; 0 if it did not stand on a line
	aside   *aside
	note    note
}

// note is what its sender may not expect of an event that was taken.
type note string

const (
	noNote   note = ""
	conflict note = "conflict" // a duplicate whose body is another than the one in the log, which holds
	unmapped note = "unmapped" // kept, but of no type that counts in a figure
)

// aside is what is known of an event that is not stored.
type aside struct {
	raw     []byte
	company impact.CompanyID // that it is kept for; 0 if nobody's
	due     time.Time        // of a quarantined event
}

// byteOrderMark is what some tools put before the UTF-8 that they send.
var byteOrderMark = []byte("\ufeff")

func (q *request) decode(body []byte) error {
	if q.format != formatBinary {
		body = bytes.TrimPrefix(body, byteOrderMark)
	}
	if err := q.decodeAs(q.format, body); err != nil {
		return err
	}
	return q.failed
}

func (q *request) decodeAs(f format, body []byte) error {
	switch f {
	case formatLines:
		return q.decodeLines(body)
	case formatBinary:
		return q.decodeBinary(body)
	case formatJSON, formatCloudEvent, formatCloudEvents:
	}
	d := newDecoder(body)
	defer d.release()
	if err := q.checkShape(d); err != nil {
		return err
	}
	array, err := d.events(q.take)
	q.array = array
	if err == nil && d.batch != nil {
		if q.format != formatJSON {
			return impact.Errorf(impact.CodeInvalid, "a batch of CloudEvents is an array, sent as application/cloudevents-batch+json")
		}
		return q.decodeBatch(d.batch)
	}
	return err
}

// checkShape refuses a body that its media type does not allow.
func (q *request) checkShape(d *decoder) error {
	switch kind := d.json.PeekKind(); {
	case q.format == formatCloudEvent && kind == '[':
		return impact.Errorf(impact.CodeInvalid, "application/cloudevents+json is one event: send an array as application/cloudevents-batch+json")
	case q.format == formatCloudEvents && kind == '{':
		return impact.Errorf(impact.CodeInvalid, "application/cloudevents-batch+json is an array: send one event as application/cloudevents+json")
	}
	return nil
}

// decodeBatch decodes the array of {"batch": [...]}, which the decoder has found to be
// well-formed.
func (q *request) decodeBatch(events []byte) error {
	q.under = "/batch"
	q.array = true
	d := newDecoder(events)
	defer d.release()
	_, err := d.events(q.take)
	return err
}

// decodeLines decodes one event a line, within the limits of an array.
func (q *request) decodeLines(body []byte) error {
	q.array = true
	for number := 1; len(body) > 0; number++ {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(q.results) == MaxEvents {
			return impact.Errorf(impact.CodeTooLarge, "send at most %d lines with atomic or dryRun", MaxEvents)
		}
		q.takeLine(line, number)
	}
	return nil
}

// takeLine adds the event of a line: what is wrong with it is its own fault only.
func (q *request) takeLine(line []byte, number int) {
	before := len(q.results)
	var err error
	if len(line) > MaxEvent {
		err = errLine
	} else {
		err = q.decodeLine(line)
	}
	if err != nil {
		q.results = append(q.results[:before], result{outcome: Rejected, err: unreadable(err, errLine), aside: &aside{raw: line, company: q.fallback()}})
	}
	q.results[before].line = number
}

var errLine = impact.Errorf(impact.CodeTooLarge, "a line may have at most %d bytes", MaxEvent)

func (q *request) decodeLine(line []byte) error {
	d := newDecoder(line)
	defer d.release()
	if kind := d.json.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return impact.Errorf(impact.CodeInvalid, "an event is a JSON object; send arrays as application/json")
	}
	q.delivery = "" // a delivery of many events does not tell them apart
	_, err := d.events(q.take)
	if err == nil && d.batch != nil {
		return impact.Errorf(impact.CodeInvalid, "a line is one event; send a batch as application/json")
	}
	return err
}

// take adds an event that was decoded.
func (q *request) take(w *wire, array bool) {
	if array {
		q.delivery = "" // a delivery of many events does not tell them apart
	}
	var e *impact.Event
	var refused *impact.Error
	if array && len(w.raw) > MaxEvent {
		refused = impact.Errorf(impact.CodeTooLarge, "an event of an array may have at most %d bytes", MaxEvent)
	} else {
		e, refused = q.normalise(w)
	}
	if refused != nil {
		if refused.Code == impact.CodeUnavailable {
			q.failed = refused
		}
		if array {
			at := q.under
			if refused != w.problem {
				at += "/" + strconv.Itoa(len(q.results))
			}
			refused.Pointer = at + refused.Pointer
		}
		q.results = append(q.results, result{outcome: Rejected, err: refused, aside: &aside{raw: w.raw, company: q.owner(w)}})
		return
	}
	if r := q.quarantine(e); r != nil {
		if array && r.err != nil {
			told := *r.err
			told.Pointer = q.under + "/" + strconv.Itoa(len(q.results))
			r.err = &told
		}
		q.results = append(q.results, *r)
		return
	}
	q.results = append(q.results, result{outcome: Stored, key: e.Key})
	q.events = append(q.events, e)
}

// settle gives the results of the valid events their verdicts.
func (q *request) settle(verdicts []impact.Verdict) {
	next := 0
	for i := range q.results {
		r := &q.results[i]
		if r.outcome != Stored {
			continue
		}
		v, e := verdicts[next], q.events[next]
		next++
		switch {
		case v.Err != nil:
			refused := *v.Err
			if q.array && r.line == 0 {
				refused.Pointer = q.under + "/" + strconv.Itoa(i) + refused.Pointer
			}
			r.outcome, r.err, r.aside = Rejected, &refused, &aside{raw: e.Raw, company: e.Company}
		case v.Duplicate:
			r.outcome, r.receipt = Duplicate, v.Receipt
			if v.Conflict {
				r.note = conflict
			}
		case q.dryRun:
			r.outcome = Valid
		default:
			r.receipt = v.Receipt
		}
		if e.Kind == impact.KindUnknown && (r.outcome == Stored || r.outcome == Valid) {
			r.note = unmapped
		}
	}
}

// withhold says of the events that are not refused that they are valid: they are not
// stored either.
func (q *request) withhold() {
	for i := range q.results {
		if q.results[i].outcome == Stored {
			q.results[i].outcome = Valid
		}
	}
}
