// Package model holds the types of the graph that are shaped otherwise than those
// of package impact: connections, ids, and figures that may be withheld.
//
// It stands apart from package graph because the generated code imports it and is
// imported by graph.
package model

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Node is anything with a global id.
type Node interface{ IsNode() }

// Company is a company as one field of an operation yields it.
type Company struct {
	*impact.Company
	Group *Group
	Place int // in the group
}

// IsNode implements Node.
func (*Company) IsNode() {}

// ID is the global id.
func (c *Company) ID() string { return CompanyID(c.Key) }

// TimeZone is the IANA name of the company's time zone.
func (c *Company) TimeZone() string { return c.Location.String() }

// Group is the companies that one field of an operation yields, alone or in a list.
// What is selected below one is selected below all of them, so their figures are
// read together: that is why the number of reads does not grow with the number of
// companies, and does not depend on which goroutine comes first.
type Group struct {
	Companies []*impact.Company
	Fields    []graphql.CollectedField // what the operation selects of each
}

// Members are the companies of the group as the graph shows them, in order.
func (g *Group) Members() []*Company {
	members := make([]*Company, len(g.Companies))
	for i, c := range g.Companies {
		members[i] = &Company{Company: c, Group: g, Place: i}
	}
	return members
}

// Improvement is how far participants came in one dimension.
type Improvement struct {
	Dimension string
	Points    decimal.Decimal
}

// Cohort is a cohort whose figures are null where they are withheld.
type Cohort struct {
	*impact.Cohort
	Order string // what the company's cohorts are ordered by
	// Beside is what other companies did; nil if that was not asked for.
	Beside func() (*impact.Benchmark, error)
	// Company is the company's key and Of what was asked for, a key or a filter; empty for
	// everybody.
	Company, Of string
	// Events are what explained figures of the cohort, or of the others, are made of.
	Events func(of *impact.Cohort, others bool) ExplainedEvents
	others bool
}

// Benchmark is the cohort beside others.
func (c *Cohort) Benchmark() (*Benchmark, error) {
	if c.Suppressed || c.Beside == nil {
		return nil, nil //nolint:nilnil // withheld
	}
	of, err := c.Beside()
	if err != nil {
		return nil, err
	}
	return &Benchmark{of, c}, nil
}

// ParticipantCount is the number of active members.
func (c *Cohort) ParticipantCount() *int64 {
	if c.Suppressed {
		return nil
	}
	return &c.Cohort.ParticipantCount
}

// CompletionRate is that of the members' enrolments, in percent.
func (c *Cohort) CompletionRate() decimal.NullDecimal {
	return decimal.NullDecimal{Decimal: c.Cohort.CompletionRate, Valid: !c.Suppressed}
}

// SROI is the return on the members, by a methodology or by the company's default.
func (c *Cohort) SROI(methodology *string) (*SROI, error) {
	if c.Suppressed {
		return nil, nil //nolint:nilnil // withheld
	}
	live, err := c.SROIBy(orEmpty(methodology))
	if err != nil || live == nil {
		return nil, err
	}
	s := &SROI{SROI: &live.SROI, ErasedSince: c.ErasedSince}
	if live.Parameters != nil {
		s.live = func() *impact.LiveSROI { return live }
	}
	s.explain = c.explainSROI(live.Methodology)
	return s, nil
}

// Explain explains the counts; nil if withheld.
func (c *Cohort) Explain() *Explanation { return c.explained(c.ExplainCounts(c.Company)) }

func (c *Cohort) explainSROI(methodology string) func() (*Explanation, error) {
	return func() (*Explanation, error) {
		x, err := c.ExplainSROI(methodology, c.Company)
		return c.explained(x), err
	}
}

// explained is an explanation of the cohort; nil stays nil.
func (c *Cohort) explained(x *impact.Explanation) *Explanation {
	if x == nil {
		return nil
	}
	x.Cohort = c.Of
	return &Explanation{x, c.Events(c.Cohort, c.others)}
}

// VIS is the score of the volunteers who serve the members, likewise.
func (c *Cohort) VIS(methodology *string) (*CohortVIS, error) {
	if c.Suppressed {
		return nil, nil //nolint:nilnil // withheld
	}
	if err := impact.CheckCohortVIS(orEmpty(methodology)); err != nil {
		return nil, err
	}
	return c.vis(), nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (c *Cohort) vis() *CohortVIS {
	return &CohortVIS{c.AvgVIS, MethodologyOf(impact.DefaultVIS.ID), c}
}

// CohortVIS is a mean of scores.
type CohortVIS struct {
	Score       decimal.Decimal
	Methodology *impact.Methodology
	of          *Cohort
}

// Explain explains the score; nil if withheld.
func (v *CohortVIS) Explain() *Explanation { return v.of.explained(v.of.ExplainVIS(v.of.Company)) }
