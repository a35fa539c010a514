package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// rest serves the documented /v1 paths of legacy clients from the same figures
// as GraphQL.
type rest struct {
	auth    *auth
	figures *db.Figures
	now     func() time.Time
	log     *slog.Logger
}

type metricsAnswer struct {
	Success bool          `json:"success"`
	Metrics legacyMetrics `json:"metrics"`
	Period  legacyPeriod  `json:"period"`
	pastAnswer
}

type legacyMetrics struct {
	SROI              number `json:"sroi"`
	VIS               number `json:"vis"`
	TotalParticipants int64  `json:"totalParticipants"`
	TotalSessions     int64  `json:"totalSessions"`
	AvgEngagement     number `json:"avgEngagement"`
	ImpactScore       number `json:"impactScore"`
	TotalVolunteers   int64  `json:"totalVolunteers"`
	VolunteerHours    number `json:"volunteerHours"`
	CompletionRate    number `json:"completionRate"`
}

type legacyPeriod struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type sroiAnswer struct {
	Success bool                `json:"success"`
	SROI    number              `json:"sroi"`
	Status  impact.FigureStatus `json:"status"`
	pastAnswer
}

type visAnswer struct {
	Success bool   `json:"success"`
	VIS     number `json:"vis"`
	Band    string `json:"band"`
	pastAnswer
}

type cohortAnswer struct {
	Success    bool          `json:"success"`
	Cohort     string        `json:"cohort"`
	Metrics    cohortMetrics `json:"metrics"`
	Suppressed bool          `json:"suppressed,omitempty"`
	pastAnswer
}

// pastAnswer is what an answer to a question with an instant has beside the figures.
type pastAnswer struct {
	AsOf        string `json:"asOf,omitempty"`
	ErasedSince *bool  `json:"erasedSince,omitempty"` // a person was erased since
}

func pastOf(at impact.AsOf, erasedSince bool) pastAnswer {
	if at == 0 {
		return pastAnswer{}
	}
	return pastAnswer{at.String(), &erasedSince}
}

type cohortMetrics struct {
	ParticipantCount int64  `json:"participantCount"`
	AvgSROI          number `json:"avgSROI"`
	AvgVIS           number `json:"avgVIS"`
	CompletionRate   number `json:"completionRate"`
}

// legacyNotFound is all that legacy clients get where there is no such company or
// cohort.
type legacyNotFound struct {
	Success bool   `json:"success"`
	Error   string `json:"error"`
}

// number is a decimal as a JSON number, exactly.
type number decimal.Decimal

func (n number) MarshalJSON() ([]byte, error) {
	return json.Marshal(json.Number(decimal.Decimal(n).String()))
}

// ratio is a ratio as legacy clients get it: 0 where there is none.
func ratio(s *impact.SROI) number { return number(s.Ratio.Decimal) }

