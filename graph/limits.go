package graph

import (
	"context"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/complexity"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/shopspring/decimal"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// limits turns operations down before they run: mutations without the scope for
// them, and what is too deep or too costly.
type limits struct {
	*Config
	schema graphql.ExecutableSchema
}

// ExtensionName implements graphql.HandlerExtension.
func (*limits) ExtensionName() string { return "limits" }

// Validate implements graphql.HandlerExtension.
func (l *limits) Validate(schema graphql.ExecutableSchema) error {
	l.schema = schema
	return nil
}

// MutateOperationContext implements graphql.OperationContextMutator.
func (l *limits) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	op.DisableIntrospection = false // the schema is no secret; the playground reads it
	if op.Operation.Operation == ast.Mutation && !l.Viewer(ctx).Can(ScopeAdmin) {
		err := gqlerror.Errorf("a mutation needs an API key with the scope %s", ScopeAdmin)
		errcode.Set(err, string(impact.CodeForbidden))
		return err
	}
	m := measurer{}
	size := m.measure(op.Operation.SelectionSet)
	if size.depth > l.MaxDepth {
		return tooLarge("the query is nested %d deep, more than the %d allowed", size.depth, l.MaxDepth)
	}
	// First the number of fields: Calculate walks fragments as often as they are spread,
	// which in a few lines can be more often than there are atoms in the universe.
	introspection := introspectionCost * size.introspections
	cost := introspection + size.fields
	if cost <= l.MaxComplexity {
		cost = introspection + min(complexity.Calculate(ctx, l.schema, op.Operation, op.Variables), most)
		if n := looks(op); n > 1 {
			cost += (n - 1) * lookCost
		}
	}
	if cost > l.MaxComplexity {
		return tooLarge("the operation costs %d, more than the %d allowed: "+
			"ask for fewer items or instants, a shorter period or a wider interval", cost, l.MaxComplexity)
	}
	op.Stats.SetExtension(costExtension, cost)
	return nil
}

// looks is how many times the operation looks at the log: once for all fields of an instant,
// but for matrices and for funnels, which have a look of their own.
func looks(op *graphql.OperationContext) int {
	seen, spread := make(map[string]bool), make(map[*ast.FragmentDefinition]bool)
	var walk func(ast.SelectionSet)
	walk = func(selections ast.SelectionSet) {
		for _, s := range selections {
			switch s := s.(type) {
			case *ast.Field:
				own := ""
				if s.Name == retentions.field || s.Name == funnels.field {
					own = s.Name
				}
				for _, a := range s.Arguments {
					if a.Name != "asOf" && a.Name != "since" {
						continue
					}
					if at, err := a.Value.Value(op.Variables); err == nil && at != nil {
						seen[fmt.Sprint(own, at)] = true
					}
				}
				walk(s.SelectionSet)
			case *ast.InlineFragment:
				walk(s.SelectionSet)
			case *ast.FragmentSpread:
				if !spread[s.Definition] {
					spread[s.Definition] = true
					walk(s.Definition.SelectionSet)
				}
			}
		}
	}
	walk(op.Operation.SelectionSet)
	return len(seen)
}

// costExtension is where an operation's cost is kept for the gate.
const costExtension = "cost"

func tooLarge(format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, string(impact.CodeTooLarge))
	return err
}

// Such an error comes before execution, so it is answered like a query that is not
// valid: not with 200.
func init() {
	errcode.RegisterErrorType(string(impact.CodeTooLarge), errcode.KindProtocol)
	errcode.RegisterErrorType(string(impact.CodeForbidden), errcode.KindProtocol)
}

// measurer measures selections, each fragment once.
type measurer map[*ast.FragmentDefinition]extent

type extent struct{ depth, fields, introspections int }

// most keeps sums from overflowing: over fragments that are spread exponentially often,
// and of costs.
const most = 1 << 30

func (m measurer) measure(selections ast.SelectionSet) (total extent) {
	for _, s := range selections {
		var e extent
		switch s := s.(type) {
		case *ast.Field:
			e = m.measure(s.SelectionSet)
			e.depth++
			e.fields++
			if s.Name == "__schema" || s.Name == "__type" {
				e.introspections++
			}
		case *ast.InlineFragment:
			e = m.measure(s.SelectionSet)
		case *ast.FragmentSpread:
			var known bool
			if e, known = m[s.Definition]; !known {
				e = m.measure(s.Definition.SelectionSet)
				m[s.Definition] = e
			}
		}
		total.depth = max(total.depth, e.depth)
		total.fields = min(total.fields+e.fields, most)
		total.introspections = min(total.introspections+e.introspections, most/introspectionCost)
	}
	return total
}

