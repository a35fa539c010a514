package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/impactql/impactql/impact"
)

// manyAnswer is the answer to many events, and an error's.
type manyAnswer struct {
	Success                             bool
	Receipt, Error, Code, Pointer       string
	Message                             string
	Atomic, DryRun, Truncated           bool
	Lines                               int
	Stored, Duplicates, Rejected, Valid int
	Results                             []oneResult
	Details                             *manyAnswer
}

type oneResult struct {
	Index, Line                        int
	Status, ID, Code, Pointer, Message string
}

func readMany(t *testing.T, w *httptest.ResponseRecorder) manyAnswer {
	t.Helper()
	var a manyAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return a
}

func postTo(t *testing.T, h http.Handler, query, contentType string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/ingest"+query, body)
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	ce    = "application/cloudevents+json"
	ces   = "application/cloudevents-batch+json"
	lines = "application/x-ndjson"
)

// cloud is a CloudEvent in structured mode with the given members more.
func cloud(id string, more string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"/lms","type":"session.completed"` + more + `}`
}

// Every format is taken, and every way in which it can be wrong has a code and a place.
func TestFormats(t *testing.T) {
	t.Parallel()
	const data = `,"data":{"userId":"p","score":7.3}`
	encoded := `,"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(`{"userId":"p","score":7.3}`)) + `"`
	const type415 = "Content-Type"
	for name, tt := range map[string]struct {
		contentType, body string
		status            int
		code, pointer     string // of an error, or of the first rejected result
		message           string // part of it
		stored            int
	}{
		"batch":                          {"application/json", `{"sentAt":"2025-11-13T10:00:00Z","batch":[` + oneEvent + `]}`, 200, "", "", "", 1},
		"batch of none":                  {"application/json", `{"batch":[]}`, 200, "", "", "", 0},
		"batch, one refused":             {"application/json", `{"batch":[` + oneEvent + `,{"type":"session.completed","data":{"userId":"p","score":11}}]}`, 200, "INVALID", "/batch/1/data/score", "at most 10", 1},
		"batch, a value refused":         {"application/json", `{"batch":[{"type":"session.completed","data":{"userId":"p","score":"7"}},` + oneEvent + `]}`, 200, "INVALID", "/batch/0/data/score", "number", 1},
		"batch in capitals":              {"application/json", `{"Batch":[` + oneEvent + `]}`, 200, "", "", "", 1},
		"batch of an event":              {"application/json", `{"type":"x","batch":[1]}`, 200, "", "", "", 1},
		"batch that is no array":         {"application/json", `{"batch":"7"}`, 400, "INVALID", "/type", "required", 0},
		"batch, malformed":               {"application/json", `{"batch":[{]}`, 400, "BAD_JSON", "/batch/0", "", 0},
		"batch, deep":                    {"application/json", `{"batch":[` + nested(MaxDepth) + `]}`, 413, "TOO_LARGE", "", "deep", 0},
		"batch in a batch":               {"application/json", `{"batch":[{"batch":[` + oneEvent + `]}]}`, 400, "INVALID", "/batch/0/type", "", 0},
		"lines":                          {lines, oneEvent + "\n" + `{"type":"x"}` + "\r\n\n", 200, "", "", "", 2},
		"lines without an end":           {lines, oneEvent + "\n" + `{"type":"x"}`, 200, "", "", "", 2},
		"lines after a byte order mark":  {lines, "\ufeff" + oneEvent + "\n" + `{"type":"x"}`, 200, "", "", "", 2},
		"a line refused":                 {lines, oneEvent + "\n{\"type\":\"session.completed\",\"data\":{\"userId\":\"p\",\"score\":11}}\n", 200, "INVALID", "/data/score", "at most 10", 1},
		"a line that is not JSON":        {lines, "{\"type\":\n" + oneEvent, 200, "BAD_JSON", "/type", "JSON", 1},
		"a line with two events":         {lines, oneEvent + oneEvent + "\n" + oneEvent, 200, "BAD_JSON", "", "after the end", 1},
		"a line with an array":           {lines, "[" + oneEvent + "]\n" + oneEvent, 200, "INVALID", "", "object", 1},
		"a line with a number":           {lines, "7\n" + oneEvent, 200, "INVALID", "", "", 1},
		"a long line":                    {lines, `{"type":"` + strings.Repeat("x", MaxEvent) + "\"}\n" + oneEvent, 200, "TOO_LARGE", "", "a line may have", 1},
		"a line with a batch":            {lines, `{"batch":[` + oneEvent + "]}\n" + oneEvent, 200, "INVALID", "", "one event", 1},
		"CloudEvents in a batch":         {ce, `{"batch":[` + cloud("1", data) + "]}", 400, "INVALID", "", "array", 0},
		"no lines":                       {lines, "\n\n", 200, "", "", "", 0},
		"all lines refused":              {lines, "{}\n{}", 400, "INVALID", "/type", "", 0},
		"CloudEvent":                     {ce, cloud("1", data), 200, "", "", "", 1},
		"CloudEvent with parameters":     {ce + "; charset=UTF-8", cloud("1", data), 200, "", "", "", 1},
		"CloudEvent as JSON":             {"application/json", cloud("1", data), 200, "", "", "", 1},
		"CloudEvent, base64":             {ce, cloud("1", encoded), 200, "", "", "", 1},
		"CloudEvent, base64 of no JSON":  {ce, cloud("1", `,"data_base64":"AAAA"`), 400, "INVALID", "/data_base64", "JSON", 0},
		"CloudEvent, base64 of text":     {ce, strings.Replace(cloud("1", `,"datacontenttype":"text/plain","data_base64":"AAAA"`), "session.completed", "note", 1), 200, "", "", "", 1},
		"CloudEvent, bad base64":         {ce, cloud("1", `,"data_base64":"*"`), 400, "INVALID", "/data_base64", "base64", 0},
		"CloudEvent, base64 and data":    {ce, cloud("1", encoded+data), 400, "INVALID", "/data_base64", "beside", 0},
		"CloudEvent, refused in base64":  {ce, cloud("1", `,"data_base64":"`+base64.StdEncoding.EncodeToString([]byte(`{"userId":"p","score":11}`))+`"`), 400, "INVALID", "/data_base64", "/score", 0},
		"CloudEvent without version":     {ce, `{"id":"1","source":"/lms","type":"x"}`, 400, "INVALID", "/specversion", "required", 0},
		"CloudEvent, another version":    {ce, `{"specversion":"0.3","id":"1","source":"/lms","type":"x"}`, 400, "INVALID", "/specversion", "1.0", 0},
		"CloudEvent without id":          {ce, `{"specversion":"1.0","source":"/lms","type":"x"}`, 400, "INVALID", "/id", "required", 0},
		"CloudEvent, id is a number":     {ce, `{"specversion":"1.0","id":1,"source":"/lms","type":"x"}`, 400, "INVALID", "/id", "string", 0},
		"CloudEvent without source":      {ce, `{"specversion":"1.0","id":"1","type":"x"}`, 400, "INVALID", "/source", "required", 0},
		"CloudEvent, source is empty":    {ce, `{"specversion":"1.0","id":"1","source":"","type":"x"}`, 400, "INVALID", "/source", "empty", 0},
		"CloudEvent, source is no URI":   {ce, `{"specversion":"1.0","id":"1","source":"%","type":"x"}`, 400, "INVALID", "/source", "URI", 0},
		"CloudEvent, source is an array": {ce, `{"specversion":"1.0","id":"1","source":[],"type":"x"}`, 400, "INVALID", "/source", "required", 0},
		"CloudEvent without type":        {ce, `{"specversion":"1.0","id":"1","source":"/lms"}`, 400, "INVALID", "/type", "required", 0},
		"CloudEvent, time":               {ce, cloud("1", `,"time":"2025-11-13"`+data), 400, "INVALID", "/time", "RFC 3339", 0},
		"CloudEvent, an array":           {ce, `[]`, 400, "INVALID", "", ces, 0},
		"CloudEvents":                    {ces, `[` + cloud("1", data) + `,` + cloud("2", encoded) + `]`, 200, "", "", "", 2},
		"CloudEvents of none":            {ces, `[]`, 200, "", "", "", 0},
		"CloudEvents, one refused":       {ces, `[` + cloud("1", data) + `,{"specversion":"1.0","id":"","source":"/lms","type":"x"}]`, 200, "INVALID", "/1/id", "empty", 1},
		"CloudEvents, one event":         {ces, cloud("1", data), 400, "INVALID", "", ce, 0},
		"a source of any kind is JSON":   {"application/json", `{"type":"x","source":{"a":1},"specversion":2}`, 200, "", "", "", 1},
		"media type":                     {"text/csv", oneEvent, 415, "UNSUPPORTED_TYPE", "", type415, 0},
		"another CloudEvents format":     {"application/cloudevents+avro", oneEvent, 415, "UNSUPPORTED_TYPE", "", type415, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := new(shelf)
			h := newHandler(t, store, Limits{})
			w := postTo(t, h, "", tt.contentType, strings.NewReader(tt.body))
			a := readMany(t, w)
			if w.Code != tt.status || len(store.known) != tt.stored || a.Success != (tt.status == 200) {
				t.Fatalf("%d %s, %d stored", w.Code, w.Body, len(store.known))
			}
			got := oneResult{Code: a.Code, Pointer: a.Pointer, Message: a.Message}
			for _, r := range a.Results {
				if r.Status == "rejected" {
					got = r
					break
				}
			}
			if got.Code != tt.code || got.Pointer != tt.pointer && tt.code != "TOO_LARGE" || !strings.Contains(got.Message, tt.message) {
				t.Errorf("%+v in %s", got, w.Body)
			}
			if n := reserved(h.Pool); n != 0 {
				t.Errorf("%d bytes stay reserved", n)
			}
		})
	}
}

