package graph

import (
	"context"

	"github.com/impactql/impactql/impact"
)

// Reader answers what the graph asks. Each call is a constant number of statements,
// however long the lists are that it is given, and a list may hold the same item
// twice. It returns soon after ctx is done. An error that is or wraps an
// [impact.Error] is shown to the caller; any other is logged, and shown as
// [impact.CodeInternal]. What it returns is not changed by the graph.
type Reader interface {
	// Companies is every company that has one of the keys, in any order.
	Companies(ctx context.Context, keys []string) ([]*impact.Company, error)

	// CompanyPage is up to limit companies with a key greater than after, by key:
	// all of them, or with ids not nil only those.
	CompanyPage(ctx context.Context, ids []impact.CompanyID, after string, limit int) ([]*impact.Company, error)

	// Figures answers questions, in their order.
	Figures(ctx context.Context, questions []impact.Question) ([]*impact.Figures, error)

	// Cohorts answers questions, in their order; nil where the company has no such
	// cohort.
	Cohorts(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Cohort, error)

	// Benchmarks answers questions, in their order.
	Benchmarks(ctx context.Context, questions []impact.BenchmarkQuestion) ([]*impact.Benchmark, error)

	// Departments are the names of the departments of each company, in the order of
	// companies. The names are in any order and each is there once, whatever its case.
	Departments(ctx context.Context, companies []impact.CompanyID) ([][]string, error)

	// Active is the run of days from the first event of each company to its last, in
	// the order of companies; empty where there is no event.
	Active(ctx context.Context, companies []impact.CompanyID) ([]impact.Range, error)

	// Retentions answers questions, in their order; nil where the company has no such
	// cohort.
	Retentions(ctx context.Context, questions []impact.RetentionQuestion) ([]*impact.Retention, error)

	// Funnels answers questions that passed their Check, likewise.
	Funnels(ctx context.Context, questions []impact.FunnelQuestion) ([]*impact.Funnel, error)

	// Confidences answers questions that passed their Check, in their order.
	Confidences(ctx context.Context, questions []impact.ConfidenceQuestion) ([]*impact.RatioInterval, error)

	// Rosters answers questions that passed their Check, in their order.
	Rosters(ctx context.Context, questions []impact.RosterQuestion) ([]*impact.Roster, error)

	// Past is what figures depended on at instants, in the order of asks; nil where there is
	// no such company. Questions with AsOf, which Figures and Cohorts answer too, may fail
	// with [impact.CodeInvalid], [impact.CodeTooLarge] and [impact.CodeUnavailable].
	Past(ctx context.Context, asks []impact.PastAsk) ([]*impact.Past, error)

	// Restatements answers questions, in their order; errors likewise, and
	// [impact.CodeInvalid] of a Since that is not past.
	Restatements(ctx context.Context, questions []impact.RestatementQuestion) ([]*impact.Restatements, error)

	// Settings are the settings of each company, in the order of companies.
	Settings(ctx context.Context, companies []impact.CompanyID) ([]*impact.Settings, error)

	// ValueMaps are the value maps of each company, in the order of companies; nil where
	// there is none.
	ValueMaps(ctx context.Context, companies []impact.CompanyID) ([]*impact.StoredMap, error)

	// AuditLog is, for each company in their order, up to limit changes with an id below
	// before (0: from the latest on), the latest first.
	AuditLog(ctx context.Context, companies []impact.CompanyID, before int64, limit int) ([][]*impact.AuditEntry, error)
}

// Editor does what mutations ask for. Errors: [impact.CodeInvalid], [impact.CodeTooLarge],
// [impact.CodeNotFound] and [*impact.Conflict].
type Editor interface {
	// ChangeSettings makes an edit as a whole or not at all, and returns what the
	// settings are after it.
	ChangeSettings(ctx context.Context, edit impact.SettingsEdit) (*impact.Settings, error)
	// SaveValueMap makes a valid map the company's, as a new version, and returns that;
	// expected is the version that it replaces, 0 for none and nil for whichever holds.
	SaveValueMap(ctx context.Context, company impact.CompanyID, m *impact.ValueMap, actor string, expected *int64) (int64, error)

	// Erase removes a person; an erasure without an id has found nothing.
	Erase(ctx context.Context, r impact.EraseRequest) (*impact.Erasure, error)
	// Erasures is up to limit of a company's erasures with an id below before, or from the
	// latest on if that is 0; the latest first.
	Erasures(ctx context.Context, company impact.CompanyID, before int64, limit int) ([]*impact.Erasure, error)
}

// CohortEditor changes the definitions of cohorts. Errors that are or wrap an
// [impact.Error] are shown: [impact.CodeInvalid], [impact.CodeConflict],
// [impact.CodeTooLarge] and [impact.CodeNotFound].
type CohortEditor interface {
	// SaveCohort defines a cohort or changes its definition, and returns what is stored.
	// expected, if not nil, is the version that it must be in, 0 for none.
	// The audit log says that it was actor's.
	SaveCohort(ctx context.Context, def impact.CohortDefinition, actor string, expected *int64) (*impact.CohortDefinition, error)

	// DeleteCohort takes a definition away, likewise.
	DeleteCohort(ctx context.Context, company impact.CompanyID, key, actor string) error
}

// Viewer is who asks.
type Viewer interface {
	// Name says who it is in an audit log, without secrets.
	Name() string
	// May reports whether the viewer may see a company.
	May(company impact.CompanyID) bool
	// Companies are the companies that the viewer may see, in any order, or all of
	// them whatever ids says.
	Companies() (ids []impact.CompanyID, all bool)
	// Can reports whether the viewer has a scope; see [ScopeRead].
	Can(scope string) bool
}

// The scopes: every operation needs ScopeRead, every mutation ScopeAdmin too, and a
// field that names people ScopePeople.
const (
	ScopeRead   = "read"
	ScopeAdmin  = "admin"
	ScopePeople = "people"
)
