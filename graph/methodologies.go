package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// methodAsk is a methodology that a field names, or the company's default.
type methodAsk struct {
	kind impact.FigureKind
	id   string // empty: the default
	own  bool   // participants' own improvements are asked for
}

// addMethod notes what a field sroi or vis asks of the figures of an ask.
func (a *asks) addMethod(f figuresAsk, field graphql.CollectedField, args arguments) {
	m := methodAsk{kind: impact.FigureSROI, id: args.text("methodology")}
	if field.Name == "vis" {
		m.kind = impact.FigureVIS
	}
	whatIf, _ := args["whatIf"].(map[string]any)
	_, mode := whatIf["improvementMode"]
	_, baseline := whatIf["baseline"]
	m.own = mode || baseline
	a.addFigures(f, 0)
	a.methods[f] = append(a.methods[f], m)
	a.unnamed = a.unnamed || m.id == ""
	// The months of all time are those in which something happened.
	a.months = a.months || f.period == impact.Period{} && countsMonths(m.id)
}

func countsMonths(id string) bool { return id == impact.IDActivity || id == impact.IDVisReporting }

// of is the methodology's id: that of the range's last day where none is named.
func (m methodAsk) of(s *impact.Settings, r impact.Range) string {
	switch {
	case m.id != "":
		return m.id
	case m.kind == impact.FigureVIS:
		return s.DefaultVISMethodology(r)
	}
	return s.DefaultSROIMethodology(r)
}

// parts is what the methodology needs to be read.
func (m methodAsk) parts(s *impact.Settings, r impact.Range) impact.Parts {
	parts := impact.PartTallies
	if m.own {
		parts |= impact.PartOwn
	}
	switch m.of(s, r) {
	case impact.IDTeei1:
		return parts | impact.PartsSROI
	case impact.IDVis1:
		return parts | impact.PartsVIS
	case impact.IDNPV, impact.IDVisReporting:
		return parts | impact.PartsMetrics
	}
	return parts
}

// partsOf is what the fields of an ask need together.
func (a *asks) partsOf(f figuresAsk, s *impact.Settings, r impact.Range) impact.Parts {
	parts := a.parts[f]
	for _, m := range a.methods[f] {
		parts |= m.parts(s, r)
	}
	return parts
}

// readDefaults is the settings of the companies of groups in which a field names no
// methodology. It notes where a default counts the months of all time.
func (q *request) readDefaults(
	ctx context.Context, groups []*model.Group, all []*asks,
) (map[impact.CompanyID]*impact.Settings, error) {
	var asking []*model.Group
	for i, g := range groups {
		if all[i].unnamed {
			asking = append(asking, g)
		}
	}
	ids := everyID(asking)
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := q.Reader.Settings(ctx, ids)
	if err == nil {
		err = miscounted("Settings", len(list), len(ids))
	}
	if err != nil {
		return nil, err
	}
	settings := make(map[impact.CompanyID]*impact.Settings, len(ids))
	for i, id := range ids {
		settings[id] = list[i]
	}
	for i, g := range groups {
		for f, methods := range all[i].methods {
			for _, c := range g.Companies {
				for _, m := range methods {
					r := q.rangeOf(c, f.period)
					all[i].months = all[i].months || f.period == impact.Period{} && countsMonths(m.of(settings[c.ID], r))
				}
			}
		}
	}
	return settings, nil
}

// sroiOf is the ratio of a company over a period, by the methodology that is named or
// by its default.
func sroiOf(
	ctx context.Context, c *model.Company, period *impact.Period, methodology, programme *string,
	compare *impact.Comparison, whatIf map[string]any, asOf *impact.AsOf,
) (*model.SROI, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	by, err := methodsOf(ctx, c, figuresAsk{scope: s.as(asOf), compare: or(compare, "")})
	if err != nil {
		return nil, err
	}
	figures, err := loadFigures(ctx, c, by.ask)
	if err != nil {
		return nil, err
	}
	overrides, err := model.Overrides(whatIf)
	if err != nil {
		return nil, err
	}
	return by.sroi(figures[0], or(methodology, ""), overrides)
}

