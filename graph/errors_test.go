package graph_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

func TestArgumentErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fields    string
		variables map[string]any
		code      string
		message   string // a part of it
	}{
		{`metrics(period: "2025-13") { events }`, nil, "INVALID", "2025-Q1"},
		{`metrics(period: "") { events }`, nil, "INVALID", "leave it out"},
		{`metrics(period: 2025) { events }`, nil, "INVALID", "Period"},
		{`metrics(period: $period) { events }`, map[string]any{"period": "yesterday"}, "INVALID", "yesterday"},
		{`metrics(period: $period) { events }`, map[string]any{"period": 2025}, "INVALID", "Period"},
		{`metrics(programme: "*") { events }`, nil, "INVALID", "programme"},
		{`metrics(programme: "") { events }`, nil, "INVALID", "programme"},
		{`sroi(methodology: "svi-2013") { ratio }`, nil, "INVALID", "teei-1.0"},
		{`vis(methodology: "teei-1.0") { score }`, nil, "INVALID", "teei-vis-1.0"},
		{`cohorts(first: 0) { nodes { key } }`, nil, "INVALID", "1 to 100"},
		{`cohorts(first: 101) { nodes { key } }`, nil, "INVALID", "1 to 100"},
		{`cohorts(first: 3000000000) { nodes { key } }`, nil, "INVALID", "whole number"},
		{`cohorts(after: "?") { nodes { key } }`, nil, "INVALID", "cursor"},
		{`cohorts(after: "") { nodes { key } }`, nil, "INVALID", "cursor"},
		{`cohort(key: "") { key }`, nil, "NOT_FOUND", "Cohort"},
		{`cohort(key: "a\u0000b") { key } all: cohort(key: "all") { key }`, nil, "NOT_FOUND", "Cohort"},
		{`cohort(key: "` + strings.Repeat("x", 1001) + `") { key }`, nil, "NOT_FOUND", "Cohort"},
		{`timeSeries(period: "1970-01-01/2199-12-31", interval: DAY) { start }`, nil, "TOO_LARGE", "1000 points"},
		{`timeSeries(interval: HOUR) { start }`, nil, "GRAPHQL_VALIDATION_FAILED", "HOUR"},
		{`nonsense`, nil, "GRAPHQL_VALIDATION_FAILED", "nonsense"},
		{`metrics { events`, nil, "GRAPHQL_PARSE_FAILED", "Expected"},
		{`cohorts(first: 99999999999999999999) { nodes { key } }`, nil, "GRAPHQL_VALIDATION_FAILED", "32-bit"},
	} {
		api := serve(newMemory(1))
		res := api.query(t, `query($period: Period) { company(key: "c001") { `+c.fields+
			` x: metrics(period: $period) @skip(if: true) { events } key } }`, c.variables)
		if got := res.codes(); !slices.Equal(got, []string{c.code}) || !strings.Contains(res.Errors[0].Message, c.message) {
			t.Errorf("%s: %d %s", c.fields, res.Status, res.Body)
		}
		if protocol := strings.HasPrefix(c.code, "GRAPHQL_"); protocol == (res.Status == http.StatusOK) {
			t.Errorf("%s: status %d", c.fields, res.Status)
		} else if !protocol {
			res.want(t, `"c001"`, "company", "key") // its neighbours stay
		}
	}
}

func TestVariableErrors(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	for query, c := range map[string]struct {
		variables map[string]any
		message   string
	}{
		`query($n: Int) { companies(first: $n) { nodes { key } } }`:                       {map[string]any{"n": "many"}, "n of the variables cannot use string as Int"},
		`query($k: ID!) { company(key: $k) { key } }`:                                     {nil, "k of the variables must be defined"},
		`query($k: ID!) { company(key: $k) { name } }`:                                    {map[string]any{"k": nil}, "k of the variables cannot be null"},
		`query($k: ID!) { company(key: $k) { key name } }`:                                {map[string]any{"k": map[string]any{"a": 1}}, "k of the variables "},
		`query A { companies { nodes { key } } } query B { companies { nodes { key } } }`: {nil, "operationName"},
		`# nothing`:            {nil, "query"},
		`mutation { drop }`:    {nil, "drop"},
		`subscription { all }`: {nil, "subscription"},
	} {
		res := api.query(t, query, c.variables)
		if len(res.Errors) == 0 || res.codes()[0] != "GRAPHQL_VALIDATION_FAILED" || res.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", query, res.Status, res.Body)
		} else if !strings.Contains(res.Errors[0].Message, c.message) {
			t.Errorf("%s: %q does not say %q", query, res.Errors[0].Message, c.message)
		}
	}
}

