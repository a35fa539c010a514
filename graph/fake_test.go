package graph_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

// memory is a Reader over companies 1..n with the keys c001, c002 and so on. Its
// figures tell the question they answer: see figures.
type memory struct {
	companies   []*impact.Company
	departments []string
	active      impact.Range
	settings    map[impact.CompanyID]*impact.Settings
	edits       []impact.SettingsEdit
	maps        map[impact.CompanyID]*impact.StoredMap
	erased      []impact.EraseRequest
	fail        func(call string) error // nil: nothing fails

	mu        sync.Mutex
	calls     map[string]int
	questions []impact.Question
	restated  []impact.RestatementQuestion
}

func newMemory(n int) *memory {
	m := &memory{
		departments: []string{"Sales", "Engineering", "tiny", "ALL"},
		active:      impact.Range{From: impact.Date(2025, 1, 15), To: impact.Date(2025, 3, 11)},
		calls:       make(map[string]int),
	}
	for i := range n {
		m.companies = append(m.companies, &impact.Company{
			ID: impact.CompanyID(i + 1), Key: fmt.Sprintf("c%03d", i+1), Name: fmt.Sprintf("Company %d", i+1),
			Calendar: impact.Calendar{Location: time.UTC, WeekStart: time.Monday, FiscalStart: time.April},
		})
	}
	return m
}

func (m *memory) called(ctx context.Context, call string) error {
	m.mu.Lock()
	m.calls[call]++
	m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(call); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *memory) Companies(ctx context.Context, keys []string) ([]*impact.Company, error) {
	var found []*impact.Company
	for _, c := range m.companies {
		if slices.Contains(keys, c.Key) {
			found = append(found, c)
		}
	}
	return found, m.called(ctx, "Companies")
}

func (m *memory) CompanyPage(ctx context.Context, ids []impact.CompanyID, after string, limit int) ([]*impact.Company, error) {
	var list []*impact.Company
	for _, c := range m.companies {
		if c.Key > after && len(list) < limit && (ids == nil || slices.Contains(ids, c.ID)) {
			list = append(list, c)
		}
	}
	return list, m.called(ctx, "CompanyPage")
}

func number(n int64) decimal.Decimal { return decimal.NewFromInt(n) }

// figures has the company's id as its events, the days of its range as its sessions,
// and the length of its programme as its volunteers.
func figures(q impact.Question) *impact.Figures {
	f := &impact.Figures{Question: q, Basis: basis(q)}
	if q.Parts&impact.PartsMetrics == impact.PartsMetrics {
		f.Metrics = &impact.Metrics{
			Events: int64(q.Company), Sessions: int64(q.Range.To - q.Range.From), Volunteers: int64(len(q.Programme)),
			Unmapped: 3, VolunteerHours: decimal.New(1250, -2), CompletionRate: number(40), AvgEngagement: number(60),
		}
	}
	if q.Parts&impact.PartsSROI == impact.PartsSROI {
		f.SROI = &impact.SROI{
			Methodology: "teei-1.0", Status: impact.FigureOK, Ratio: decimal.NewNullDecimal(decimal.New(750, -2)),
			Investment: number(100), SocialValue: decimal.New(7505, -1),
			Improvement:     map[impact.Dimension]decimal.Decimal{impact.Language: decimal.New(5, -1), impact.Integration: number(0)},
			ImprovementMode: impact.ImprovementMean, Baseline: impact.BaselineAssumed,
		}
		if q.Company == 2 {
			f.SROI.Status, f.SROI.Ratio = impact.FigureInsufficientData, decimal.NullDecimal{}
		}
	}
	if q.Parts&impact.PartsVIS == impact.PartsVIS {
		f.VIS = &impact.VIS{Methodology: "teei-vis-1.0", Score: decimal.New(8250, -2), Band: "Outstanding",
			Components: []impact.VISComponent{{Name: "hours", Score: number(10), Weight: decimal.New(3, -1), Covered: true}}}
	}
	if q.Parts&impact.PartsOverview == impact.PartsOverview {
		f.ImpactScore = impact.ImpactScore(*f.SROI, *f.VIS)
	}
	return f
}