// visOf is the score of a company over a period, likewise.
func visOf(
	ctx context.Context, c *model.Company, period *impact.Period, methodology, programme *string, compare *impact.Comparison,
	asOf *impact.AsOf,
) (*model.VIS, error) {
	s, err := newScope(period, programme)
	if err != nil {
		return nil, err
	}
	by, err := methodsOf(ctx, c, figuresAsk{scope: s.as(asOf), compare: or(compare, "")})
	if err != nil {
		return nil, err
	}
	figures, err := loadFigures(ctx, c, by.ask)
	if err != nil {
		return nil, err
	}
	return by.VIS(figures[0], or(methodology, ""))
}

// methods works out what was read for an ask of a company; it implements
// [model.Methods].
type methods struct {
	book *figuresBook
	c    *model.Company
	ask  figuresAsk
}

func methodsOf(ctx context.Context, c *model.Company, ask figuresAsk) (methods, error) {
	book, err := requestOf(ctx).figures.Load(ctx, c.Group)
	return methods{book, c, ask}, err
}

// id is that of a methodology that may be named, for a range.
func (m methods) id(kind impact.FigureKind, named string, r impact.Range) (string, error) {
	if named != "" {
		if _, err := impact.FindMethodology(named, kind); err != nil {
			return "", err
		}
	}
	return methodAsk{kind: kind, id: named}.of(m.book.settingsOf(m.c, m.ask), r), nil
}

// SROI is the ratio of figures by a methodology.
func (m methods) SROI(f model.Figures, methodology string) (*model.SROI, error) {
	return m.sroi(f, methodology, nil)
}

func (m methods) sroi(f model.Figures, methodology string, overrides impact.Overrides) (*model.SROI, error) {
	id, err := m.id(impact.FigureSROI, methodology, f.Range)
	if err != nil {
		return nil, err
	}
	if id == impact.IDTeei1 && len(overrides) == 0 {
		return f.SROI(), nil
	}
	work := func(f *impact.Figures) (*impact.LiveSROI, error) {
		if id == impact.IDSVI {
			return m.book.mapSROI(m.c, m.ask, f.Range, overrides)
		}
		return f.Basis.SROI(id, overrides, m.book.months(m.c, m.ask))
	}
	live, err := work(f.Figures)
	if err != nil {
		return nil, err
	}
	var base *impact.LiveSROI
	if f.Base != nil {
		if base, err = work(f.Base); err != nil {
			return nil, err
		}
	}
	return f.LiveSROI(live, base), nil
}

// VIS is the score of figures by a methodology.
func (m methods) VIS(f model.Figures, methodology string) (*model.VIS, error) {
	id, err := m.id(impact.FigureVIS, methodology, f.Range)
	if err != nil {
		return nil, err
	}
	if id == impact.IDVis1 {
		return f.VIS(), nil
	}
	now := f.Basis.Reporting(impact.DefaultReporting, m.book.months(m.c, m.ask))
	var base *impact.VIS
	if f.Base != nil {
		b := f.Base.Basis.Reporting(impact.DefaultReporting, m.book.months(m.c, m.ask))
		base = &b
	}
	return f.LiveVIS(&now, base, func(of *impact.Figures) *impact.Explanation {
		return of.Basis.ExplainReporting(f.Company, impact.DefaultReporting, m.book.months(m.c, m.ask))
	}), nil
}

// months is the days whose months an ask counts: all of a period, and of all time those
// from the company's first event to its last.
func (b *figuresBook) months(c *model.Company, ask figuresAsk) impact.Range {
	switch past := b.pasts.at(c.Company, ask.scope); {
	case ask.period != (impact.Period{}):
		return impact.AllTime
	case past != nil:
		return past.Active
	}
	return b.active[c.Company.ID]
}

// settingsOf are the settings that an ask's figures were made by.
func (b *figuresBook) settingsOf(c *model.Company, ask figuresAsk) *impact.Settings {
	return b.pasts.settingsAt(c.Company, ask.scope, b.settings)
}
