package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// moment is a company at an instant, or with 0 now.
type moment struct {
	company impact.CompanyID
	asOf    impact.AsOf
}

// pasts is what was known at the moments that fields ask about. Of those that ask about
// now it has nothing.
type pasts struct {
	of  map[moment]*impact.Past
	err error // why there is none; of the fields that ask about the past alone
}

// readPast is what the figures that groups ask for depended on at their instants, beside
// events.
func (q *request) readPast(ctx context.Context, groups []*model.Group, all []*asks) pasts {
	place := make(map[moment]int)
	var asked []impact.PastAsk
	ask := func(g *model.Group, at impact.AsOf, active bool) {
		for _, c := range g.Companies {
			m := moment{c.ID, at}
			i, known := place[m]
			if !known {
				i = len(asked)
				place[m], asked = i, append(asked, impact.PastAsk{Company: c.ID, AsOf: at})
			}
			asked[i].Active = asked[i].Active || active
		}
	}
	for i, g := range groups {
		for _, f := range all[i].figures {
			if f.asOf != 0 {
				ask(g, f.asOf, f.isUnbounded() || all[i].mayCountMonths(f))
			}
		}
		for _, c := range all[i].cohorts {
			if c.asOf != 0 {
				ask(g, c.asOf, false)
			}
		}
	}
	if len(asked) == 0 {
		return pasts{}
	}
	list, err := q.Reader.Past(ctx, asked)
	if err == nil {
		err = miscounted("Past", len(list), len(asked))
	}
	if err != nil {
		return pasts{err: err}
	}
	p := pasts{of: make(map[moment]*impact.Past, len(asked))}
	for m, i := range place {
		p.of[m] = list[i]
	}
	return p
}

// mayCountMonths reports whether a figure of all time can depend on when something
// happened first and last.
func (a *asks) mayCountMonths(f figuresAsk) bool {
	if f.period != (impact.Period{}) {
		return false
	}
	for _, m := range a.methods[f] {
		if m.id == "" || countsMonths(m.id) {
			return true
		}
	}
	return false
}

// at is what was known of a company when a scope says; nil if it says now.
func (p pasts) at(c *impact.Company, s scope) *impact.Past { return p.of[moment{c.ID, s.asOf}] }

// calendar is the company's calendar and its day, when a scope says.
func (q *request) calendar(c *impact.Company, s scope, p pasts) (impact.Calendar, impact.Day) {
	if past := p.at(c, s); past != nil {
		return past.Settings.Calendar, past.Settings.Calendar.Today(s.asOf.Time())
	}
	return c.Calendar, c.Today(q.now)
}

// rangeAt is the days that the period of a scope means to a company when it says.
func (q *request) rangeAt(c *impact.Company, s scope, p pasts) impact.Range {
	calendar, today := q.calendar(c, s, p)
	return s.period.Range(calendar, today)
}

// settingsAt are the settings that an ask depends on: of the past, or those of now that
// were read because some field names no methodology.
func (p pasts) settingsAt(c *impact.Company, s scope, now map[impact.CompanyID]*impact.Settings) *impact.Settings {
	if past := p.at(c, s); past != nil {
		return past.Settings
	}
	return now[c.ID]
}

// readAnswers answers questions about now and about the past, each in a call of their
// own: what keeps the past from being read is no matter to those about now.
func readAnswers[Q, A any](
	questions []Q, at func(Q) impact.AsOf, read func([]Q) ([]A, error),
) (answers []A, pastErr, err error) {
	answers = make([]A, len(questions))
	half := func(past bool) error {
		var asked []Q
		var places []int
		for i, q := range questions {
			if (at(q) != 0) == past {
				asked, places = append(asked, q), append(places, i)
			}
		}
		if len(asked) == 0 {
			return nil
		}
		got, err := read(asked)
		if err == nil {
			err = miscounted("the reader", len(got), len(asked))
		}
		if err != nil {
			return err
		}
		for i, a := range got {
			answers[places[i]] = a
		}
		return nil
	}
	if err := half(false); err != nil {
		return nil, nil, err
	}
	return answers, half(true), nil
}
