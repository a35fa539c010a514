package ingest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/impactql/impactql/impact"
)

// CloudEvents 1.0 (https://github.com/cloudevents/spec): an event's type, id, time and
// data are where impactql looks for them anyway. What differs is the identity, which is
// source and id together, data_base64, and the binary mode.

const specVersion = "1.0"

// isCloudEvent reports whether an event says that it is one, whatever it was sent as:
// so it has one identity in every format, and when it is taken from the log again.
func isCloudEvent(w *wire) bool {
	return w.text[fieldSpecVersion] == specVersion && w.text[fieldEventID] != "" && w.text[fieldOrigin] != ""
}

// checkCloudEvent checks the rules on attributes.
func (n *normaliser) checkCloudEvent() *impact.Error {
	w := n.wire
	refuse := func(f field, message string) *impact.Error {
		return &impact.Error{Code: impact.CodeInvalid, Pointer: pointerTo(w.raw, f, w.has[f], common), Message: message}
	}
	switch {
	case w.text[fieldSpecVersion] == "":
		return refuse(fieldSpecVersion, `is required, and is "1.0"`)
	case w.text[fieldSpecVersion] != specVersion:
		return refuse(fieldSpecVersion, `must be "1.0", the version of CloudEvents that is understood`)
	case w.text[fieldEventID] == "":
		return refuse(fieldEventID, "is required, and is a string that is not empty")
	case w.text[fieldOrigin] == "":
		return refuse(fieldOrigin, "is required, and is a URI reference that is not empty")
	case w.text[fieldType] == "":
		return refuse(fieldType, "is required, and is a string that is not empty")
	}
	if _, err := url.Parse(w.text[fieldOrigin]); err != nil {
		return refuse(fieldOrigin, "must be a URI reference")
	}
	if w.has[fieldTime] {
		if _, err := time.Parse(time.RFC3339Nano, w.text[fieldTime]); err != nil {
			return refuse(fieldTime, "must be an RFC 3339 time")
		}
	}
	return nil
}

// unpack reads an event with data_base64 as if its data were written out. The event
// that it returns keeps the form that was sent. Both nil: the data is not JSON, and the
// event is taken as it is.
func (n *normaliser) unpack(w *wire) (*impact.Event, *impact.Error) {
	raw, problem := inline(w.raw, w.text[fieldDataBase64])
	if raw == nil {
		return nil, problem
	}
	d := newDecoder(raw)
	defer d.release()
	again := &d.wire
	if err := d.event(again); err != nil {
		return nil, unreadable(err, errTooLarge)
	}
	again.has[fieldDataBase64] = false
	e, refused := n.normalise(again)
	if refused != nil {
		if strings.HasPrefix(refused.Pointer, "/data/") {
			refused.Message = strings.TrimPrefix(refused.Pointer, "/data") + " within it " + refused.Message
			refused.Pointer = canonical[fieldDataBase64]
		}
		return nil, refused
	}
	e.Raw = w.raw
	return e, nil
}

// inline is the event with data instead of data_base64; nil if that is not JSON.
func inline(raw []byte, encoded string) ([]byte, *impact.Error) {
	refuse := func(message string) *impact.Error {
		return &impact.Error{Code: impact.CodeInvalid, Pointer: canonical[fieldDataBase64], Message: message}
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, refuse("must be base64 (RFC 4648, section 4)")
	}
	isJSON := true
	out := []byte{'{'}
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := d.ReadToken(); err != nil {
		return nil, refuse(err.Error()) // it cannot: the decoder has read the event before
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, refuse(err.Error())
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, refuse(err.Error())
		}
		switch key {
		case "data":
			return nil, refuse("has no place beside data")
		case "data_base64":
			continue
		case "datacontenttype":
			text, _ := jsontext.AppendUnquote(nil, value)
			isJSON = jsonMedia(string(text))
		}
		out = append(appendQuoted(out, key), ':')
		out = append(append(out, value...), ',')
	}
	if !isJSON {
		return nil, nil
	}
	if !jsontext.Value(data).IsValid() {
		return nil, refuse("must hold JSON, unless datacontenttype says otherwise")
	}
	out = append(out, `"data":`...)
	return append(append(out, data...), '}'), nil
}

func jsonMedia(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && (media == jsonType[0] || media == "text/json" || strings.HasSuffix(media, "+json"))
}

const attributePrefix = "Ce-"

// headerPrefix begins the members of a kept event that are headers which were wrong. No
// attribute's name has a hyphen.
const headerPrefix = "ce-"

