package graph_test

import (
	"testing"

	"github.com/impactql/impactql/impact"
)

const restatementsQuery = `query ($since: DateTime!, $after: String) { companies(first: 2) { nodes { restatements(since: $since, first: 2, after: $after) {
	until erasedSince pageInfo { hasNextPage endCursor } edges { cursor }
	nodes { start end figure before now difference reasons eventCount
		events { reason id receipt kind type programme occurredAt storedAt } } } } } }`

// A list is paged as it was when its first page was read, one call for all companies.
func TestRestatements(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(2))
	since := map[string]any{"since": "2025-06-01T00:00:00+02:00"}
	res := api.query(t, restatementsQuery, since)
	wantCodes(t, res)
	event := func(at string) string {
		return `[{"reason":"LATE","id":"ab000000-0000-0000-0000-000000000002","receipt":"77","kind":"session.completed","type":"kintell.session",
			"programme":"buddy","occurredAt":"` + at + `T00:00:00Z","storedAt":"2025-11-01T02:03:04.000567Z"}]`
	}
	res.want(t, `[
		{"start":"2025-01-01","end":"2025-01-31","figure":"SROI_RATIO","before":null,"now":0,"difference":null,"reasons":["LATE","SETTINGS"],
			"eventCount":30,"events":`+event("2025-01-01")+`},
		{"start":"2025-02-01","end":"2025-02-28","figure":"SROI_RATIO","before":0.5,"now":0.1,"difference":-0.4,"reasons":["LATE","SETTINGS"],
			"eventCount":30,"events":`+event("2025-02-01")+`}]`, "companies", "nodes", 1, "restatements", "nodes")
	res.want(t, `true`, "companies", "nodes", 1, "restatements", "pageInfo", "hasNextPage")
	if api.calls["Restatements"] != 1 || len(api.restated) != 2 {
		t.Errorf("%d calls for %d companies", api.calls["Restatements"], len(api.restated))
	}

	end := res.at("companies", "nodes", 1, "restatements", "pageInfo", "endCursor")
	since["after"] = end
	next := api.query(t, restatementsQuery, since)
	wantCodes(t, next)
	next.want(t, `false`, "companies", "nodes", 1, "restatements", "pageInfo", "hasNextPage")
	next.want(t, `"2025-03-01"`, "companies", "nodes", 1, "restatements", "nodes", 0, "start")
	if next.at("companies", "nodes", 1, "restatements", "nodes", 1) != nil {
		t.Error("more than is left")
	}
	if until := api.restated[2].Until; until == 0 || until.String() != res.at("companies", "nodes", 1, "restatements", "until") {
		t.Errorf("the second page is until %s", until)
	}

	for _, after := range []string{"nonsense", "MQ"} {
		since["after"] = after
		wantCodes(t, api.query(t, restatementsQuery, since), "INVALID", "INVALID")
	}
	since["after"], since["since"] = end, "2025-11-13T10:00:00Z" // not before the cursor's instant
	wantCodes(t, api.query(t, restatementsQuery, since), string(impact.CodeInvalid), string(impact.CodeInvalid))
}
