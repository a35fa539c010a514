package graph_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/impactql/impactql/graph"
)

// Each company of the fake has as many participants as its id says, with 0, 1, 2, ...
// hours.
func TestConfidence(t *testing.T) {
	t.Parallel()
	m := newMemory(9)
	res := serve(m, func(c *graph.Config) { c.Viewer = as(key{scopes: "read,people"}) }).query(t, `{ companies { nodes { key
		student: confidence(of: HOURS_PER_PARTICIPANT, method: DELTA) { suppressed participants ratio shape unbounded low high method level }
		fieller: confidence(of: HOURS_PER_PARTICIPANT, method: FIELLER, level: 0.8) { low high level }
		drawn: confidence(of: HOURS_PER_PARTICIPANT, method: BOOTSTRAP, seed: 3, draws: 500) { ratio shape method }
		again: confidence(of: HOURS_PER_PARTICIPANT, method: BOOTSTRAP, seed: 3, draws: 500) { low high }
		none: confidence(of: MEAN_RATING) { participants ratio shape unbounded low high } } } }`, nil)
	wantCodes(t, res)
	// 0..8: mean 4, standard deviation 2.7386, t of 8 degrees 2.3060 and 1.3968.
	res.want(t, `{"key":"c009",
		"student":{"suppressed":false,"participants":9,"ratio":4,"shape":"BOUNDED","unbounded":false,"low":1.8949,"high":6.1051,"method":"DELTA","level":0.95},
		"fieller":{"low":2.7249,"high":5.2751,"level":0.8},
		"drawn":{"ratio":4,"shape":"BOUNDED","method":"BOOTSTRAP"},
		"again":{"low":2.2985,"high":5.5556},
		"none":{"participants":0,"ratio":null,"shape":"NONE","unbounded":false,"low":null,"high":null}}`, "companies", "nodes", 8)
	res.want(t, `{"suppressed":true,"participants":null,"ratio":null,"shape":"NONE","unbounded":false,"low":null,"high":null,"method":"DELTA","level":0.95}`,
		"companies", "nodes", 3, "student")
	if n := m.calls["Confidences"]; n != 1 {
		t.Errorf("Confidences was called %d times", n)
	}
}

// The ends of an interval that is drawn are ratios of draws that a reader can repeat, so that a few seeds
// tell what each participant adds.
func TestDrawnIntervalsNeedPeople(t *testing.T) {
	t.Parallel()
	for args, codes := range map[string][]string{
		`method: DELTA`: nil, `method: FIELLER`: nil, `seed: 2`: nil, `method: BOOTSTRAP`: {"FORBIDDEN"}, `method: PERCENTILE`: {"FORBIDDEN"},
	} {
		for scopes, want := range map[string][]string{"read": codes, "read,people": nil} {
			api := serve(newMemory(9), func(c *graph.Config) { c.Viewer = as(key{scopes: scopes}) })
			wantCodes(t, api.query(t, `{ company(key: "c009") { confidence(of: HOURS_PER_PARTICIPANT, `+args+`) { low } } }`, nil), want...)
		}
	}
}

func TestConfidenceOutOfBounds(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]struct{ code, message string }{
		`level: 1`:                 {"INVALID", "level"},
		`level: 0.2`:               {"INVALID", "level"},
		`draws: 99`:                {"INVALID", "draws"},
		`draws: 100001`:            {"INVALID", "draws"},
		`seed: -1`:                 {"INVALID", "seed"},
		`programme: "a b"`:         {"INVALID", "programme"},
		`period: "soon"`:           {"INVALID", "period"},
		`method: GUESS`:            {"GRAPHQL_VALIDATION_FAILED", "GUESS"},
		`level: null, draws: null`: {"INVALID", "level"},
	} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { key confidence(of: SROI, `+args+`) { low } } }`, nil)
		if got := res.codes(); !slices.Equal(got, []string{want.code}) || !strings.Contains(res.Errors[0].Message, want.message) {
			t.Errorf("%s: %d %s", args, res.Status, res.Body)
		}
	}
}