// checkHeaders refuses an event that still has a header which was wrong: what it was meant to
// say must not be guessed.
func checkHeaders(raw []byte) *impact.Error {
	d := newDecoder(raw)
	defer d.release()
	if d.json.PeekKind() != '{' {
		return nil
	}
	for _, err := d.json.ReadToken(); err == nil && d.json.PeekKind() == '"'; err = d.json.SkipValue() {
		name, err := d.json.ReadToken()
		if err != nil {
			return nil // decoding tells
		}
		if strings.HasPrefix(name.String(), headerPrefix) {
			return &impact.Error{
				Code: impact.CodeInvalid, Pointer: "/" + name.String(),
				Message: "this header was wrong: replay the event with an edit that says what was meant, under the attribute's name without ce-, or leaves it out",
			}
		}
	}
	return nil
}

// decodeBinary decodes a CloudEvent whose attributes are headers and whose data is the
// body. It is kept in the form of the structured mode, which says all of it.
func (q *request) decodeBinary(body []byte) error {
	event, err := q.structured(body)
	if err != nil {
		q.refused = event
		return err
	}
	d := newDecoder(event)
	defer d.release()
	if _, err := d.events(q.take); err != nil {
		return inBinary(unreadable(err, errTooLarge))
	}
	if e := q.results[0].err; e != nil {
		q.results[0].err = inBinary(e)
	}
	return nil
}

// inBinary points into the body, or names the header.
func inBinary(e *impact.Error) *impact.Error {
	told := *e
	if rest, ok := strings.CutPrefix(e.Pointer, "/data"); ok && (rest == "" || rest[0] == '/') {
		told.Pointer = rest
	} else if name, ok := strings.CutPrefix(e.Pointer, "/"); ok {
		told.Pointer = ""
		told.Message = "the header ce-" + name + " " + e.Message
	}
	return &told
}

// structured is a binary CloudEvent in the form of the structured mode. With an error, that of a
// header or of a body that should be JSON and is not, it is the event all the same, so that it
// can be kept and mended: the header as it came under its whole name, or the body in base64.
func (q *request) structured(body []byte) ([]byte, error) {
	var wrong error
	out := append(make([]byte, 0, len(body)+512), '{')
	member := func(name, value string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendQuoted(append(appendQuoted(out, name), ':'), value)
	}
	for _, name := range slices.Sorted(maps.Keys(q.headers)) {
		attribute, ok := strings.CutPrefix(name, attributePrefix)
		if !ok {
			continue
		}
		attribute = strings.ToLower(attribute)
		value, ok := headerValue(q.headers[name])
		var err error
		switch {
		case !validAttribute(attribute):
			err = impact.Errorf(impact.CodeInvalid, "the header ce-%s is no attribute of a CloudEvent: use a-z and 0-9, and send data as the body", attribute)
		case !ok:
			err = impact.Errorf(impact.CodeInvalid, "the header ce-%s must be given once, percent-encoded UTF-8", attribute)
		}
		if err != nil {
			wrong = cmp.Or(wrong, err)
			attribute, value = headerPrefix+attribute, strings.Join(q.headers[name], ", ")
		}
		member(attribute, value)
	}
	contentType := q.headers.Get("Content-Type")
	if contentType != "" {
		member("datacontenttype", contentType)
	}
	switch {
	case len(body) == 0:
	case jsonMedia(contentType):
		if err := wellFormed(body); err != nil {
			return appendBase64(out, body), cmp.Or(wrong, err)
		}
		out = append(append(out, `,"data":`...), bytes.TrimSpace(body)...)
	default:
		return appendBase64(out, body), wrong
	}
	return append(out, '}'), wrong
}

// wellFormed is the syntax error of a body, or that it is nested too deeply.
func wellFormed(body []byte) error {
	d := newDecoder(body)
	defer d.release()
	if err := d.skip(); err != nil {
		return err
	}
	return d.end()
}

// appendBase64 ends an event with its data.
func appendBase64(event, data []byte) []byte {
	event = append(event, `,"data_base64":"`...)
	return append(base64.StdEncoding.AppendEncode(event, data), `"}`...)
}

// validAttribute reports whether a header names an attribute. The content type is a
// header of its own.
func validAttribute(name string) bool {
	if name == "" || name == "data" || name == "datacontenttype" {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
}

// headerValue undoes the percent-encoding of the HTTP protocol binding.
func headerValue(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	text := strings.TrimSpace(values[0])
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[1 : n-1])
	}
	decoded, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(decoded) {
		return "", false
	}
	return decoded, true
}
