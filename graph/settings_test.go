package graph_test

import (
	"strings"
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func admin(c *graph.Config) { c.Viewer = as(key{scopes: "read,admin"}) }

const settingsFields = `settings { version at hourlyValue timeZone weekStart fiscalYearStart minGroup sroiMethodology visMethodology
	activityWeights { match eventAttended skillShare feedback milestone checkin } visWeights { hours quality outcomeLift placement }
	programmeCosts { id programme from to amount note } } settingsHistory { name validFrom value }`

func TestSettings(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	chosen := &impact.Settings{Version: 4, MinGroup: 10, Calendar: m.companies[0].Calendar, Costs: []impact.ProgrammeCost{
		{ID: 3, Programme: "*", Range: impact.Range{From: impact.Date(2025, 1, 1), To: impact.Date(2025, 2, 1)}, Amount: number(1200), Note: "rent"},
		{ID: 5, Programme: "buddy", Range: impact.Range{From: impact.Date(2025, 1, 1), To: impact.Date(2025, 1, 2)}, Amount: number(1)},
	}}
	rate := "40"
	for _, v := range []impact.SettingVersion{{Name: "hourlyValue", From: impact.Date(2025, 6, 1), Value: &rate}, {Name: "hourlyValue", From: impact.Date(2026, 1, 1)}} {
		if err := chosen.AddVersion(v); err != nil {
			t.Fatal(err)
		}
	}
	m.settings = map[impact.CompanyID]*impact.Settings{1: chosen}
	a := serve(m)
	res := a.query(t, `{ companies { nodes { `+settingsFields+` early: settings(at: "2022-05-31") { at hourlyValue } } } }`, nil)
	wantCodes(t, res)
	res.want(t, `{"version":4,"at":"2025-11-13","hourlyValue":"40.00","timeZone":"UTC","weekStart":"MONDAY","fiscalYearStart":4,"minGroup":10,
		"sroiMethodology":"teei-1.0","visMethodology":"teei-vis-1.0",
		"activityWeights":{"match":"10.00","eventAttended":"5.00","skillShare":"15.00","feedback":"8.00","milestone":"20.00","checkin":"3.00"},
		"visWeights":{"hours":0.3,"quality":0.3,"outcomeLift":0.25,"placement":0.15},
		"programmeCosts":[{"id":"3","programme":null,"from":"2025-01-01","to":"2025-01-31","amount":"1200.00","note":"rent"},
			{"id":"5","programme":"buddy","from":"2025-01-01","to":"2025-01-01","amount":"1.00","note":""}]}`, "companies", "nodes", 0, "settings")
	res.want(t, `[{"name":"hourlyValue","validFrom":"2025-06-01","value":"40"},{"name":"hourlyValue","validFrom":"2026-01-01","value":null}]`,
		"companies", "nodes", 0, "settingsHistory")
	res.want(t, `{"at":"2022-05-31","hourlyValue":"31.80"}`, "companies", "nodes", 0, "early")
	res.want(t, `"29.95"`, "companies", "nodes", 1, "settings", "hourlyValue")
	if n := m.calls["Settings"]; n != 1 {
		t.Errorf("Settings was called %d times for two companies and three fields", n)
	}
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	const fields = `edges { cursor node { actor setting version } } pageInfo { hasNextPage endCursor }`
	wantCodes(t, serve(m).query(t, `{ company(key: "c001") { auditLog { `+fields+` } } }`, nil), "FORBIDDEN")
	a := serve(m, admin)
	res := a.query(t, `{ companies { nodes { auditLog(first: 2) { `+fields+` } } } }`, nil)
	wantCodes(t, res)
	res.want(t, `{"edges":[{"cursor":"`+model.Cursor("3")+`","node":{"actor":"key 2","setting":"minGroup","version":3}},
		{"cursor":"`+model.Cursor("2")+`","node":{"actor":"key 2","setting":"minGroup","version":2}}],
		"pageInfo":{"hasNextPage":true,"endCursor":"`+model.Cursor("2")+`"}}`, "companies", "nodes", 1, "auditLog")
	if n := m.calls["AuditLog"]; n != 1 {
		t.Errorf("AuditLog was called %d times for two companies", n)
	}
	res = a.query(t, `{ company(key: "c001") { auditLog(first: 2, after: "`+model.Cursor("2")+`") { nodes { version } pageInfo { hasNextPage } } } }`, nil)
	res.want(t, `{"nodes":[{"version":1}],"pageInfo":{"hasNextPage":false}}`, "company", "auditLog")
	wantCodes(t, a.query(t, `{ company(key: "c001") { auditLog(after: "`+model.Cursor("x")+`") { nodes { at } } } }`, nil), "INVALID")
}

func TestUpdateSettings(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	update := `mutation($in: SettingsInput!, $v: Int) { updateSettings(company: "c001", input: $in, expectedVersion: $v) { version at } }`
	in := map[string]any{
		"hourlyValue":          map[string]any{"value": "31.80", "validFrom": "2030-01-01"},
		"activityWeights":      map[string]any{"match": 12.5},
		"visWeights":           map[string]any{"hours": 0.4, "quality": "0.3", "outcomeLift": 0.2, "placement": 0.1, "validFrom": "2025-01-01"},
		"sroiMethodology":      map[string]any{"id": nil},
		"removeVersions":       []any{map[string]any{"name": "hourlyValue", "validFrom": "2024-01-01"}},
		"addProgrammeCosts":    []any{map[string]any{"from": "2025-01-01", "to": "2025-12-31", "amount": "5000", "programme": "buddy"}},
		"timeZone":             "Europe/Oslo",
		"weekStart":            "SUNDAY",
		"fiscalYearStart":      4,
		"minGroup":             10,
		"visMethodology":       map[string]any{"id": "teei-vis-1.0"},
		"removeProgrammeCosts": []any{"3"},
	}
	res := serve(m, admin).query(t, update, map[string]any{"in": in, "v": 7})
	wantCodes(t, res)
	res.want(t, `{"version":8,"at":"2025-11-13"}`, "updateSettings")
	var got []string
	for _, c := range m.edits[0].Changes {
		line := string(c.Name)
		if c.From != nil {
			line += " from " + c.From.String()
		}
		if c.Value != nil {
			line += " = " + *c.Value
		}
		if c.Remove {
			line += " removed"
		}
		if c.Cost != nil {
			line += " " + c.Cost.Programme + " " + c.Cost.Amount.String()
		}
		got = append(got, line)
	}
	want := `hourlyValue from 2030-01-01 = 31.8
activityWeights from 2025-11-13 = match=12.5,eventAttended=5,skillShare=15,feedback=8,milestone=20,checkin=3
visWeights from 2025-01-01 = hours=0.4,quality=0.3,outcomeLift=0.2,placement=0.1
sroiMethodology from 2025-11-13
visMethodology from 2025-11-13 = teei-vis-1.0
hourlyValue from 2024-01-01 removed
programmeCost * 5000
programmeCost removed  0
timeZone = Europe/Oslo
weekStart = SUNDAY
fiscalYearStart = 4
minGroup = 10`
	want = strings.Replace(want, "programmeCost * 5000", "programmeCost buddy 5000", 1)
	if strings.Join(got, "\n") != want || m.edits[0].By != "key 1 (test)" {
		t.Errorf("%s changed\n%s\nwant\n%s", m.edits[0].By, strings.Join(got, "\n"), want)
	}

	res = serve(m, admin).query(t, update, map[string]any{"in": map[string]any{"minGroup": 6}, "v": 3})
	wantCodes(t, res, "CONFLICT")
	if !strings.Contains(res.Body, `"version":7`) {
		t.Errorf("the conflict does not tell the version: %s", res.Body)
	}
	wantCodes(t, serve(m).query(t, update, map[string]any{"in": map[string]any{}}), "FORBIDDEN")
	other := func(c *graph.Config) { c.Viewer = as(key{ids: []impact.CompanyID{2}, scopes: "read,admin"}) }
	wantCodes(t, serve(m, other).query(t, update, map[string]any{"in": map[string]any{}}), "FORBIDDEN")

	edits := len(m.edits)
	for pointer, in := range map[string]any{
		"/input/minGroup":               map[string]any{"minGroup": 2},
		"/input/visWeights":             map[string]any{"visWeights": map[string]any{"hours": 1, "quality": 1, "outcomeLift": 0, "placement": 0}},
		"/input/visWeights/validFrom":   map[string]any{"visWeights": map[string]any{"hours": 1, "quality": 0, "outcomeLift": 0, "placement": 0, "validFrom": "2026-01-01"}},
		"/input/hourlyValue/value":      map[string]any{"hourlyValue": map[string]any{"value": "-3"}},
		"/input/addProgrammeCosts/0/to": map[string]any{"addProgrammeCosts": []any{map[string]any{"from": "2025-02-01", "to": "2025-01-01", "amount": "1"}}},
		"/input/removeVersions/0":       map[string]any{"removeVersions": []any{map[string]any{"name": "x", "validFrom": "2025-01-01"}}},
		"/input/removeProgrammeCosts/0": map[string]any{"removeProgrammeCosts": []any{"x"}},
		"/input/sroiMethodology/id":     map[string]any{"sroiMethodology": map[string]any{"id": "x"}},
		"/input/peerGroup/group":        map[string]any{"peerGroup": map[string]any{"group": "a b"}},
		"/input/timeZone":               map[string]any{"timeZone": "Mars/Olympus"},
	} {
		res := serve(m, admin).query(t, update, map[string]any{"in": in})
		wantCodes(t, res, "INVALID")
		if got := res.Errors[0].Extensions.Pointer; got != pointer {
			t.Errorf("pointer %q, want %q: %s", got, pointer, res.Errors[0].Message)
		}
	}
	for _, in := range []any{
		map[string]any{"hourlyValue": map[string]any{"value": "1e999999999"}}, map[string]any{"hourlyValue": map[string]any{"value": true}},
		map[string]any{"hourlyValue": map[string]any{"validFrom": "soon"}}, map[string]any{"weekStart": "SOMEDAY"},
	} {
		if res := serve(m, admin).query(t, update, map[string]any{"in": in}); len(res.Errors) == 0 {
			t.Errorf("%v was taken: %s", in, res.Body)
		}
	}
	if len(m.edits) != edits {
		t.Errorf("%d edits of what is invalid", len(m.edits)-edits)
	}
}