func (m *memory) Figures(ctx context.Context, questions []impact.Question) ([]*impact.Figures, error) {
	answers := make([]*impact.Figures, len(questions))
	for i, q := range questions {
		answers[i] = figures(q)
	}
	m.mu.Lock()
	m.questions = append(m.questions, questions...)
	m.mu.Unlock()
	return answers, m.called(ctx, "Figures")
}

// Restatements has three figures of a company moved.
func (m *memory) Restatements(ctx context.Context, questions []impact.RestatementQuestion) ([]*impact.Restatements, error) {
	m.mu.Lock()
	m.restated = append(m.restated, questions...)
	m.mu.Unlock()
	list := make([]*impact.Restatements, len(questions))
	for i, q := range questions {
		list[i] = &impact.Restatements{Until: cmp.Or(q.Until, impact.AsOfTime(time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC)))}
		for n, month := range (impact.Range{From: impact.Date(2025, 1, 1), To: impact.Date(2025, 4, 1)}).WholeMonths() {
			r := impact.Restatement{
				Month: month, Figure: impact.RestatedRatio, Place: 8, Now: decimal.NewNullDecimal(decimal.New(int64(n), -1)),
				Reasons: []impact.RestatementReason{impact.RestatedLate, impact.RestatedSettings}, EventCount: 30,
				Events: []*impact.RestatingEvent{{
					Reason: impact.RestatedLate, Key: impact.Key{0xab, 15: byte(q.Company)}, Receipt: 77, Kind: impact.KindSession, Type: "kintell.session",
					Programme: "buddy", OccurredAt: month.From.Time(), StoredAt: time.Date(2025, 11, 1, 2, 3, 4, 567_000, time.UTC),
				}},
			}
			if n > 0 {
				r.Before = decimal.NewNullDecimal(decimal.New(5, -1))
			}
			list[i].List = append(list[i].List, r)
		}
	}
	return list, m.called(ctx, "Restatements")
}

// Past has companies keep another calendar then, and be active in January 2024.
func (m *memory) Past(ctx context.Context, asks []impact.PastAsk) ([]*impact.Past, error) {
	list := make([]*impact.Past, len(asks))
	for i, a := range asks {
		if a.AsOf.Time().After(time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC)) {
			return nil, &impact.Error{Code: impact.CodeInvalid, Pointer: "/asOf", Message: "not past"}
		}
		list[i] = &impact.Past{
			Settings: &impact.Settings{Calendar: impact.Calendar{Location: time.UTC, WeekStart: time.Sunday, FiscalStart: time.July}},
			Cohorts:  []string{"Then", "ALL", "Engineering"},
			Map:      m.maps[a.Company], Active: impact.Range{From: impact.Date(2024, 1, 1), To: impact.Date(2024, 2, 1)},
		}
	}
	return list, m.called(ctx, "Past")
}

// Benchmarks compares companies in the group g with nine others, others with none.
func (m *memory) Benchmarks(ctx context.Context, questions []impact.BenchmarkQuestion) ([]*impact.Benchmark, error) {
	list := make([]*impact.Benchmark, len(questions))
	for i, q := range questions {
		var all []impact.PeerFigures
		for id := range 10 {
			p := impact.PeerFigures{Company: impact.CompanyID(id + 1)}
			p.Values[0] = decimal.NewNullDecimal(number(int64(10 * id)))
			all = append(all, p)
		}
		list[i] = &impact.Benchmark{}
		if group := m.settings[q.Company].PeerGroup(q.Range); group != "" {
			list[i] = impact.NewBenchmark(group, all[q.Company-1], all, 3)
			list[i].TakenAt = time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC)
		}
		list[i].OwnFigures = figures(impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range, Parts: impact.PartsOverview})
	}
	return list, m.called(ctx, "Benchmarks")
}

