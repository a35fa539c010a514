package graph

import (
	"context"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

var errNoMap = impact.Errorf(impact.CodeNotFound, "the company has no value map: set one with `setValueMap` or `impactql valuemap import`")

var errSameMap = &impact.Error{
	Code: impact.CodeInvalid, Pointer: "/methodology",
	Message: "no line of the company's value map is bound to figures of the period, so that every point would be the same: " +
		"bind one, name another methodology, or ask for the company's `sroi`",
}

// readValueMaps is the value maps of the companies of groups in which a field is worked
// out by svi-2012.
func (q *request) readValueMaps(
	ctx context.Context, groups []*model.Group, all []*asks, settings map[impact.CompanyID]*impact.Settings,
) (map[impact.CompanyID]*impact.StoredMap, error) {
	var ids []impact.CompanyID
	for i, g := range groups {
		for _, c := range g.Companies {
			if all[i].hasMap(q, c, settings[c.ID]) {
				ids = append(ids, c.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return q.valueMaps(ctx, ids)
}

func (q *request) valueMaps(ctx context.Context, ids []impact.CompanyID) (map[impact.CompanyID]*impact.StoredMap, error) {
	list, err := q.Reader.ValueMaps(ctx, ids)
	if err == nil {
		err = miscounted("ValueMaps", len(list), len(ids))
	}
	if err != nil {
		return nil, err
	}
	maps := make(map[impact.CompanyID]*impact.StoredMap, len(ids))
	for i, id := range ids {
		maps[id] = list[i]
	}
	return maps, nil
}

func (a *asks) hasMap(q *request, c *impact.Company, s *impact.Settings) bool {
	for f := range a.methods {
		if f.asOf == 0 && (a.byMap(f, s, q.rangeOf(c, f.period)) || f.interval != "" && a.mayBeByMap(f, s)) {
			return true
		}
	}
	return false
}

// mayBeByMap reports whether some point of a series can be worked out by svi-2012.
func (a *asks) mayBeByMap(f figuresAsk, s *impact.Settings) bool {
	for _, m := range a.methods[f] {
		if m.kind != impact.FigureSROI {
			continue
		}
		if m.id == impact.IDSVI || m.id == "" && s != nil && slices.ContainsFunc(s.SROIMethodology, func(v impact.Dated[string]) bool {
			return v.Value != nil && *v.Value == impact.IDSVI
		}) {
			return true
		}
	}
	return false
}

// byMap reports whether a field of an ask is worked out by svi-2012.
func (a *asks) byMap(f figuresAsk, s *impact.Settings, r impact.Range) bool {
	for _, m := range a.methods[f] {
		if m.kind == impact.FigureSROI && m.of(s, r) == impact.IDSVI {
			return true
		}
	}
	return false
}

// boundAt is a range of an ask of a company.
type boundAt struct {
	figuresAsk
	company impact.CompanyID
	impact.Range
}

// boundQuestions are what the bound lines of a map ask about a range, by line.
func (q *request) boundQuestions(
	c *impact.Company, m *impact.StoredMap, ask figuresAsk, r impact.Range, past pasts,
) map[int]impact.Question {
	if m == nil {
		return nil
	}
	questions := make(map[int]impact.Question)
	for i := range m.Outcomes {
		bind := m.Outcomes[i].Bind
		if bind == nil {
			continue
		}
		question := impact.Question{Company: c.ID, Programme: ask.programme, Range: r, Parts: impact.PartsMetrics, AsOf: ask.asOf}
		if bind.Programme != "" {
			question.Programme = bind.Programme
		}
		if bind.Period != nil {
			question.Range = q.rangeAt(c, scope{period: *bind.Period, asOf: ask.asOf}, past)
		}
		questions[i] = question
	}
	return questions
}

// mapAt is the map that an ask is about.
func (b *figuresBook) mapAt(c *impact.Company, ask figuresAsk) *impact.StoredMap {
	if past := b.pasts.at(c, ask.scope); past != nil {
		return past.Map
	}
	return b.maps[c.ID]
}

// mapSROI is the ratio of a company's value map over a range that was asked for.
func (b *figuresBook) mapSROI(c *model.Company, ask figuresAsk, r impact.Range, o impact.Overrides) (*impact.LiveSROI, error) {
	m := b.mapAt(c.Company, ask)
	if m == nil {
		return nil, errNoMap
	}
	if ask.interval != "" && !slices.ContainsFunc(m.Outcomes, func(line impact.Outcome) bool { return line.Bind != nil && line.Bind.Period == nil }) {
		return nil, errSameMap
	}
	quantities := make(map[int]decimal.Decimal)
	for line, at := range b.bound[boundAt{ask, c.Company.ID, r}] {
		quantities[line] = b.answers[at].Basis.Figure(m.Outcomes[line].Bind.Figure)
	}
	return m.Bound(quantities).Live(o)
}

// setValueMap makes a map the company's.
func (q *request) setValueMap(ctx context.Context, key string, in *model.ValueMapInput, expected *int) (*model.ValueMap, error) {
	c, err := q.company(ctx, key)
	if err != nil {
		return nil, err
	}
	m, err := in.ValueMap(true)
	if err != nil {
		return nil, err
	}
	var version *int64
	if expected != nil {
		v := int64(*expected)
		version = &v
	}
	saved, err := q.Editor.SaveValueMap(ctx, c.Company.ID, m, q.viewer.Name(), version)
	if err != nil {
		return nil, err
	}
	return model.ValueMapOf(&impact.StoredMap{ValueMap: m, Version: saved}), nil
}

// valueMapOf is a company's value map, read with those of its group.
func valueMapOf(ctx context.Context, c *model.Company) (*model.ValueMap, error) {
	maps, err := requestOf(ctx).maps.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	return model.ValueMapOf(maps[c.Company.ID]), nil
}

func (q *request) loadValueMaps(ctx context.Context, groups []*model.Group) ([]map[impact.CompanyID]*impact.StoredMap, []error) {
	maps, err := q.valueMaps(ctx, everyID(groups))
	if err != nil {
		return nil, []error{err}
	}
	all := make([]map[impact.CompanyID]*impact.StoredMap, len(groups))
	for i := range all {
		all[i] = maps
	}
	return all, nil
}
