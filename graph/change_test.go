package graph_test

import "testing"

const changes = `
	metrics(period: "2025-03", compareTo: PREVIOUS_PERIOD) { sessions change { start end
		sessions { base absolute relative } participants { base absolute relative } impactScore { absolute } } }
	sroi(period: "2025-03", compareTo: PREVIOUS_YEAR) { change { start end
		ratio { base absolute relative } investment { base absolute relative } socialValue { absolute } } }
	vis(period: "2025-W10", compareTo: PREVIOUS_PERIOD) { change { start end score { base absolute relative } } }
	timeSeries(period: "2025-01-10/2025-03-31", interval: MONTH, compareTo: PREVIOUS_PERIOD) {
		start metrics { sessions change { start end sessions { absolute } } } }
	plain: metrics(period: "2025-03") { change { start } }`

func TestChanges(t *testing.T) {
	t.Parallel()
	res := serve(newMemory(1)).query(t, `{ company(key: "c001") {`+changes+`} }`, nil)
	wantCodes(t, res)
	res.want(t, `{
		"metrics":{"sessions":31,"change":{"start":"2025-02-01","end":"2025-02-28",
			"sessions":{"base":28,"absolute":3,"relative":10.71},"participants":{"base":0,"absolute":0,"relative":null},
			"impactScore":{"absolute":0}}},
		"sroi":{"change":{"start":"2024-03-01","end":"2024-03-31","ratio":{"base":7.5,"absolute":0,"relative":0},
			"investment":{"base":"100.00","absolute":"0.00","relative":0},"socialValue":{"absolute":"0.00"}}},
		"vis":{"change":{"start":"2025-02-24","end":"2025-03-02","score":{"base":82.5,"absolute":0,"relative":0}}},
		"timeSeries":[
			{"start":"2025-01-10","metrics":{"sessions":22,"change":{"start":"2024-12-10","end":"2024-12-31","sessions":{"absolute":0}}}},
			{"start":"2025-02-01","metrics":{"sessions":28,"change":{"start":"2025-01-01","end":"2025-01-31","sessions":{"absolute":-3}}}},
			{"start":"2025-03-01","metrics":{"sessions":31,"change":{"start":"2025-02-01","end":"2025-02-28","sessions":{"absolute":3}}}}],
		"plain":{"change":null}}`, "company")
}

// A comparison is one more range of the same read, and a ratio that is not there has
// no change.
func TestChangesOfManyCompanies(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(2))
	res := api.query(t, `{ companies { nodes {`+changes+`} } }`, nil)
	wantCodes(t, res)
	if api.calls["Figures"] != 1 {
		t.Errorf("figures were read %d times", api.calls["Figures"])
	}
	res.want(t, `null`, "companies", "nodes", 1, "sroi", "change", "ratio")

	res = serve(newMemory(1)).query(t, `{ company(key: "c001") { key metrics(compareTo: PREVIOUS_YEAR) { events } } }`, nil)
	wantCodes(t, res, "INVALID")
}