func (m *memory) Cohorts(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Cohort, error) {
	answers := make([]*impact.Cohort, len(questions))
	for i, q := range questions {
		known := q.Key == impact.CohortAll
		for _, d := range m.departments {
			known = known || strings.EqualFold(d, q.Key)
		}
		if !known && q.Filter == "" {
			continue
		}
		f := figures(impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range, Parts: impact.PartsOverview})
		answers[i] = &impact.Cohort{
			Key: q.Key, Name: "The " + q.Key + q.Filter, Suppressed: q.Key == "tiny",
			ParticipantCount: int64(q.Company), CompletionRate: number(50), SROI: *f.SROI, AvgVIS: number(70),
			Basis: cohortBasis(m.settings[q.Company], q),
		}
		if q.Explained {
			var of impact.Members
			if q.Key != impact.CohortAll {
				of.People = roaring.BitmapOf(1, 2)
			}
			none := impact.NewReading(impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range}, nil, new(impact.Cell), nil, nil)
			none.Explain(answers[i], of, impact.DefaultVIS, impact.Tells{Counts: true, Ratio: q.Key != "Engineering", Score: true})
		}
	}
	return answers, m.called(ctx, "Cohorts")
}

func (m *memory) Departments(ctx context.Context, companies []impact.CompanyID) ([][]string, error) {
	lists := make([][]string, len(companies))
	for i := range companies {
		lists[i] = m.departments
	}
	return lists, m.called(ctx, "Departments")
}

func (m *memory) Active(ctx context.Context, companies []impact.CompanyID) ([]impact.Range, error) {
	ranges := make([]impact.Range, len(companies))
	for i := range companies {
		ranges[i] = m.active
	}
	return ranges, m.called(ctx, "Active")
}

// Retentions know the cohort "all" alone, and have the company's id as every size.
func (m *memory) Retentions(ctx context.Context, questions []impact.RetentionQuestion) ([]*impact.Retention, error) {
	answers := make([]*impact.Retention, len(questions))
	for i, q := range questions {
		if q.Cohort != impact.CohortAll {
			continue
		}
		active := make([]*roaring.Bitmap, len(q.Ranges()))
		for n := range active {
			active[n] = roaring.New()
		}
		active[1].AddRange(0, uint64(10*q.Company))
		active[2].AddRange(5, uint64(10*q.Company))
		var err error
		if answers[i], err = q.Answer(active, nil, nil, impact.DefaultMinGroup); err != nil {
			return nil, err
		}
	}
	return answers, m.called(ctx, "Retentions")
}