const (
	// A cohort is read person by person.
	cohortCost = 5
	// A retention matrix reads a set per row and column, a funnel one per day and step; a
	// tornado or break-evens evaluate a ratio some hundred times.
	analysisCost = 100
	// A benchmark may read the figures of some hundred companies, once an hour.
	benchmarkCost = 200
	// What was known is worked out from the log, which takes one to three seconds for a million events:
	// more than freeCost, so that few do at once.
	pastCost = 1_500
	// The looks of an operation at the log come one after the other: five of them over a
	// million events take as long as it may.
	lookCost = 12_000
	// A figure is worth so many draws of everybody.
	drawsCost = 2
	// About what the fields of a full introspection come to.
	introspectionCost = 5000
	// A retention matrix of a year of months has no more cells.
	assumedCells = 150
	// The lines of a value map are not counted before it is read.
	assumedLines = 50
	// A company's sources, and the secrets of one.
	assumedSources = 10
	// To find the few events of some people, or of a rare programme, takes a look at all of the
	// period's: about a second for 400,000.
	scanCost = 200
	// A series over all time is known to be short or long only when it is read.
	assumedDays = 5 * 365
	// Somebody's months are seldom more.
	assumedMonths = 12
	// Few events move a figure, and not all of them are told.
	assumedCauses = 5
	// Versions of settings and lines of costs are few, and bounded by the database.
	assumedVersions = 20
)

