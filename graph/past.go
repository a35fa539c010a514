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

// pastAsks is what is asked about moments.
type pastAsks struct {
	place map[moment]int
	asked []impact.PastAsk
}

// add asks the same about all companies of a group, if it is not about now.
func (p *pastAsks) add(g *model.Group, ask impact.PastAsk) {
	if ask.AsOf == 0 {
		return
	}
	if p.place == nil {
		p.place = make(map[moment]int)
	}
	for _, c := range g.Companies {
		m := moment{c.ID, ask.AsOf}
		i, known := p.place[m]
		if !known {
			i = len(p.asked)
			p.place[m], p.asked = i, append(p.asked, impact.PastAsk{Company: c.ID, AsOf: ask.AsOf})
		}
		p.asked[i].Active = p.asked[i].Active || ask.Active
		p.asked[i].Cohorts = p.asked[i].Cohorts || ask.Cohorts
	}
}

func (p *pastAsks) read(ctx context.Context, r Reader) pasts {
	if len(p.asked) == 0 {
		return pasts{}
	}
	list, err := r.Past(ctx, p.asked)
	if err == nil {
		err = miscounted("Past", len(list), len(p.asked))
	}
	if err != nil {
		return pasts{err: err}
	}
	of := make(map[moment]*impact.Past, len(p.asked))
	for m, i := range p.place {
		of[m] = list[i]
	}
	return pasts{of: of}
}

// readPast is what the figures that groups ask for depended on at their instants, beside
// events; and which cohorts there were to be listed.
func (q *request) readPast(ctx context.Context, groups []*model.Group, all []*asks, listed bool) pasts {
	var p pastAsks
	for i, g := range groups {
		for _, f := range all[i].figures {
			p.add(g, impact.PastAsk{AsOf: f.asOf, Active: f.isUnbounded() || all[i].mayCountMonths(f)})
		}
		for _, c := range all[i].cohorts {
			p.add(g, impact.PastAsk{AsOf: c.asOf})
		}
		for _, page := range all[i].pages {
			p.add(g, impact.PastAsk{AsOf: page.asOf, Cohorts: listed})
		}
	}
	return p.read(ctx, q.Reader)
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
	questions []Q, at func(place int) impact.AsOf, read func([]Q) ([]A, error),
) (answers []A, pastErr, err error) {
	answers = make([]A, len(questions))
	half := func(past bool) error {
		var asked []Q
		var places []int
		for i, q := range questions {
			if (at(i) != 0) == past {
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
