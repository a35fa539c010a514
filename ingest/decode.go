package ingest

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/impactql/impactql/impact"
)

// Limits on one request's JSON.
const (
	MaxBody   = 10 << 20  // bytes
	MaxEvents = 10_000    // in one array
	MaxEvent  = 256 << 10 // bytes of one event of an array
	MaxDepth  = 32        // nested objects and arrays
)

// wire is what one event says, before its kind gives it a meaning.
type wire struct {
	raw    []byte
	text   [numFields]string
	number [numFields]float64
	has    [numFields]bool
	// rank is where a field was found: of the same one at several places, that of the
	// highest rank is taken, and of those the first.
	rank    [numFields]rank
	problem *impact.Error // the first value of a wrong type, or a passed limit
	// minor says that the problem is with a field that a type which no mapping
	// knows may well use in its own way.
	minor bool
}

// rank is the precedence of a place.
type rank uint8

const (
	rankTop     rank = iota
	rankData         // under "data"
	rankChanges      // under "changes", in a vocabulary that looks there
)

// decoder walks a body once. Syntax errors end the walk; a value of a wrong type
// only marks its event, so that the others land.
//
// Decoders are used again, since a fresh one costs as much as decoding an event.
type decoder struct {
	json jsontext.Decoder
	in   bytes.Buffer
	body []byte
	wire wire
	path []byte // folded names down to the current value, dot-separated
	*vocabulary
	// batch is the array of a body {"batch": [...]}, which has no type: the events are
	// in it, and each was not called.
	batch []byte

	looking field            // the field that pointerTo looks for
	found   jsontext.Pointer // where it last was taken from
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// newDecoder takes a decoder out of the pool; give it back with release.
func newDecoder(body []byte) *decoder {
	d, _ := decoders.Get().(*decoder)
	d.body, d.vocabulary = body, common
	d.in = *bytes.NewBuffer(body)
	d.json.Reset(&d.in)
	return d
}

// release gives a decoder back, without what it held of the request.
func (d *decoder) release() {
	d.in = bytes.Buffer{}
	d.json.Reset(&d.in)
	d.wire = wire{}
	d.body, d.path, d.batch, d.looking, d.found = nil, d.path[:0], nil, fieldNone, ""
	decoders.Put(d)
}

// events calls each with every event of the body, which is one event or an array
// of them; array says which. An array within {"batch": [...]} is left in d.batch. The
// wire is valid during the call only. An error means that the request is refused whole,
// whatever each was called with.
func (d *decoder) events(each func(w *wire, array bool)) (array bool, err error) {
	w := &d.wire
	switch d.json.PeekKind() {
	case '{':
		if err := d.event(w); err != nil {
			return false, err
		}
		if err := d.end(); err != nil {
			return false, err
		}
		if w.has[fieldBatch] && !w.has[fieldType] {
			return true, nil
		}
		d.batch = nil
		each(w, false)
		return false, nil
	case '[':
		if _, err := d.json.ReadToken(); err != nil {
			return true, d.syntax(err)
		}
		for n := 0; d.json.PeekKind() != ']'; n++ {
			if n == MaxEvents {
				return true, impact.Errorf(impact.CodeTooLarge, "send at most %d events in one array", MaxEvents)
			}
			*w = wire{}
			if err := d.event(w); err != nil {
				return true, err
			}
			each(w, true)
		}
		if _, err := d.json.ReadToken(); err != nil {
			return true, d.syntax(err)
		}
		return true, d.end()
	default:
		if _, err := d.json.ReadToken(); err != nil {
			return false, d.syntax(err)
		}
		return false, impact.Errorf(impact.CodeInvalid, "send a JSON object, or an array of them")
	}
}

// end checks that nothing follows.
func (d *decoder) end() error {
	switch _, err := d.json.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return d.syntax(err)
	}
	return impact.Errorf(impact.CodeBadJSON, "there is more after the end of the JSON value")
}