// costs are the fields that cost otherwise than 1 + what is selected below: lists
// cost that for each item.
func costs() (c generated.ComplexityRoot) {
	c.Query.Companies = func(child int, first *int, _ *string) int { return 1 + length(first)*child }
	c.Company.Metrics = func(child int, _ *impact.Period, _ *string, _ *impact.Comparison, asOf *impact.AsOf) int {
		return 1 + child + past(asOf)
	}
	c.Company.Sroi = func(
		child int, _ *impact.Period, _, _ *string, _ *impact.Comparison, _ map[string]any, asOf *impact.AsOf,
	) int {
		return 1 + child + past(asOf)
	}
	c.Company.Vis = func(child int, _ *impact.Period, _, _ *string, _ *impact.Comparison, asOf *impact.AsOf) int {
		return 1 + child + past(asOf)
	}
	c.Company.Cohort = func(child int, _ *string, _ *model.CohortFilter, _ *impact.Period, _ *string, asOf *impact.AsOf) int {
		return child + cohortCost + past(asOf)
	}
	c.Company.Cohorts = func(child int, first *int, _ *string, _ *impact.Period, _ *string, asOf *impact.AsOf) int {
		return 1 + length(first)*(child+cohortCost) + past(asOf)
	}
	c.Company.TimeSeries = func(
		child int, period *impact.Period, interval impact.Interval, _ *string, _ *impact.Comparison, asOf *impact.AsOf,
	) int {
		return 1 + points(period, interval)*child + past(asOf)
	}
	c.Company.Retention = func(
		child int, period impact.Period, interval *impact.Interval, intervals *int, _ *impact.RetentionMode, brackets []int, _ *string,
		_ *model.CohortFilter, _ *string, asOf *impact.AsOf,
	) int {
		columns := len(brackets)
		if brackets == nil {
			columns = or(intervals, 12)
		}
		cells := min(points(&period, or(interval, impact.IntervalMonth)), maxFirst) * max(1, min(columns, maxFirst))
		return analysisCost + child*(1+cells/assumedCells) + past(asOf)
	}
	c.Company.Funnel = func(
		child int, _ []*model.FunnelStepInput, _ impact.Period, _ *int, _ *string, _ *model.CohortFilter, asOf *impact.AsOf,
	) int {
		return child + analysisCost + past(asOf)
	}
	c.Company.Restatements = func(child int, _ impact.AsOf, first *int, _ *string) int {
		return 3*pastCost + length(first)*child
	}
	c.Restatement.Events = func(child int) int { return 1 + assumedCauses*child }
	c.Company.Confidence = func(
		child int, _ impact.SumRatio, _ *impact.Period, _ *string, method *impact.IntervalMethod, _ *decimal.Decimal, draws, _ *int,
	) int {
		if !or(method, impact.MethodBootstrap).Draws() {
			return child + analysisCost
		}
		return child + analysisCost + max(0, min(or(draws, 0), impact.MaxDraws))/drawsCost
	}
	people := func(child int, first *int, _ *string, _ *impact.RosterOrder, _ *impact.Period, _ *string) int {
		return analysisCost + length(first)*child
	}
	c.Company.Volunteers, c.Company.Participants = people, people
	c.Volunteer.Months = func(child int) int { return 1 + assumedMonths*child }
	c.Participant.Months = func(child int) int { return 1 + assumedMonths*child }
	c.Company.SettingsHistory = func(child int) int { return 1 + assumedVersions*child }
	c.Company.Events = func(child int, first *int, _ *string, _ *model.EventFilter) int {
		return 1 + lengthUpTo(MaxPage, first)*(child+bodyCost)
	}
	c.Company.Rejects = func(child int, first *int, _ *string, _ *model.RejectFilter) int {
		return 1 + lengthUpTo(MaxPage, first)*(child+bodyCost)
	}
	c.Company.AuditLog = func(child int, first *int, _ *string) int { return 1 + length(first)*child }
	c.Settings.ProgrammeCosts = func(child int) int { return 1 + assumedVersions*child }
	c.ValueMap.Inputs = func(child int) int { return 1 + assumedLines*child }
	c.ValueMap.Outcomes = func(child int) int { return 1 + assumedLines*child }
	c.SroiResult.Outcomes = func(child int) int { return 1 + assumedLines*child }
	c.Sensitivity.OneWay = func(child int, _ decimal.Decimal, first int) int { return analysisCost + length(&first)*child }
	c.Sensitivity.BreakEven = func(child int, _ decimal.Decimal, first int) int { return analysisCost + length(&first)*child }
	c.Sensitivity.Grid = func(child int, _, _ string, _ decimal.Decimal, steps int) int {
		n := max(0, min(steps, impact.MaxGrid)) // more is refused; its square might overflow
		return analysisCost + n*n + child
	}
	c.Uncertainty.MonteCarlo = func(child, draws, _ int, _ []*model.DistributionInput) int { return draws/5 + child }
	c.Explanation.Inputs = func(child int) int { return 1 + assumedVersions*child }
	c.Explanation.Parameters = func(child int) int { return 1 + assumedVersions*child }
	c.Explanation.Events = func(child int, first *int, _ *string) int { return scanCost + length(first)*(child+bodyCost) }
	c.SROI.Parameters = func(child int) int { return 1 + 15*child }
	c.Query.Erasures = func(child int, _ string, first *int, _ *string) int { return 1 + length(first)*child }
	c.Query.Sources = func(child int, _ string) int { return 1 + assumedSources*child }
	c.Source.Secrets = func(child int) int { return 1 + assumedSources*child }
	c.Cohort.Benchmark = func(child int) int { return benchmarkCost + child }
	c.Benchmark.Figures = func(child int) int { return 1 + len(impact.BenchmarkNames)*child }
	c.SROI.Improvements = func(child int) int { return 1 + 3*child }
	c.VIS.Components = func(child int) int { return 1 + 4*child }
	return c
}

// past is what a field costs for its instant.
func past(asOf *impact.AsOf) int {
	if asOf == nil {
		return 0
	}
	return pastCost
}

// bodyCost is what an item with a body costs beside its fields: bodies are large.
const bodyCost = 10

// length is how many items first asks for; one that the resolver will refuse counts
// as the most.
func length(first *int) int { return lengthUpTo(maxFirst, first) }

func lengthUpTo(most int, first *int) int {
	switch {
	case first == nil:
		return defaultFirst
	case *first < 1 || *first > most:
		return most
	}
	return *first
}

// points is about how many points a series has, whatever the company's calendar.
func points(period *impact.Period, interval impact.Interval) int {
	days := assumedDays
	if period != nil && *period != (impact.Period{}) {
		r := period.Range(impact.Calendar{Location: time.UTC}, impact.Date(2000, time.January, 1))
		days = int(r.To - r.From)
	}
	return min(1+days/daysOf(interval), impact.MaxPoints)
}

func daysOf(interval impact.Interval) int {
	switch interval {
	case impact.IntervalWeek:
		return 7
	case impact.IntervalMonth:
		return 30
	case impact.IntervalQuarter, impact.IntervalFiscalQuarter:
		return 91
	case impact.IntervalYear, impact.IntervalFiscalYear:
		return 365
	case impact.IntervalDay:
	}
	return 1
}
