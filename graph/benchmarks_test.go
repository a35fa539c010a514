package graph_test

import (
	"testing"

	"github.com/impactql/impactql/impact"
)

func TestBenchmarks(t *testing.T) {
	t.Parallel()
	m := newMemory(3)
	group := "g"
	m.settings = map[impact.CompanyID]*impact.Settings{
		1: {PeerGroups: []impact.Dated[string]{{From: impact.Date(2020, 1, 1), Value: &group}}},
	}
	const fields = `key benchmark { others { participantCount } peerGroup suppressed peers takenAt
		figures { name value suppressed peers lowerQuartile median upperQuartile } }`
	res := serve(m).query(t, `{ companies(first: 2) { nodes {
		all: cohort(key: "all", period: "2025-Q1") { `+fields+` }
		sales: cohort(key: "Sales", period: "2025-Q1") { `+fields+` }
		tiny: cohort(key: "tiny", period: "2025-Q1") { benchmark { peers } }
		cohorts(first: 2, period: "2025-Q1") { nodes { benchmark { peers } } }
		open: cohort(key: "all", period: "2025-Q4") { key }
	} } }`, nil)
	wantCodes(t, res)
	res.want(t, `"g"`, "companies", "nodes", 0, "all", "benchmark", "peerGroup")
	res.want(t, `9`, "companies", "nodes", 0, "all", "benchmark", "peers")
	res.want(t, `"2025-11-13T10:00:00Z"`, "companies", "nodes", 0, "all", "benchmark", "takenAt")
	res.want(t, `{"name":"COMPLETION_RATE","value":0,"suppressed":false,"peers":9,"lowerQuartile":30,"median":50,"upperQuartile":70}`,
		"companies", "nodes", 0, "all", "benchmark", "figures", 0)
	res.want(t, `{"name":"SROI","value":null,"suppressed":true,"peers":null,"lowerQuartile":null,"median":null,"upperQuartile":null}`,
		"companies", "nodes", 0, "all", "benchmark", "figures", 3)
	res.want(t, `null`, "companies", "nodes", 0, "sales", "benchmark", "figures", 4, "value")
	res.want(t, `null`, "companies", "nodes", 0, "tiny", "benchmark")
	res.want(t, `9`, "companies", "nodes", 0, "cohorts", "nodes", 1, "benchmark", "peers")
	res.want(t, `{"others":null,"peerGroup":null,"suppressed":false,"peers":null,"takenAt":null,"figures":[]}`,
		"companies", "nodes", 1, "all", "benchmark")
	if n := m.calls["Benchmarks"]; n != 1 {
		t.Errorf("Benchmarks was called %d times", n)
	}
	for _, period := range []string{"2025-Q4", "2025-W10", "last-30d", "2025-03-01/2025-04-30"} {
		wantCodes(t, serve(m).query(t, `{ company(key: "c001") { cohort(key: "all", period: "`+period+`") { key benchmark { peers } } } }`, nil), "INVALID")
	}
	wantCodes(t, serve(m).query(t, `{ company(key: "c001") { cohort(key: "all", period: "2024", asOf: "2025-01-01T00:00:00Z") { benchmark { peers } } } }`, nil), "INVALID")
}
