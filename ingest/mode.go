package ingest

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/impactql/impactql/impact"
)

// format is how a body holds events.
type format uint8

const (
	formatJSON        format = iota // an event, an array of them, or {"batch": [...]}
	formatLines                     // one event a line
	formatCloudEvent                // a CloudEvent in structured mode
	formatCloudEvents               // a batch of them
	formatBinary                    // a CloudEvent in binary mode: attributes in headers, the body is its data
)

func (f format) isCloudEvent() bool { return f >= formatCloudEvent }

// formats are the media types that are taken.
var formats = map[string]format{
	jsonType[0]:                          formatJSON,
	"application/x-ndjson":               formatLines,
	"application/ndjson":                 formatLines,
	"application/jsonl":                  formatLines,
	"application/cloudevents+json":       formatCloudEvent,
	"application/cloudevents-batch+json": formatCloudEvents,
}

// mode is what a request's headers and query say about its body. The zero mode is JSON
// as it is.
type mode struct {
	format   format
	encoding string // "gzip" or "zstd"; empty for none
	atomic   bool   // all or nothing
	dryRun   bool   // store nothing
}

// streams reports whether the body is taken in pieces as it arrives.
func (m mode) streams() bool { return m.format == formatLines && !m.atomic && !m.dryRun }

// modeOf reads the headers and the query of a request. Errors: media types and
// encodings that are not taken, ?atomic and ?dryRun that are neither true nor false.
// Other parameters are left alone: providers add their own.
func modeOf(r *http.Request) (m mode, err error) {
	if m.format, err = formatOf(r.Header); err != nil {
		return m, err
	}
	if ce := r.Header["Content-Encoding"]; len(ce) > 0 {
		if m.encoding, err = encodingOf(ce); err != nil {
			return m, err
		}
	}
	if r.URL.RawQuery != "" {
		query := r.URL.Query()
		if m.atomic, err = flag(query, "atomic"); err != nil {
			return m, err
		}
		if m.dryRun, err = flag(query, "dryRun"); err != nil {
			return m, err
		}
	}
	return m, nil
}

func formatOf(h http.Header) (format, error) {
	ct := h.Get("Content-Type")
	media := ct
	if ct != "" && ct != jsonType[0] {
		if parsed, _, err := mime.ParseMediaType(ct); err == nil {
			media = parsed
		} else {
			media = "?"
		}
	}
	// A media type of CloudEvents goes before headers of CloudEvents; any other is then
	// that of the data.
	if (h["Ce-Specversion"] != nil || h["Ce-Id"] != nil) && !strings.HasPrefix(media, "application/cloudevents") {
		return formatBinary, nil
	}
	if media == "" {
		return formatJSON, nil
	}
	f, ok := formats[media]
	if !ok {
		return 0, impact.Errorf(impact.CodeUnsupportedType,
			"Content-Type is %q; send application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json", ct)
	}
	return f, nil
}

func encodingOf(values []string) (string, error) {
	ce := strings.ToLower(strings.TrimSpace(strings.Join(values, ",")))
	if ce == "" || ce == "identity" {
		return "", nil
	}
	encoding, ok := encodings[ce]
	if !ok {
		return "", impact.Errorf(impact.CodeUnsupportedType, "Content-Encoding is %q; send gzip, zstd, or the body as it is", ce)
	}
	return encoding, nil
}

// flag is a parameter that is true or false, however its name is spelled: ?dryrun must not
// store.
func flag(query url.Values, name string) (bool, error) {
	given, text := false, ""
	for key, values := range query {
		if !strings.EqualFold(strings.NewReplacer("_", "", "-", "").Replace(key), name) {
			continue
		}
		if given || len(values) > 1 {
			return false, impact.Errorf(impact.CodeInvalid, "the parameter %s is given twice", name)
		}
		given, text = true, values[0]
	}
	if text == "" {
		return given, nil // ?atomic alone
	}
	set, err := strconv.ParseBool(text)
	if err != nil {
		return false, impact.Errorf(impact.CodeInvalid, "the parameter %s is %q; it is true or false", name, text)
	}
	return set, nil
}