// serve wraps a read: company, range, answer.
func (s *rest) serve(read func(ctx context.Context, q impact.Question, r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := s.question(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		answer, err := read(r.Context(), q, r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

func (s *rest) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*impact.Error](err); ok && e.Code == impact.CodeNotFound {
		writeJSON(w, http.StatusNotFound, legacyNotFound{Error: e.Message})
		return
	}
	fail(s.log, w, r, err)
}

// question is what a request asks about a company.
func (s *rest) question(r *http.Request) (q impact.Question, err error) {
	company, err := s.auth.company(r.Context(), r.PathValue("company"))
	if err != nil {
		return q, err
	}
	if !principalOf(r.Context()).May(company.ID) {
		return q, impact.Errorf(impact.CodeForbidden, "the API key may not read this company")
	}
	q = impact.Question{Company: company.ID, Programme: impact.AllProgrammes}
	query, err := singleValued(r.URL.RawQuery)
	if err != nil {
		return q, err
	}
	calendar, now := company.Calendar, s.now()
	if query.Has("asOf") {
		if q.AsOf, err = impact.ParseAsOf(query.Get("asOf")); err != nil {
			return q, err
		}
		past, err := s.figures.Past(r.Context(), []impact.PastAsk{{Company: company.ID, AsOf: q.AsOf}})
		if err != nil {
			return q, err
		}
		calendar, now = past[0].Settings.Calendar, q.AsOf.Time()
	}
	if q.Range, err = periodOf(query, calendar, now); err != nil {
		return q, err
	}
	program := query.Get("program")
	if program == "" {
		program = query.Get("programme")
	}
	if program != "" {
		if !impact.ValidKey(program) {
			return q, &impact.Error{Code: impact.CodeInvalid, Message: "program: use 1 to 100 of the characters A-Z a-z 0-9 _ . @ : -"}
		}
		q.Programme = program
	}
	return q, nil
}

// singleValued parses a query string; what is malformed or said twice is refused
// rather than guessed at.
func singleValued(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, impact.Errorf(impact.CodeInvalid, "the query string is malformed; write + as %%2B and separate parameters with &")
	}
	for name, values := range query {
		if len(values) > 1 {
			return nil, impact.Errorf(impact.CodeInvalid, "the parameter %q is given %d times", name, len(values))
		}
	}
	return query, nil
}

// periodOf is ?period= if it is there, else ?start= and ?end=.
func periodOf(query url.Values, calendar impact.Calendar, now time.Time) (impact.Range, error) {
	if text := query.Get("period"); text != "" {
		if query.Has("start") || query.Has("end") {
			return impact.Range{}, impact.Errorf(impact.CodeInvalid, "give period, or start and end, not both")
		}
		period, err := impact.ParsePeriod(text)
		if err != nil {
			return impact.Range{}, err
		}
		return period.Range(calendar, calendar.Today(now)), nil
	}
	return impact.ParseBounds(query.Get("start"), query.Get("end"), calendar)
}

func (s *rest) overview(ctx context.Context, q impact.Question) (*impact.Figures, error) {
	q.Parts = impact.PartsOverview
	figures, err := s.figures.Figures(ctx, []impact.Question{q})
	if err != nil {
		return nil, err
	}
	return figures[0], nil
}

func (s *rest) metrics(ctx context.Context, q impact.Question, r *http.Request) (any, error) {
	f, err := s.overview(ctx, q)
	if err != nil {
		return nil, err
	}
	return metricsAnswer{
		Success: true,
		Metrics: legacyMetricsOf(f),
		Period: legacyPeriod{
			Start: instant(r.URL.Query().Get("start"), q.Range.From.Time()),
			End:   instant(r.URL.Query().Get("end"), q.Range.To.Time().Add(-time.Second)),
		},
		pastAnswer: pastOf(q.AsOf, f.ErasedSince),
	}, nil
}

func legacyMetricsOf(f *impact.Figures) legacyMetrics {
	return legacyMetrics{
		SROI: ratio(f.SROI), VIS: number(f.VIS.Score),
		TotalParticipants: f.Metrics.Participants, TotalSessions: f.Metrics.Sessions,
		AvgEngagement: number(f.Metrics.AvgEngagement), ImpactScore: number(f.ImpactScore),
		TotalVolunteers: f.Metrics.Volunteers, VolunteerHours: number(f.Metrics.VolunteerHours),
		CompletionRate: number(f.Metrics.CompletionRate),
	}
}

// instant is an end of the period as legacy clients read it: the instant that
// they asked for, else the bound of the range.
func instant(asked string, bound time.Time) string {
	if t, err := time.Parse(time.RFC3339, asked); err == nil {
		bound = t.UTC()
	}
	return bound.Format(time.RFC3339)
}

func (s *rest) sroi(ctx context.Context, q impact.Question, _ *http.Request) (any, error) {
	f, err := s.overview(ctx, q)
	if err != nil {
		return nil, err
	}
	return sroiAnswer{true, ratio(f.SROI), f.SROI.Status, pastOf(q.AsOf, f.ErasedSince)}, nil
}

func (s *rest) vis(ctx context.Context, q impact.Question, _ *http.Request) (any, error) {
	f, err := s.overview(ctx, q)
	if err != nil {
		return nil, err
	}
	return visAnswer{true, number(f.VIS.Score), f.VIS.Band, pastOf(q.AsOf, f.ErasedSince)}, nil
}

func (s *rest) cohort(ctx context.Context, q impact.Question, r *http.Request) (any, error) {
	asked := r.PathValue("cohort")
	key := asked
	if strings.EqualFold(key, impact.CohortAll) {
		key = impact.CohortAll
	}
	if !utf8.ValidString(key) || strings.ContainsRune(key, 0) { // no database takes it
		return nil, errNoCohort
	}
	cohorts, err := s.figures.Cohorts(ctx, []impact.CohortQuestion{{
		Company: q.Company, Programme: q.Programme, Range: q.Range, Key: key, AsOf: q.AsOf,
	}})
	if err != nil {
		return nil, err
	}
	c := cohorts[0]
	if c == nil {
		return nil, errNoCohort
	}
	return cohortAnswer{
		Success: true, Cohort: asked, Suppressed: c.Suppressed,
		Metrics: cohortMetrics{
			ParticipantCount: c.ParticipantCount, AvgSROI: ratio(&c.SROI),
			AvgVIS: number(c.AvgVIS), CompletionRate: number(c.CompletionRate),
		},
		pastAnswer: pastOf(q.AsOf, c.ErasedSince),
	}, nil
}

var errNoCohort = impact.Errorf(impact.CodeNotFound, "Cohort not found")