func (d *decoder) syntax(err error) error {
	e := &impact.Error{Code: impact.CodeBadJSON, Message: "this is not valid JSON"}
	if errors.Is(err, io.EOF) {
		e.Message = "the body is empty"
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		e.Pointer = string(s.JSONPointer)
		e.Message += ": " + s.Err.Error() + " at byte " + strconv.FormatInt(s.ByteOffset, 10)
	}
	return e
}

// event decodes one event into w. The error is a syntax error or a passed limit,
// which end the request.
func (d *decoder) event(w *wire) error {
	if d.json.PeekKind() != '{' {
		before := d.json.InputOffset()
		if err := d.skip(); err != nil {
			return err
		}
		w.raw = bytes.TrimLeft(d.body[before:d.json.InputOffset()], ", \t\r\n")
		w.fail(impact.CodeInvalid, d.json.StackPointer(), "an event is a JSON object")
		return nil
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	start := d.json.InputOffset() - 1
	d.path = d.path[:0]
	if err := d.members(w, false); err != nil {
		return err
	}
	w.raw = d.body[start:d.json.InputOffset()]
	return nil
}

// members decodes the rest of an object whose brace has been read.
func (d *decoder) members(w *wire, inData bool) error {
	for {
		if d.json.PeekKind() == '}' {
			_, err := d.json.ReadToken()
			return err
		}
		name, err := d.json.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		above := len(d.path)
		if above > 0 {
			d.path = append(d.path, '.')
		}
		d.path = appendFolded(d.path, name)
		if err := d.member(w, inData); err != nil {
			return err
		}
		d.path = d.path[:above]
	}
}

// member decodes the value at the current path.
func (d *decoder) member(w *wire, inData bool) error {
	switch kind := d.json.PeekKind(); {
	case kind == '{' && d.branches[string(d.path)] && (!inData || string(d.path) != dataBranch):
		if _, err := d.json.ReadToken(); err != nil {
			return d.syntax(err)
		}
		if !inData && string(d.path) == dataBranch {
			d.path = d.path[:0]
			inData = true
		}
		return d.members(w, inData)
	default:
		f := fieldNone
		if !inData {
			f = d.envelope[string(d.path)]
		}
		if f == fieldNone {
			f = d.data[string(d.path)]
		}
		at := d.place(inData)
		if f == fieldNone || w.has[f] && w.rank[f] >= at {
			return d.skip()
		}
		switch {
		case f == fieldBatch:
			return d.array(w, kind)
		case f == fieldChanges:
			w.has[f] = kind == '{'
			return d.skip()
		case fieldSpecVersion <= f && f <= fieldDataBase64 && kind != '"':
			return d.skip() // what CloudEvents call so is text; others may mean anything
		case shapes[f] == shapeAny:
			return d.verbatim(w, f, at, kind)
		}
		return d.value(w, f, at)
	}
}

// place is the rank of the current path.
func (d *decoder) place(inData bool) rank {
	switch {
	case d.vocabulary != common && bytes.HasPrefix(d.path, []byte(changesBranch)):
		return rankChanges
	case inData:
		return rankData
	}
	return rankTop
}

// array notes where the array of {"batch": [...]} is.
func (d *decoder) array(w *wire, kind jsontext.Kind) error {
	if kind != '[' {
		return d.skip()
	}
	depth := d.json.StackDepth()
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	start := d.json.InputOffset() - 1
	if err := d.leave(depth); err != nil {
		return err
	}
	w.has[fieldBatch] = true
	d.batch = d.body[start:d.json.InputOffset()]
	return nil
}

// verbatim keeps a value as it is written; null is the same as absent.
func (d *decoder) verbatim(w *wire, f field, at rank, kind jsontext.Kind) error {
	before := d.json.InputOffset()
	if err := d.skip(); err != nil || kind == 'n' {
		return err
	}
	w.has[f], w.rank[f] = true, at
	w.text[f] = string(bytes.TrimLeft(d.body[before:d.json.InputOffset()], ":, \t\r\n"))
	if f == d.looking {
		d.found = d.json.StackPointer()
	}
	return nil
}

const dataBranch = "data"

func (d *decoder) value(w *wire, f field, at rank) error {
	kind := d.json.PeekKind()
	fits := kind == '"' && shapes[f] != shapeNumber || kind == '0' && shapes[f] != shapeText
	if !fits {
		if kind == 'n' { // null is the same as absent
			return d.skip()
		}
		if err := d.skip(); err != nil {
			return err
		}
		w.misfit(f, d.json.StackPointer(), shapes[f].want())
		return nil
	}
	value, err := d.json.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	w.has[f], w.rank[f] = true, at
	if f == d.looking {
		d.found = d.json.StackPointer()
	}
	if kind == '"' {
		w.text[f], err = unquote(value)
		return err
	}
	if w.number[f], err = strconv.ParseFloat(string(value), 64); err != nil {
		w.misfit(f, d.json.StackPointer(), "the number is out of range")
	}
	if f == fieldAmount || shapes[f] == shapeTime {
		w.text[f] = string(value) // as it is written: amounts are exact
	}
	return nil
}

func unquote(value jsontext.Value) (string, error) {
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return string(text), err
}

func (s shape) want() string {
	switch s {
	case shapeNumber:
		return "must be a number"
	case shapeTime:
		return "must be an RFC 3339 time, a date, or Unix seconds or milliseconds"
	case shapeText, shapeAny:
	}
	return "must be a string"
}

// skip passes over the next value and enforces MaxDepth on the way.
func (d *decoder) skip() error {
	if k := d.json.PeekKind(); k != '{' && k != '[' {
		if err := d.json.SkipValue(); err != nil {
			return d.syntax(err)
		}
		return nil
	}
	return d.leave(d.json.StackDepth())
}

// leave reads until no more than depth objects and arrays are open.
func (d *decoder) leave(depth int) error {
	for {
		if _, err := d.json.ReadToken(); err != nil {
			return d.syntax(err)
		}
		switch at := d.json.StackDepth(); {
		case at == depth:
			return nil
		case at > MaxDepth:
			return &impact.Error{
				Code: impact.CodeTooLarge, Pointer: string(d.json.StackPointer()),
				Message: "nest objects and arrays at most " + strconv.Itoa(MaxDepth) + " deep",
			}
		}
	}
}

func (w *wire) fail(code impact.Code, at jsontext.Pointer, message string) {
	if w.problem == nil || w.minor {
		w.problem, w.minor = &impact.Error{Code: code, Pointer: string(at), Message: message}, false
	}
}

// misfit marks a value that its field cannot have.
func (w *wire) misfit(f field, at jsontext.Pointer, message string) {
	if w.problem == nil {
		w.fail(impact.CodeInvalid, at, message)
		w.minor = f >= fieldSession || f == fieldCompanyHint
	} else if f < fieldSession && f != fieldCompanyHint {
		w.fail(impact.CodeInvalid, at, message)
	}
}

// appendFolded appends a quoted member name without case and underscores. Dots
// are folded too, so that no name can pose as a path; escapes are left as they
// are, since no name that is looked for needs one.
func appendFolded(b []byte, name jsontext.Value) []byte {
	for _, c := range name[1 : len(name)-1] {
		switch {
		case c == '_':
		case c == '.':
			b = append(b, '_')
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, c)
		}
	}
	return b
}

// pointerTo is where in an event a field was found, as the source named it, or
// where it is expected if the event does not have it. It walks the event again:
// only events that are refused pay for it.
func pointerTo(raw []byte, f field, has bool, words *vocabulary) string {
	if !has {
		return canonical[f]
	}
	d := newDecoder(raw)
	defer d.release()
	d.looking, d.vocabulary = f, words
	_ = d.event(&d.wire) // it was well-formed before
	return string(d.found)
}

// reread is what an event says in another vocabulary.
func reread(raw []byte, words *vocabulary) wire {
	d := newDecoder(raw)
	defer d.release()
	d.vocabulary = words
	_ = d.event(&d.wire) // it was well-formed before
	d.wire.raw = raw
	return d.wire
}