// What is shown of a failing reader, and what is logged.
func TestReaderErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		code    string
		message string
		logged  string
	}{
		"internal": {fmt.Errorf("read tallies: %w", errors.New("pq: secret relation")), "INTERNAL", "request id", "secret relation"},
		"away": {fmt.Errorf("read tallies: pq: gone: %w", impact.Errorf(impact.CodeUnavailable, "the database is away; retry")),
			"UNAVAILABLE", "the database is away", "pq: gone"},
		"timeout":   {fmt.Errorf("read: %w", context.DeadlineExceeded), "UNAVAILABLE", "too long", "deadline"},
		"cancelled": {fmt.Errorf("read: %w", context.Canceled), "UNAVAILABLE", "cancelled", "level=INFO"},
		"told":      {impact.Errorf(impact.CodeInvalid, "try this"), "INVALID", "try this", ""},
		"pointed":   {&impact.Error{Code: impact.CodeInvalid, Pointer: "/a", Message: "try that"}, "INVALID", "try that", ""},
	} {
		for _, call := range []string{"CompanyPage", "Figures", "Cohorts", "Departments", "Active"} {
			m := newMemory(3)
			m.fail = func(called string) error {
				if called == call {
					return c.err
				}
				return nil
			}
			api := serve(m)
			res := api.query(t, strings.Replace(overviewOfAll, "id key name", "id key name m: metrics { events }", 1), nil)
			if len(res.Errors) == 0 {
				t.Fatalf("%s of %s: no error", name, call)
			}
			for _, e := range res.Errors {
				if e.Extensions.Code != c.code || !strings.Contains(e.Message, c.message) || e.Path == nil {
					t.Errorf("%s of %s: %v", name, call, e)
				}
				if p := e.Extensions.Pointer; (p == "/a") != (name == "pointed") {
					t.Errorf("%s of %s: pointer %q", name, call, p)
				}
			}
			log := api.log.String()
			if strings.Contains(res.Body, "pq:") || !strings.Contains(log, c.logged) || strings.Count(log, "\n") != min(len(c.logged), 1) {
				t.Errorf("%s of %s: answer %s\nlog %s", name, call, res.Body, log)
			}
			if c.logged != "" && (!strings.Contains(log, "operation=Overview") || !strings.Contains(log, "path=companies")) {
				t.Errorf("%s of %s: log %s", name, call, log)
			}
			if call == "Cohorts" {
				res.want(t, `{"events":2}`, "companies", "edges", 1, "node", "m")
			}
		}
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Companies", "CompanyPage", "Figures", "Cohorts"} {
		m := newMemory(1)
		m.fail = func(called string) error {
			if called == call {
				panic("a secret")
			}
			return nil
		}
		api := serve(m)
		res := api.query(t, `{ company(key: "c001") { metrics { events } cohort(key: "all") { key } } companies { nodes { key } } }`, nil)
		log := api.log.String()
		if len(res.Errors) != 1 || res.codes()[0] != "INTERNAL" || strings.Contains(res.Body, "secret") {
			t.Errorf("%s: %s", call, res.Body)
		}
		if !strings.Contains(log, "a secret") || !strings.Contains(log, "fake_test.go") || strings.Count(log, "\n") != 1 {
			t.Errorf("%s: log %s", call, log)
		}
	}
}

// A reader that answers with too few would put figures under the wrong company.
type miscounting struct{ *memory }

func (m miscounting) Figures(ctx context.Context, questions []impact.Question) ([]*impact.Figures, error) {
	answers, err := m.memory.Figures(ctx, questions)
	return answers[1:], err
}

func TestMiscountingReader(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	api := serve(m, func(c *graph.Config) { c.Reader = miscounting{m} })
	res := api.query(t, `{ companies { nodes { metrics { events } } } }`, nil)
	wantCodes(t, res, "INTERNAL", "INTERNAL")
	res.want(t, `[{"metrics":null},{"metrics":null}]`, "companies", "nodes")
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	m := newMemory(1)
	var deadline time.Duration
	api := serve(m, func(c *graph.Config) {
		c.Timeout = time.Minute
		c.Reader = waiting{m, &deadline}
	})
	res := api.query(t, `{ companies { nodes { metrics { events } } } }`, nil)
	wantCodes(t, res, "UNAVAILABLE")
	if deadline < 59*time.Second || deadline > time.Minute {
		t.Errorf("the reader had %s, want a minute", deadline)
	}
}

