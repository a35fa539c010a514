package server

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/export"
)

// exported is an export as the test reads it back: text by column, absent where null.
type exported struct {
	columns []string
	rows    []map[string]string
}

func parseCSV(t *testing.T, body []byte) (e exported) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	e.columns = all[0]
	for _, fields := range all[1:] {
		row := make(map[string]string)
		for i, text := range fields {
			if text != "" {
				row[e.columns[i]] = strings.TrimPrefix(text, "'")
			}
		}
		e.rows = append(e.rows, row)
	}
	return e
}

func parseNDJSON(t *testing.T, body []byte) (e exported) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for d.More() {
		var object map[string]any
		if err := d.Decode(&object); err != nil {
			t.Fatal(err)
		}
		row := make(map[string]string)
		for name, v := range object {
			if text := textOf(v); text != "" {
				row[name] = text
			}
		}
		e.rows = append(e.rows, row)
	}
	return e
}

func parseXLSX(t *testing.T, body []byte) (e exported) {
	t.Helper()
	file, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := file.GetRows(file.GetSheetName(0), excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := file.GetRows(file.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	e.columns = all[0]
	for n, fields := range all[1:] {
		row := make(map[string]string)
		for i, text := range fields {
			if text == "" {
				continue
			}
			if is := shown[n+1][i]; is == "TRUE" || is == "FALSE" {
				text = strings.ToLower(is)
			}
			row[e.columns[i]] = text
		}
		e.rows = append(e.rows, row)
	}
	return e
}

// textOf is a value of JSON as a table has it, empty for null.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// exportCase is an export and the query that asks for the same.
type exportCase struct {
	path  string // behind /v1/export/
	query string // with %s where a page's cursor goes
	field string // of the query's answer, to the rows
	each  string
}

var exportCases = []exportCase{
	{"companies", `{ companies(first: 1 %s) { nodes { key name timeZone } pageInfo { hasNextPage endCursor } } }`, "companies", ""},
	{
		"methodologies", `{ methodologies { id title figure formula rounding source
			parameters { name meaning unit default range source } } }`, "methodologies", "parameters",
	},
	{"acme/metrics?period=2024&programme=buddy", `{ company(key: "acme") { metrics(period: "2024", programme: "buddy") {` + metricFields + `} } }`, "company.metrics", ""},
	{
		"acme/metrics?period=2024&compareTo=PREVIOUS_YEAR", `{ company(key: "acme") { metrics(period: "2024", compareTo: PREVIOUS_YEAR) {` + metricFields +
			` change { start end sessions { base absolute relative } } } } }`, "company.metrics", "",
	},
	{"acme/sroi?period=2024", `{ company(key: "acme") { sroi(period: "2024") { erasedSince ` + sroiFields + `} } }`, "company.sroi", ""},
	{
		"acme/sroi?period=2024&methodology=teei-npv-1.0&whatIf=" + url.QueryEscape(`{"wageLift":"1200.50","cost":"900"}`),
		`{ company(key: "acme") { sroi(period: "2024", methodology: "teei-npv-1.0", whatIf: { wageLift: "1200.50", cost: "900" }) {` + sroiFields + `} } }`, "company.sroi", "",
	},
	{
		"acme/sroi-parameters?period=2024", `{ company(key: "acme") { sroi(period: "2024") { methodology { id }
			parameters { name meaning value unit source overridden } } } }`, "company.sroi", "parameters",
	},
	{
		"acme/sensitivity?period=2024&change=0.1", `{ company(key: "acme") { sroi(period: "2024") { sensitivity { oneWay(change: 0.1, first: 100) {
			variable label value low high ratioAtLow ratioAtHigh swing } } } } }`, "company.sroi.sensitivity.oneWay", "",
	},
	{
		"acme/break-even?period=2024&target=2", `{ company(key: "acme") { sroi(period: "2024") { sensitivity { breakEven(target: 2, first: 100) {
			variable label value status breakEven } } } } }`, "company.sroi.sensitivity.breakEven", "",
	},
	{
		"acme/confidence?of=SROI&period=2024&method=DELTA", `{ company(key: "acme") { confidence(of: SROI, period: "2024", method: DELTA) {
			suppressed participants ratio shape unbounded low high method level } } }`, "company.confidence", "",
	},
	{"acme/vis?period=2024", `{ company(key: "acme") { vis(period: "2024") { erasedSince ` + visFields + `} } }`, "company.vis", ""},
	{
		"acme/series?period=2023-01-01/2024-12-31", `{ company(key: "acme") { timeSeries(period: "2023-01-01/2024-12-31", interval: MONTH) { start end metrics {` + metricFields +
			`} sroi {` + sroiFields + `} vis {` + visFields + `} } } }`, "company.timeSeries", "",
	},
	{
		"acme/series?interval=WEEK&period=2024-03&programme=mentoring&compareTo=PREVIOUS_PERIOD",
		`{ company(key: "acme") { timeSeries(period: "2024-03", programme: "mentoring", interval: WEEK, compareTo: PREVIOUS_PERIOD) { start end
			metrics { sessions change { start volunteerHours { base absolute relative } } } sroi { investment change { investment { absolute } } }
			vis { change { score { base } } } } } }`, "company.timeSeries", "",
	},
	{
		"acme/cohorts?period=2024", `{ company(key: "acme") { cohorts(first: 2, period: "2024" %s) { nodes { key name suppressed participantCount completionRate
			sroi { ratio investment socialValue status methodology { id } } vis { score methodology { id } } } pageInfo { hasNextPage endCursor } } } }`, "company.cohorts", "",
	},
	{
		"acme/restatements?since=2024-01-01T00:00:00Z", `{ company(key: "acme") { restatements(first: 7, since: "2024-01-01T00:00:00Z" %s) { nodes {
			start end figure before now difference reasons eventCount } pageInfo { hasNextPage endCursor } } } }`, "company.restatements", "",
	},
	{"acme/series?period=2023&asOf=2024-01-01T00:00:00Z&interval=QUARTER", `{ company(key: "acme") { timeSeries(period: "2023", interval: QUARTER,
		asOf: "2024-01-01T00:00:00Z") { start end metrics { events erasedSince } } } }`, "company.timeSeries", ""},
	{
		"acme/retention?period=2024-Q1&intervals=4&programme=buddy", `{ company(key: "acme") { retention(period: "2024-Q1", intervals: 4, programme: "buddy") {
			rows { start end suppressed size retained withheld rates } } } }`, "company.retention.rows", "retained,withheld,rates",
	},
	{
		"acme/retention?period=2023&interval=QUARTER&mode=BRACKET&brackets=1,2", `{ company(key: "acme") { retention(period: "2023", interval: QUARTER, mode: BRACKET, brackets: [1, 2]) {
			rows { start end suppressed size retained withheld rates } } } }`, "company.retention.rows", "retained,withheld,rates",
	},
	{
		"acme/funnel?period=2023&steps=ENROLMENT,SESSION:buddy,FEEDBACK&window=200", `{ company(key: "acme") { funnel(period: "2023", window: 200,
			steps: [{ activity: ENROLMENT }, { activity: SESSION, programme: "buddy" }, { activity: FEEDBACK }]) { steps {
			activity programme suppressed people conversion medianDays } } } }`, "company.funnel.steps", "",
	},
	{
		"acme/volunteers?period=2024", `{ company(key: "acme") { volunteers(first: 7, orderBy: FIRST_SEEN, period: "2024" %s) { nodes { key hours sessions participantsMet
			vis {` + visFields + `} programmes } pageInfo { hasNextPage endCursor } } } }`, "company.volunteers", "",
	},
	{
		"acme/volunteers?period=2024&orderBy=VIS&programme=buddy", `{ company(key: "acme") { volunteers(first: 7, orderBy: VIS, period: "2024", programme: "buddy" %s) { nodes {
			key hours vis { score } } pageInfo { hasNextPage endCursor } } } }`, "company.volunteers", "",
	},
	{
		"acme/volunteer-months?period=2024", `{ company(key: "acme") { volunteers(first: 7, orderBy: FIRST_SEEN, period: "2024" %s) { nodes { key
			months { month hours sessions participantsMet } } pageInfo { hasNextPage endCursor } } } }`, "company.volunteers", "months",
	},
	{
		"acme/participants", `{ company(key: "acme") { participants(first: 7, orderBy: FIRST_SEEN %s) { nodes { key hours volunteersMet ratings meanRating programmes }
			pageInfo { hasNextPage endCursor } } } }`, "company.participants", "",
	},
	{
		"acme/participant-months", `{ company(key: "acme") { participants(first: 7, orderBy: FIRST_SEEN %s) { nodes { key months { month hours } }
			pageInfo { hasNextPage endCursor } } } }`, "company.participants", "months",
	},
	{
		"acme/assessments", `{ company(key: "acme") { participants(first: 7, orderBy: FIRST_SEEN %s) { nodes { key assessments { dimension count first last } }
			pageInfo { hasNextPage endCursor } } } }`, "company.participants", "assessments",
	},
	{
		"acme/events", `{ company(key: "acme") { events(first: 100 %s) { nodes { verdict id receipt kind type programme participant volunteer session
			occurredAt receivedAt size body } pageInfo { hasNextPage endCursor } } } }`, "company.events", "",
	},
	{
		"acme/events?kind=outcome.assessed&programme=buddy&late=true", `{ company(key: "acme") { events(first: 9, filter: { kind: "outcome.assessed", programme: "buddy", late: true } %s) {
			nodes { id body } pageInfo { hasNextPage endCursor } } } }`, "company.events", "",
	},
	{
		"acme/restatement-events?since=2024-01-01T00:00:00Z", `{ company(key: "acme") { restatements(since: "2024-01-01T00:00:00Z", first: 60 %s) {
			nodes { start end figure events { reason id receipt kind type programme occurredAt storedAt } } pageInfo { hasNextPage endCursor } } } }`,
		"company.restatements", "events",
	},
	{
		"acme/rejects?status=REJECTED", `{ company(key: "acme") { rejects(first: 3, filter: { status: REJECTED } %s) { nodes { id status code message pointer source provider apiKey
			schemaVersion attempts firstReceivedAt lastReceivedAt dueAt settledAt receipt size body } pageInfo { hasNextPage endCursor } } } }`, "company.rejects", "",
	},
	{"acme/intake", `{ company(key: "acme") { intake { rejected quarantined replayed dismissed refused futureDated late unknownTypes conflicts } } }`, "company.intake", ""},
	{
		"acme/value-map", `{ company(key: "acme") { valueMap { outcomes { name stakeholder quantity bind { figure programme period } proxy source year evidenceGrade
			deadweight displacement attribution dropOff duration startYear } } } }`, "company.valueMap.outcomes", "",
	},
	{"acme/value-map-inputs", `{ company(key: "acme") { valueMap { inputs { name amount } } } }`, "company.valueMap.inputs", ""},
	{
		"acme/settings?at=2025-01-01", `{ company(key: "acme") { settings(at: "2025-01-01") { version at hourlyValue
			activityWeights { match eventAttended skillShare feedback milestone checkin } visWeights { hours quality outcomeLift placement }
			sroiMethodology visMethodology timeZone weekStart fiscalYearStart minGroup } } }`, "company.settings", "",
	},
	{"acme/settings-history", `{ company(key: "acme") { settingsHistory { name validFrom value } } }`, "company.settingsHistory", ""},
	{"acme/programme-costs", `{ company(key: "acme") { settings { programmeCosts { id programme from to amount note } } } }`, "company.settings.programmeCosts", ""},
	{
		"acme/audit-log", `{ company(key: "acme") { auditLog(first: 1 %s) { nodes { at actor setting validFrom from to version }
			pageInfo { hasNextPage endCursor } } } }`, "company.auditLog", "",
	},
	{"acme/sources", `{ sources(company: "acme") { key name scheme path createdAt disabledAt } }`, "sources", ""},
}

const (
	metricFields = ` events unmappedEvents sessions participants volunteers volunteerHours avgEngagement completionRate impactScore erasedSince `
	sroiFields   = ` ratio netRatio investment socialValue netPresentValue status methodology { id } improvements { dimension points } improvementMode baseline `
	visFields    = ` score band methodology { id } components { name score weight covered } `
)

// rowsOf asks GraphQL for all pages, and lays the answers out by the names of columns.
func (c *exportCase) rowsOf(t *testing.T, a *api) (rows []map[string]string) {
	t.Helper()
	for after := ""; ; {
		query := c.query
		if strings.Contains(query, "%s") {
			query = fmt.Sprintf(query, after)
		}
		g := a.query(t, query, nil).clean(t)
		var path []any
		for name := range strings.SplitSeq(c.field, ".") {
			path = append(path, name)
		}
		at := g.at(path...)
		connection, _ := at.(map[string]any)
		nodes, isConnection := connection["nodes"].([]any)
		if !isConnection {
			var isList bool
			if nodes, isList = at.([]any); !isList {
				nodes = []any{at}
			}
		}
		for _, node := range nodes {
			rows = append(rows, c.lay(node.(map[string]any))...)
		}
		info, _ := connection["pageInfo"].(map[string]any)
		if info["hasNextPage"] != true {
			return rows
		}
		after = fmt.Sprintf(", after: %q", info["endCursor"])
	}
}

// lay is the rows of a node.
func (c *exportCase) lay(node map[string]any) (rows []map[string]string) {
	lists := strings.Split(c.each, ",")
	if c.each == "" {
		row := make(map[string]string)
		leaves("", node, row)
		return []map[string]string{row}
	}
	items := make([][]any, len(lists))
	for i, list := range lists {
		items[i], _ = node[list].([]any)
		delete(node, list)
	}
	for n := range items[0] {
		row := make(map[string]string)
		leaves("", node, row)
		for i, list := range lists {
			leaves(list, items[i][n], row)
		}
		if len(lists) > 1 {
			row["column"] = fmt.Sprint(n)
		}
		rows = append(rows, row)
	}
	return rows
}

// leaves lays out what is below a value; lists of named items by their names.
func leaves(name string, v any, row map[string]string) {
	under := func(below string) string { return strings.TrimPrefix(name+"."+below, ".") }
	switch v := v.(type) {
	case map[string]any:
		for field, below := range v {
			leaves(under(field), below, row)
		}
		return
	case []any:
		for _, item := range v {
			object, ok := item.(map[string]any)
			if !ok {
				break
			}
			for _, by := range []string{"name", "dimension"} {
				if key, ok := object[by].(string); ok {
					delete(object, by)
					leaves(under(key), object, row)
				}
			}
		}
		if strings.HasSuffix(name, "components") || strings.HasSuffix(name, "improvements") {
			return
		}
	}
	if text := textOf(v); text != "" {
		row[name] = text
	}
}

// exporting is a company with everything that can be exported, and a key that may.
func exporting(t *testing.T) (*world, *impact.Company, *api) {
	t.Helper()
	w := newWorld(t)
	c := w.company(t, "acme", "Pacific/Auckland")
	a := w.serve(t, w.key(t, "ingest,read,people,admin", c, w.company(t, "zeta")))
	from, to := time.Date(2022, 11, 20, 0, 0, 0, 0, time.UTC), time.Date(2025, 2, 10, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(12, 12))
	var events []string
	for i := range 1200 {
		events = append(events, randomEvent(r, fmt.Sprint("r", i), from, to))
	}
	a.ingest(t, "["+strings.Join(events, ",")+"]")
	for i, note := range []string{"=1+1", "a \"b\",\r\nc", "<&>\u0001_x0041_ ÆØÅ 😀", "'-5", "-5"} {
		a.ingest(t, fmt.Sprintf(`{"type":"session.completed","id":"bad%d","timestamp":"never","note":%s}`, i, textOf([]any{note})))
	}
	a.mutate(t, `mutation { updateSettings(company: "acme", input: { hourlyValue: { value: "31.80", validFrom: "2024-01-01" }, fiscalYearStart: 7,
		addProgrammeCosts: [{ from: "2024-01-01", to: "2024-12-31", amount: "5000.10", note: "=HYPERLINK(\"x\")" }, { programme: "buddy", from: "2023-01-01", to: "2023-01-31", amount: 7, note: "-5" }] }) { version } }`, nil)
	a.mutate(t, `mutation { setValueMap(company: "acme", valueMap: { inputs: [{ name: "@cost", amount: "1000.00" }, { name: "12", amount: "0.1" }], outcomes: [
		{ name: "+work", quantity: "3", proxy: "12345678901234.56", deadweight: "0.25", year: 2024 },
		{ name: "hours", bind: { figure: VOLUNTEER_HOURS, period: "2024" }, proxy: "-9.50", evidenceGrade: "B", duration: 3 }] }) { version } }`, nil)
	a.mutate(t, `mutation { createSource(company: "acme", name: "@Kintell", scheme: "kintell") { secret } }`, nil)
	w.awaitFolds(t)
	return w, c, a
}

// Every export in every format is what GraphQL answers, value by value.
func TestExportsEqualGraphQL(t *testing.T) {
	t.Parallel()
	_, _, a := exporting(t)
	seen := make(map[string]bool)
	for _, c := range exportCases {
		name, _, _ := strings.Cut(c.path[strings.LastIndexByte("/"+strings.SplitN(c.path, "?", 2)[0], '/'):], "?")
		seen[name] = true
		t.Run(c.path, func(t *testing.T) {
			want := c.rowsOf(t, a)
			if len(want) == 0 {
				t.Fatal("nothing to compare")
			}
			sep := "?"
			if strings.Contains(c.path, "?") {
				sep = "&"
			}
			for format, parse := range map[string]func(*testing.T, []byte) exported{"csv": parseCSV, "ndjson": parseNDJSON, "xlsx": parseXLSX} {
				got := a.get(t, "/v1/export/"+c.path+sep+"format="+format)
				if got.status != http.StatusOK {
					t.Fatalf("%s: %d %s", format, got.status, got.body)
				}
				compareExport(t, format, parse(t, got.body), want)
			}
		})
	}
	for _, list := range export.Lists {
		if !seen[list.Name] {
			t.Errorf("%s is not compared", list.Name)
		}
	}
}

func compareExport(t *testing.T, format string, got exported, want []map[string]string) {
	t.Helper()
	if len(got.rows) != len(want) {
		t.Fatalf("%s has %d rows, GraphQL %d", format, len(got.rows), len(want))
	}
	compared := make(map[string]bool)
	for _, row := range want {
		for name := range row {
			compared[name] = true
		}
	}
	for i, row := range want {
		for name := range compared {
			text := row[name]
			if format == "csv" { // as encoding/csv reads it
				text = strings.ReplaceAll(text, "\r\n", "\n")
			}
			if is := got.rows[i][name]; is != text {
				t.Fatalf("%s: row %d: %s is %q, GraphQL says %q", format, i, name, is, text)
			}
		}
	}
}

// What an export says beside its rows.
func TestExportHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme@home:1")
	a := w.serve(t, w.key(t, "read", c))
	for path, want := range map[string][2]string{
		"acme@home:1/metrics":                                  {"acme_home_1-metrics.csv", "text/csv; charset=utf-8; header=present"},
		"acme@home:1/metrics.ndjson":                           {"acme_home_1-metrics.ndjson", "application/x-ndjson"},
		"acme@home:1/metrics.csv?format=csv&period=2025":       {"acme_home_1-metrics-2025.csv", "text/csv; charset=utf-8; header=present"},
		"acme@home:1/series.xlsx?period=2025-01-01/2025-03-31": {"acme_home_1-series-2025-01-01_2025-03-31.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		"companies?format=xlsx":                                {"companies.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	} {
		got := a.get(t, "/v1/export/"+path)
		for name, value := range map[string]string{
			"Content-Disposition": `attachment; filename="` + want[0] + `"`, "Content-Type": want[1],
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if is := got.header.Get(name); got.status != http.StatusOK || is != value {
				t.Errorf("%s: %d, %s: %q, want %q: %s", path, got.status, name, is, value, got.body)
			}
		}
	}
	if got := a.get(t, "/v1/export/acme@home:1/events"); string(got.body) != "verdict,id,receipt,kind,type,programme,participant,volunteer,session,occurredAt,receivedAt,size,body\r\n" {
		t.Errorf("of no events: %q", got.body)
	}
	if got := a.send(t, http.MethodHead, "/v1/export/acme@home:1/events", ""); got.status != http.StatusOK || len(got.body) > 0 {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
}

// What cannot be exported is refused as JSON, like all of /v1.
func TestExportRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	w.company(t, "beta")
	a := w.serve(t, w.key(t, "read", c))
	for path, want := range map[string]struct {
		status int
		code   impact.Code
	}{
		"acme/nothing":                         {http.StatusNotFound, impact.CodeNotFound},
		"acme/companies":                       {http.StatusNotFound, impact.CodeNotFound},
		"metrics":                              {http.StatusNotFound, impact.CodeNotFound},
		"nobody/metrics":                       {http.StatusNotFound, impact.CodeNotFound},
		"beta/metrics":                         {http.StatusForbidden, impact.CodeForbidden},
		"acme/metrics.pdf":                     {http.StatusBadRequest, impact.CodeInvalid},
		"acme/metrics.csv?format=xlsx":         {http.StatusBadRequest, impact.CodeInvalid},
		"acme/metrics?format=json":             {http.StatusBadRequest, impact.CodeInvalid},
		"acme/metrics?perriod=2025":            {http.StatusBadRequest, impact.CodeInvalid},
		"acme/metrics?period=2025&period=2024": {http.StatusBadRequest, impact.CodeInvalid},
		"acme/metrics?period=soon":             {http.StatusBadRequest, impact.CodeInvalid},
		"acme/metrics?programme=a%20b":         {http.StatusBadRequest, impact.CodeInvalid},
		"acme/series?interval=HOUR":            {http.StatusBadRequest, impact.CodeInvalid},
		"acme/series?interval=DAY&period=1970-01-01/2190-01-01": {http.StatusRequestEntityTooLarge, impact.CodeTooLarge},
		"acme/cohorts?first=5":                       {http.StatusBadRequest, impact.CodeInvalid},
		"acme/cohorts?after=x":                       {http.StatusBadRequest, impact.CodeInvalid},
		"acme/retention":                             {http.StatusBadRequest, impact.CodeInvalid},
		"acme/retention?period=2025&intervals=many":  {http.StatusBadRequest, impact.CodeInvalid},
		"acme/retention?period=2025&filter=nonsense": {http.StatusBadRequest, impact.CodeInvalid},
		"acme/retention?period=2025&cohort=nobody":   {http.StatusNotFound, impact.CodeNotFound},
		"acme/funnel?period=2025":                    {http.StatusBadRequest, impact.CodeInvalid},
		"acme/funnel?period=2025&steps=SLEEP":        {http.StatusBadRequest, impact.CodeInvalid},
		"acme/sroi?whatIf=%7B%22nothing%22:1%7D":     {http.StatusBadRequest, impact.CodeInvalid},
		"acme/events?late=perhaps":                   {http.StatusBadRequest, impact.CodeInvalid},
		"acme/volunteers":                            {http.StatusForbidden, impact.CodeForbidden},
		"acme/assessments.xlsx":                      {http.StatusForbidden, impact.CodeForbidden},
		"acme/audit-log":                             {http.StatusForbidden, impact.CodeForbidden},
		"acme/sources":                               {http.StatusForbidden, impact.CodeForbidden},
	} {
		got := a.get(t, "/v1/export/"+path)
		var refused struct {
			Success bool
			Code    impact.Code
		}
		if err := json.Unmarshal(got.body, &refused); err != nil || got.status != want.status || refused.Code != want.code || got.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %s, want %d %s", path, got.status, got.body, want.status, want.code)
		}
	}
	if got := a.as("nonsense").get(t, "/v1/export/acme/metrics"); got.status != http.StatusUnauthorized {
		t.Errorf("no key: %d %s", got.status, got.body)
	}
	if got := a.as(w.key(t, "ingest", c)).get(t, "/v1/export/acme/metrics"); got.status != http.StatusForbidden {
		t.Errorf("a key that may not read: %d %s", got.status, got.body)
	}
}