func (m *memory) Funnels(ctx context.Context, questions []impact.FunnelQuestion) ([]*impact.Funnel, error) {
	answers := make([]*impact.Funnel, len(questions))
	for i, q := range questions {
		if q.Cohort != impact.CohortAll && (q.Filter == "" || q.AsOf == 0) { // somebody passed each filter, but nobody does now
			continue
		}
		people := roaring.New()
		people.AddRange(0, uint64(10*q.Company))
		steps := make([]*roaring.Bitmap, len(q.Needs()))
		for n := range steps {
			steps[n] = people
		}
		var err error
		if answers[i], err = q.Answer([]impact.Presence{{Day: q.Range.From, Steps: steps}}, nil, impact.DefaultMinGroup); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(questions, func(q impact.FunnelQuestion) bool { return q.AsOf != 0 }) {
		if err := m.called(ctx, "Past funnels"); err != nil {
			return nil, err
		}
	}
	return answers, m.called(ctx, "Funnels")
}

// Confidences are of as many people as the company's id says, each with as many hours.
func (m *memory) Confidences(ctx context.Context, questions []impact.ConfidenceQuestion) ([]*impact.RatioInterval, error) {
	answers := make([]*impact.RatioInterval, len(questions))
	for i, q := range questions {
		c := new(impact.Cell)
		for who := range impact.Ordinal(q.Company) {
			c.Add(&impact.Event{Kind: impact.KindSession, Participant: "p", Volunteer: "v", DurationMS: int64(who) * 3_600_000}, who, who)
		}
		r := impact.NewReading(impact.Question{Parts: impact.PartsConfidence, Range: q.Range}, nil, c, nil, nil)
		answers[i] = r.Confidence(&q)
	}
	return answers, m.called(ctx, "Confidences")
}

// Rosters have three people with the company's id in their keys.
func (m *memory) Rosters(ctx context.Context, questions []impact.RosterQuestion) ([]*impact.Roster, error) {
	answers := make([]*impact.Roster, len(questions))
	for i, q := range questions {
		answers[i] = new(impact.Roster)
		for n := range 3 {
			cursor := fmt.Sprintf("%d:%d", 10-n, n)
			if cursor == q.After || q.After != "" && n == 0 {
				continue
			}
			if len(answers[i].People) == q.First {
				answers[i].More = true
				break
			}
			p := &impact.Person{
				Key: fmt.Sprintf("%s-%d-%d", q.Role, q.Company, n), Cursor: cursor, Hours: number(int64(10 - n)), Sessions: 2, Met: 3,
				VIS: *figures(impact.Question{Parts: impact.PartsVIS}).VIS, Programmes: []string{q.Programme, string(q.Order)},
				Months: []impact.PersonMonth{{Month: impact.Date(2025, 11, 1), Hours: number(1), Sessions: 1, Met: 2}},
			}
			if n == 0 {
				p.Ratings = impact.Tally{N: 3, Sum: 2_000_000}
				p.Assessed[impact.Language] = impact.Assessment{N: 2, First: 300_000, Last: 650_000}
			}
			answers[i].People = append(answers[i].People, p)
		}
	}
	return answers, m.called(ctx, "Rosters")
}

func (m *memory) Settings(ctx context.Context, companies []impact.CompanyID) ([]*impact.Settings, error) {
	list := make([]*impact.Settings, len(companies))
	for i, id := range companies {
		list[i] = m.settings[id]
		if list[i] == nil {
			list[i] = &impact.Settings{Calendar: m.companies[id-1].Calendar}
		}
	}
	return list, m.called(ctx, "Settings")
}

func (m *memory) ValueMaps(ctx context.Context, companies []impact.CompanyID) ([]*impact.StoredMap, error) {
	list := make([]*impact.StoredMap, len(companies))
	for i, id := range companies {
		list[i] = m.maps[id]
	}
	return list, m.called(ctx, "ValueMaps")
}

func (m *memory) SaveValueMap(ctx context.Context, company impact.CompanyID, v *impact.ValueMap, _ string, expected *int64) (int64, error) {
	version := int64(0)
	if m.maps[company] != nil {
		version = m.maps[company].Version
	}
	if expected != nil && *expected != version {
		return 0, impact.NewConflict(version)
	}
	if m.maps == nil {
		m.maps = make(map[impact.CompanyID]*impact.StoredMap)
	}
	m.maps[company] = &impact.StoredMap{ValueMap: v, Version: version + 1}
	return version + 1, m.called(ctx, "SaveValueMap")
}

func (m *memory) AuditLog(ctx context.Context, companies []impact.CompanyID, before int64, limit int) ([][]*impact.AuditEntry, error) {
	lists := make([][]*impact.AuditEntry, len(companies))
	for i, id := range companies {
		for n := int64(3); n > 0; n-- {
			if (before == 0 || n < before) && len(lists[i]) < limit {
				lists[i] = append(lists[i], &impact.AuditEntry{ID: n, Actor: fmt.Sprint("key ", id), Subject: "minGroup", Version: n})
			}
		}
	}
	return lists, m.called(ctx, "AuditLog")
}

func (m *memory) ChangeSettings(ctx context.Context, e impact.SettingsEdit) (*impact.Settings, error) {
	m.edits = append(m.edits, e)
	if e.Expected != nil && *e.Expected != 7 {
		return nil, impact.NewConflict(7)
	}
	return &impact.Settings{Version: 8, Calendar: m.companies[e.Company-1].Calendar}, m.called(ctx, "ChangeSettings")
}

func (m *memory) SaveCohort(ctx context.Context, def impact.CohortDefinition, _ string, expected *int64) (*impact.CohortDefinition, error) {
	if err := def.Check(); err != nil {
		return nil, err
	}
	if expected != nil && *expected != 6 {
		return nil, impact.Errorf(impact.CodeConflict, "the cohort is in version 6")
	}
	def.Version = 7
	return &def, m.called(ctx, "SaveCohort")
}

func (m *memory) DeleteCohort(ctx context.Context, _ impact.CompanyID, key, _ string) error {
	if key != "young" {
		return impact.Errorf(impact.CodeNotFound, "no cohort is stored under this key")
	}
	return m.called(ctx, "DeleteCohort")
}

func (m *memory) Erasures(_ context.Context, _ impact.CompanyID, before int64, limit int) (list []*impact.Erasure, err error) {
	for id := int64(3); id > 0 && len(list) < limit; id-- {
		if before == 0 || id < before {
			list = append(list, &impact.Erasure{ID: id, At: time.Unix(1_763_028_000+id, 0), By: "ada", Deleted: id})
		}
	}
	return list, nil
}

func (m *memory) Erase(ctx context.Context, r impact.EraseRequest) (*impact.Erasure, error) {
	m.erased = append(m.erased, r)
	if r.Person == "stranger" {
		return new(impact.Erasure), nil
	}
	return &impact.Erasure{ID: 9, At: time.Unix(1_763_028_000, 0), By: r.By, Deleted: 1, Struck: 2, Mentions: 3, Conflicts: 4, Rejects: 5}, m.called(ctx, "Erase")
}

// key is a Viewer: nil ids are all companies.
type key struct {
	ids    []impact.CompanyID
	scopes string
}

func (k key) May(c impact.CompanyID) bool                   { return k.ids == nil || slices.Contains(k.ids, c) }
func (k key) Companies() (ids []impact.CompanyID, all bool) { return k.ids, k.ids == nil }
func (k key) Name() string                                  { return "key 1 (test)" }
func (k key) Can(scope string) bool                         { return strings.Contains(k.scopes, scope) }

func as(v graph.Viewer) func(context.Context) graph.Viewer {
	return func(context.Context) graph.Viewer { return v }
}

// api is the handler over a memory, and what it logs.
type api struct {
	http.Handler
	*memory
	log *logged
}

type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func serve(m *memory, change ...func(*graph.Config)) *api {
	log := new(logged)
	cfg := graph.Config{
		Reader: m, Editor: m, Cohorts: m, Viewer: as(key{scopes: "read"}), Log: slog.New(slog.NewTextHandler(log, nil)),
		Now: func() time.Time { return time.Date(2025, 11, 13, 10, 0, 0, 0, time.UTC) },
	}
	for _, f := range change {
		f(&cfg)
	}
	return &api{graph.NewHandler(cfg), m, log}
}

// answer is a GraphQL response over HTTP.
type answer struct {
	Status int
	Header http.Header
	Body   string
	Data   any
	Errors []struct {
		Message    string
		Path       []any
		Extensions struct{ Code, Pointer string }
	}
}

func (a *api) do(t *testing.T, r *http.Request) *answer {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	res := &answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
	decoder := json.NewDecoder(strings.NewReader(res.Body))
	decoder.UseNumber()
	if err := decoder.Decode(res); err != nil {
		t.Fatalf("not JSON: %v: %s", err, res.Body)
	}
	return res
}

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (a *api) query(t *testing.T, query string, variables map[string]any) *answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return a.do(t, post(string(body)))
}

// at follows names and indices into the data; nil where there is nothing.
func (r *answer) at(path ...any) any {
	v := r.Data
	for _, p := range path {
		switch p := p.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

func (r *answer) codes() []string {
	codes := make([]string, len(r.Errors))
	for i, e := range r.Errors {
		codes[i] = e.Extensions.Code
	}
	return codes
}

// want compares the data at a path with JSON.
func (r *answer) want(t *testing.T, wantJSON string, path ...any) {
	t.Helper()
	got, err := json.Marshal(r.at(path...))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(wantJSON)); err != nil {
		t.Fatal(err)
	}
	if normal(t, got) != normal(t, compact.Bytes()) {
		t.Errorf("%v is\n%s, want\n%s\nerrors: %v", path, got, compact.Bytes(), r.Errors)
	}
}

func normal(t *testing.T, data []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func wantCodes(t *testing.T, res *answer, want ...string) {
	t.Helper()
	if got := res.codes(); !slices.Equal(got, want) {
		t.Fatalf("codes %v, want %v: %s", got, want, res.Body)
	}
}

var _ io.Writer = (*logged)(nil)