func TestDecodeWantsOne(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[]`, `[` + oneEvent + `]`, `{"batch":[]}`, `{"batch":[` + oneEvent + `]}`, `7`, ``} {
		if e, err := Decode([]byte(body), acme, received); err == nil {
			t.Errorf("%s is %+v", body, e)
		}
	}
}

// A CloudEvent is the same event in every mode, and what else it may look like does not
// count.
func TestCloudEventIdentity(t *testing.T) {
	t.Parallel()
	h := newHandler(t, new(shelf), Limits{})
	binary := func(id, source string) *httptest.ResponseRecorder {
		return postTo(t, h, "", "application/json", strings.NewReader(`{"userId":"p"}`),
			"ce-specversion", "1.0", "ce-id", id, "ce-source", source, "ce-type", "session.completed")
	}
	for i, step := range []struct {
		w    *httptest.ResponseRecorder
		want string
	}{
		{postTo(t, h, "", ce, strings.NewReader(cloud("1", `,"data":{"userId":"p"}`)), "X-Delivery-Id", "d1"), `"stored"`},
		{postTo(t, h, "", ce, strings.NewReader(cloud("1", `,"data":{"userId":"q"}`)), "X-Delivery-Id", "d2"), `"duplicate"`},
		{postTo(t, h, "", ces, strings.NewReader("["+cloud("1", `,"data":{"userId":"p"}`)+"]")), `"duplicate"`},
		{postTo(t, h, "", lines, strings.NewReader(cloud("1", `,"data":{"userId":"p"}`))), `"duplicates":1`},
		{binary("1", "/lms"), `"duplicate"`},
		{binary("1", "/crm"), `"stored"`},
		{binary("2", "/lms"), `"stored"`},
		{postTo(t, h, "", "application/json", strings.NewReader(`{"type":"session.completed","id":"1","source":"/lms","userId":"p"}`)), `"stored"`},
	} {
		if !strings.Contains(step.w.Body.String(), step.want) {
			t.Errorf("step %d: %s, want it %s", i, step.w.Body, step.want)
		}
	}
}

func TestCloudEventBinary(t *testing.T) {
	t.Parallel()
	with := func(changes ...string) []string {
		headers := map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/lms", "ce-type": "session.completed"}
		for i := 0; i < len(changes); i += 2 {
			headers[changes[i]] = changes[i+1]
		}
		var list []string
		for name, value := range headers {
			if value != "" {
				list = append(list, name, value)
			}
		}
		return list
	}
	const good = `{"userId":"p","score":7}`
	for name, tt := range map[string]struct {
		contentType, body      string
		headers                []string
		status                 int
		code, pointer, message string
	}{
		"good":                  {"application/json", good, with("ce-time", "2025-11-13T10:00:00Z"), 200, "", "", ""},
		"an extension":          {"application/json", good, with("ce-companyid", "globex"), 200, "", "", ""},
		"another company":       {"application/json", good, with("ce-companyid", "other"), 403, "FORBIDDEN", "", "ce-companyid"},
		"without data":          {"", "", with("ce-type", "note"), 200, "", "", ""},
		"text":                  {"text/plain", "hello", with("ce-type", "note"), 200, "", "", ""},
		"no version":            {"application/json", good, with("ce-specversion", ""), 400, "INVALID", "", "ce-specversion is required"},
		"no id":                 {"application/json", good, with("ce-id", ""), 400, "INVALID", "", "ce-id is required"},
		"no source":             {"application/json", good, with("ce-source", ""), 400, "INVALID", "", "ce-source is required"},
		"no type":               {"application/json", good, with("ce-type", ""), 400, "INVALID", "", "ce-type is required"},
		"time":                  {"application/json", good, with("ce-time", "now"), 400, "INVALID", "", "ce-time must be"},
		"score":                 {"application/json", `{"userId":"p","score":11}`, with(), 400, "INVALID", "/score", "at most 10"},
		"nobody":                {"application/json", `{}`, with(), 400, "INVALID", "/participantId", "required"},
		"not JSON":              {"application/json", `{"userId":`, with(), 400, "BAD_JSON", "/userId", "at byte 10"},
		"two values":            {"application/json", good + good, with(), 400, "BAD_JSON", "", "after the end"},
		"percent":               {"application/json", good, with("ce-id", "%"), 400, "INVALID", "", "percent-encoded"},
		"data as a header":      {"application/json", good, with("ce-data", "x"), 400, "INVALID", "", "as the body"},
		"an odd attribute":      {"application/json", good, with("ce-a_b", "x"), 400, "INVALID", "", "a-z and 0-9"},
		"structured goes first": {ce, cloud("1", `,"data":`+good), with("ce-id", "%"), 200, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandler(t, new(shelf), Limits{})
			w := postTo(t, h, "", tt.contentType, strings.NewReader(tt.body), tt.headers...)
			a := readMany(t, w)
			if w.Code != tt.status || a.Code != tt.code || a.Pointer != tt.pointer || !strings.Contains(a.Message, tt.message) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// What a binary CloudEvent is kept as, also if a header or the body is wrong.
func TestCloudEventBinaryIsKeptWhole(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header, value string
		body          string
		want, wrong   string
	}{
		"good":             {"Ce-Id", `"a \"b\""`, ` {"a":1} `, `"id":"a \"b\"",BASE,"data":{"a":1}`, ""},
		"percent":          {"Ce-Id", "%", `{"a":1}`, `"ce-id":"%",BASE,"data":{"a":1}`, "percent-encoded"},
		"no UTF-8":         {"Ce-Id", "\xff", `{"a":1}`, "\"ce-id\":\"\ufffd\"," + `BASE,"data":{"a":1}`, "percent-encoded"},
		"an odd attribute": {"Ce-A_b", "x y", `{"a":1}`, `"ce-a_b":"x y",BASE,"data":{"a":1}`, "a-z and 0-9"},
		"data as a header": {"Ce-Data", "x", `{"a":1}`, `"ce-data":"x",BASE,"data":{"a":1}`, "as the body"},
		"no body":          {"Ce-Id", "%", "", `"ce-id":"%",BASE`, "percent-encoded"},
		"both wrong":       {"Ce-Id", "%", `{"a":`, `"ce-id":"%",BASE,"data_base64":"eyJhIjo="`, "percent-encoded"},
		"a broken body":    {"Ce-Id", "1", `{"a":`, `"id":"1",BASE,"data_base64":"eyJhIjo="`, "at byte"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &request{mode: mode{format: formatBinary}, headers: http.Header{
				tt.header: {tt.value}, "Ce-Source": {"/a%20b"}, "Ce-Type": {"note"}, "Content-Type": {"application/json"},
			}}
			raw, err := q.structured([]byte(tt.body))
			want := "{" + strings.Replace(tt.want, "BASE", `"source":"/a b","type":"note","datacontenttype":"application/json"`, 1) + "}"
			if string(raw) != want {
				t.Errorf("%s, want %s", raw, want)
			}
			if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%v, want %q", err, tt.wrong)
			}
		})
	}
	q := &request{mode: mode{format: formatBinary}, headers: http.Header{"Ce-Id": {"1", "2"}}}
	if raw, err := q.structured(nil); string(raw) != `{"ce-id":"1, 2"}` || err == nil {
		t.Errorf("twice: %s, %v", raw, err)
	}
}

func zipped(t testing.TB, body string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t testing.TB, body string, options ...zstd.EOption) string {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil { // so that the frame is one of unknown size
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	bomb := `{"type":"a","x":"` + strings.Repeat("x", MaxBody) + `"}`
	longWindow := zstandard(t, oneEvent, zstd.WithWindowSize(64<<20))
	for name, tt := range map[string]struct {
		encoding, contentType, body string
		status                      int
		want                        string
	}{
		"gzip":               {"gzip", "application/json", zipped(t, oneEvent), 200, "stored"},
		"capitals":           {"GZip", "application/json", zipped(t, oneEvent), 200, "stored"},
		"x-gzip":             {"x-gzip", "application/json", zipped(t, "["+oneEvent+"]"), 200, `"stored":1`},
		"zstd":               {"zstd", "application/json", zstandard(t, oneEvent), 200, "stored"},
		"gzip of lines":      {"gzip", lines, zipped(t, oneEvent+"\n"+oneEvent), 200, `"duplicates":1`},
		"zstd of lines":      {"zstd", lines, zstandard(t, oneEvent+"\n"+oneEvent), 200, `"duplicates":1`},
		"gzip in members":    {"gzip", lines, zipped(t, oneEvent+"\n") + zipped(t, oneEvent), 200, `"duplicates":1`},
		"gzip bomb":          {"gzip", "application/json", zipped(t, bomb), 413, "after Content-Encoding is undone"},
		"zstd bomb":          {"zstd", "application/json", zstandard(t, bomb), 413, "after Content-Encoding is undone"},
		"zstd, large window": {"zstd", lines, longWindow, 413, "window"},
		"no gzip":            {"gzip", "application/json", oneEvent, 400, "is not gzip"},
		"no zstd":            {"zstd", "application/json", oneEvent, 400, "is not zstd"},
		"gzip of nothing":    {"gzip", "application/json", "", 400, "empty"},
		"gzip, cut":          {"gzip", "application/json", zipped(t, oneEvent)[:20], 400, "is not gzip"},
		"zstd, cut":          {"zstd", "application/json", zstandard(t, oneEvent)[:20], 400, "is not zstd"},
		"gzip, changed":      {"gzip", "application/json", zipped(t, oneEvent)[:30] + "xxxxxxxxxxxxxxxxxxxxx", 400, "is not gzip"},
		"two encodings":      {"gzip, zstd", "application/json", oneEvent, 415, "gzip, zstd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandler(t, new(shelf), Limits{})
			for range 3 { // decoders are used again
				w := postTo(t, h, "", tt.contentType, strings.NewReader(tt.body), "Content-Encoding", tt.encoding)
				if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) && !strings.Contains(w.Body.String(), "duplicate") {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				if n := reserved(h.Pool); n != 0 {
					t.Errorf("%d bytes stay reserved", n)
				}
			}
		})
	}
}

// Atomic is all or nothing; a dry run says what would be and stores nothing.
func TestAtomicAndDryRun(t *testing.T) {
	t.Parallel()
	const bad = `{"type":"session.completed"}`
	for name, tt := range map[string]struct {
		query, contentType, body string
		status                   int
		want                     string
		stored                   int
	}{
		"atomic":                     {"?atomic=true", "application/json", "[" + oneEvent + `,{"type":"x"}]`, 200, `"stored":2,"duplicates":0,"rejected":0,"unmapped":1,"atomic":true`, 2},
		"atomic, one event":          {"?atomic", "application/json", oneEvent, 200, `"status":"stored"`, 1},
		"atomic, refused":            {"?atomic=true", "application/json", "[" + oneEvent + "," + bad + "]", 422, `"stored":0,"duplicates":0,"rejected":1,"valid":1,"atomic":true,"results":[{"index":0,"status":"valid"`, 0},
		"atomic, one refused":        {"?atomic=true", "application/json", bad, 400, "/data/participantId", 0},
		"atomic, unstorable":         {"?atomic=true", "application/json", "[" + oneEvent + `,{"type":"unstorable"}]`, 400, "INVALID", 0},
		"atomic lines":               {"?atomic=true", lines, oneEvent + "\n" + `{"type":"x"}`, 200, `"results":[{"index":0,"line":1,"status":"stored"`, 2},
		"atomic lines, refused":      {"?atomic=true", lines, oneEvent + "\n\n" + "{", 422, `"line":3,"status":"rejected","code":"BAD_JSON"`, 0},
		"atomic batch":               {"?atomic=true", "application/json", `{"batch":[` + bad + `]}`, 422, `/batch/0/data/participantId`, 0},
		"atomic lines, too many":     {"?atomic=true", lines, strings.Repeat("{}\n", MaxEvents+1), 413, "lines with atomic", 0},
		"not atomic":                 {"?atomic=false&utm=1", "application/json", "[" + oneEvent + "," + bad + "]", 200, `"stored":1`, 1},
		"atomic, but how":            {"?atomic=perhaps", "application/json", oneEvent, 400, "true or false", 0},
		"dry run":                    {"?dryRun=true", "application/json", oneEvent, 200, `"status":"valid","dryRun":true}`, 0},
		"dry run, in other letters":  {"?dry_run=true", "application/json", oneEvent, 200, `"status":"valid","dryRun":true}`, 0},
		"dry run, twice":             {"?dryrun=false&dryRun=true", "application/json", oneEvent, 400, "twice", 0},
		"dry run, refused":           {"?dryRun=true", "application/json", bad, 400, "/data/participantId", 0},
		"dry run of an array":        {"?dryRun=1", "application/json", "[" + oneEvent + "," + bad + "," + oneEvent + "]", 200, `"stored":0,"duplicates":1,"rejected":1,"valid":1,"dryRun":true`, 0},
		"dry run of lines":           {"?dryRun=true", lines, oneEvent + "\n" + bad, 200, `"line":2,"status":"rejected"`, 0},
		"dry run of an atomic array": {"?dryRun=true&atomic=true", "application/json", "[" + oneEvent + "," + bad + "]", 422, `"valid":1,"atomic":true,"dryRun":true`, 0},
		"dry run, but how":           {"?dryRun=ja", "application/json", oneEvent, 400, "true or false", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := new(shelf)
			h := newHandler(t, store, Limits{})
			w := postTo(t, h, tt.query, tt.contentType, strings.NewReader(tt.body))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || len(store.known) != tt.stored {
				t.Errorf("%d %s, %d stored", w.Code, w.Body, len(store.known))
			}
			if n := reserved(h.Pool); n != 0 {
				t.Errorf("%d bytes stay reserved", n)
			}
		})
	}
	h := newHandler(t, new(shelf), Limits{})
	post(t, h, strings.NewReader(oneEvent))
	if w := postTo(t, h, "?dryRun=true", "application/json", strings.NewReader(oneEvent)); !strings.Contains(w.Body.String(), `"status":"duplicate","receipt":"42","dryRun":true`) {
		t.Errorf("a dry run of what is stored: %s", w.Body)
	}
	h = newHandler(t, &shelf{err: impact.Errorf(impact.CodeUnavailable, "away")}, Limits{})
	if w := postTo(t, h, "?dryRun=true", "application/json", strings.NewReader(oneEvent)); w.Code != 503 {
		t.Errorf("a dry run without a database: %d %s", w.Code, w.Body)
	}
}