// waiting is a reader that notes how long it may take, and takes it.
type waiting struct {
	*memory
	had *time.Duration
}

func (w waiting) Figures(ctx context.Context, _ []impact.Question) ([]*impact.Figures, error) {
	at, _ := ctx.Deadline()
	*w.had = time.Until(at)
	return nil, context.DeadlineExceeded
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	const ok = `{"query":"{ company(key: \"c001\") { key } }"}`
	get := func(values url.Values) *http.Request {
		return httptest.NewRequest(http.MethodGet, "/graphql?"+values.Encode(), nil)
	}
	with := func(r *http.Request, name, value string) *http.Request { r.Header.Set(name, value); return r }
	for name, c := range map[string]struct {
		request *http.Request
		change  func(*graph.Config)
		status  int
		code    string
	}{
		"post":             {request: post(ok), status: 200},
		"charset":          {request: with(post(ok), "Content-Type", "application/json; charset=utf-8"), status: 200},
		"upgrade":          {request: with(post(ok), "Upgrade", "h2c"), status: 200},
		"get":              {request: get(url.Values{"query": {`query($k: ID!) { company(key: $k) { key } }`}, "variables": {`{"k":"c001"}`}}), status: 200},
		"get variables":    {request: get(url.Values{"query": {`{ company(key: "c001") { key } }`}, "variables": {`{`}}), status: 400, code: "BAD_JSON"},
		"get nothing":      {request: get(nil), status: 422, code: "GRAPHQL_VALIDATION_FAILED"},
		"no JSON":          {request: post(`{"query":`), status: 400, code: "BAD_JSON"},
		"empty":            {request: post(``), status: 400, code: "BAD_JSON"},
		"batch":            {request: post(`[` + ok + `]`), status: 400, code: "BAD_JSON"},
		"wrong type":       {request: post(`{"query":1}`), status: 400, code: "BAD_JSON"},
		"no query":         {request: post(`{}`), status: 422, code: "GRAPHQL_VALIDATION_FAILED"},
		"text":             {request: with(post(ok), "Content-Type", "text/plain"), status: 415, code: "UNSUPPORTED_TYPE"},
		"gzip":             {request: with(post(ok), "Content-Encoding", "gzip"), status: 415, code: "UNSUPPORTED_TYPE"},
		"form":             {request: with(post(ok), "Content-Type", "multipart/form-data; boundary=x"), status: 415, code: "UNSUPPORTED_TYPE"},
		"put":              {request: httptest.NewRequest(http.MethodPut, "/graphql", nil), status: 405, code: "INVALID"},
		"nobody":           {request: post(ok), change: func(c *graph.Config) { c.Viewer = as(nil) }, status: 401, code: "UNAUTHENTICATED"},
		"no scope":         {request: post(ok), change: func(c *graph.Config) { c.Viewer = as(key{scopes: "ingest"}) }, status: 403, code: "FORBIDDEN"},
		"response":         {request: with(post(ok), "Accept", "application/graphql-response+json"), status: 200},
		"response refused": {request: with(post(`{"query":"{"}`), "Accept", "application/graphql-response+json"), status: 400, code: "GRAPHQL_PARSE_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.change == nil {
				c.change = func(*graph.Config) {}
			}
			res := serve(newMemory(1), c.change).do(t, c.request)
			if got := strings.Join(res.codes(), ","); res.Status != c.status || got != c.code {
				t.Errorf("%d %q, want %d %q: %s", res.Status, got, c.status, c.code, res.Body)
			}
			want := "application/json"
			if strings.HasPrefix(name, "response") {
				want = "application/graphql-response+json"
			}
			if got := res.Header.Get("Content-Type"); got != want {
				t.Errorf("Content-Type %q", got)
			}
			if c.code == "" {
				res.want(t, `{"company":{"key":"c001"}}`)
			} else if strings.Contains(res.Body, "body:") {
				t.Errorf("the body comes back: %s", res.Body)
			}
		})
	}
}
