package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// valueMap is the company's, as it is stored. Without a rate it is 3.5 %.
type valueMap struct {
	DiscountRate            *number
	DiscountTiming, Combine string
	Inputs                  []struct{ Amount number }
	Outcomes                []valueLine
}

// valueLine is an outcome. What is left out of the last two is 1.
type valueLine struct {
	Quantity, Proxy, Deadweight, Displacement, Attribution, DropOff number
	Duration, StartYear                                             *int64
	Bind                                                            *struct{ Figure, Programme, Period string }

	bound *boundPeriod // nil: the period that is asked for
}

// number is a JSON string or number, exact; what is left out is 0.
type number struct{ *big.Rat }

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) > 1 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	var ok bool
	if n.Rat, ok = new(big.Rat).SetString(text); !ok {
		return fmt.Errorf("%s is no number", data)
	}
	return nil
}

func (n number) value() *big.Rat {
	if n.Rat == nil {
		return new(big.Rat)
	}
	return n.Rat
}

// boundPeriod is what happens in a period that a line names.
type boundPeriod struct {
	period
	history map[string]*history
}

func (b *boundPeriod) of(programme string) (*account, *history) {
	if b.accounts[programme] == nil {
		b.accounts[programme], b.history[programme] = newAccount(), newHistory()
	}
	return b.accounts[programme], b.history[programme]
}

// prepareMap reads the company's value map.
func (r *run) prepareMap(ctx context.Context) error {
	text, err := r.ledger.ValueMap(ctx)
	if err != nil || text == "" {
		return err
	}
	r.valueMap = new(valueMap)
	if err := json.Unmarshal([]byte(text), r.valueMap); err != nil {
		return fmt.Errorf("value map: %w", err)
	}
	c := r.ledger.Company
	for i := range r.valueMap.Outcomes {
		line := &r.valueMap.Outcomes[i]
		if line.Bind == nil || line.Bind.Period == "" {
			continue
		}
		named, err := impact.ParsePeriod(line.Bind.Period)
		if err != nil {
			return fmt.Errorf("value map: %w", err)
		}
		line.bound = &boundPeriod{*newPeriod(line.Bind.Period, named.Range(c.Calendar, c.Today(time.Now()))), make(map[string]*history)}
		r.bound = append(r.bound, line.bound)
	}
	return nil
}

func (b *boundPeriod) add(e *db.LedgerEvent, day impact.Day, rates *rates) {
	if day >= b.days.To {
		return
	}
	for _, programme := range [...]string{impact.AllProgrammes, e.Programme} {
		a, h := b.of(programme)
		if h.add(e); day >= b.days.From {
			a.add(e, rates)
		}
	}
}

// mapClaim is a period and a programme for which the map is worked out once the whole log
// was read: a line can be bound to what comes later. quantities are those that are of the
// period.
type mapClaim struct {
	period, programme string
	days              impact.Range
	quantities        map[int]*big.Rat
}

func (r *run) claimMap(p *period, programme string) {
	claim := mapClaim{p.name, programme, p.days, make(map[int]*big.Rat)}
	for i := range r.valueMap.Outcomes {
		line := &r.valueMap.Outcomes[i]
		if line.Bind == nil || line.bound != nil {
			continue
		}
		of := or(line.Bind.Programme, programme)
		a, h := p.accounts[of], r.history[of]
		if a == nil {
			a = newAccount()
		}
		if h == nil {
			h = newHistory()
		}
		claim.quantities[i] = a.figure(h, line.Bind.Figure)
	}
	r.maps = append(r.maps, claim)
}

// figure is a live figure that a quantity can be bound to.
func (a *account) figure(h *history, name string) *big.Rat {
	participants, volunteers := a.counts()
	n := int64(0)
	switch name {
	case "VOLUNTEER_HOURS":
		const places = 10
		return numeral(fixed(ratio(sumOf(a.time), hour), places))
	case "PARTICIPANTS":
		n = participants
	case "PARTICIPANTS_PLACED":
		for _, p := range a.people {
			if p.placed {
				n++
			}
		}
	case "PARTICIPANTS_JOB_READY":
		for _, p := range a.people {
			if p.ready {
				n++
			}
		}
	case "VOLUNTEERS":
		n = volunteers
	case "SESSIONS":
		n = a.kinds[impact.KindSession]
	case "COURSE_COMPLETIONS":
		n = a.courses
	case "ENROLMENTS":
		n = int64(len(h.enrolled))
	case "ENROLMENTS_COMPLETED":
		n = int64(len(h.finished))
	case "MATCHES":
		n = a.activity[0]
	case "EVENTS_ATTENDED":
		n = a.activity[1]
	case "SKILL_SHARES":
		n = a.activity[2]
	case "FEEDBACK":
		n = a.activity[3]
	case "MILESTONES":
		n = a.activity[4]
	case "CHECKINS":
		n = a.activity[5]
	}
	return ratio(n, 1)
}

// mapSheet is what the map is made of.
func (r *run) mapSheet(claim *mapClaim) sheet {
	m := r.valueMap
	list := sheet{"discountRate": "0.035", "discountTiming": or(m.DiscountTiming, "END_OF_YEAR"), "combine": or(m.Combine, "SEQUENTIAL")}
	if m.DiscountRate != nil {
		list.set("discountRate", m.DiscountRate.value())
	}
	for i := range m.Inputs {
		list.set(fmt.Sprintf("inputs[%d].amount", i), m.Inputs[i].Amount.value())
	}
	for i := range m.Outcomes {
		line := &m.Outcomes[i]
		at := fmt.Sprintf("outcomes[%d].", i)
		quantity := line.Quantity.value()
		switch {
		case line.bound != nil:
			a, h := line.bound.of(or(line.Bind.Programme, claim.programme))
			quantity = a.figure(h, line.Bind.Figure)
		case line.Bind != nil:
			quantity = claim.quantities[i]
		}
		list.set(at+"quantity", quantity)
		for name, x := range map[string]number{
			"proxy": line.Proxy, "deadweight": line.Deadweight, "displacement": line.Displacement, "attribution": line.Attribution, "dropOff": line.DropOff,
		} {
			list.set(at+name, x.value())
		}
		for name, n := range map[string]*int64{"duration": line.Duration, "startYear": line.StartYear} {
			list[at+name] = "1"
			if n != nil {
				list.count(at+name, *n)
			}
		}
	}
	return list
}

// compareMaps compares what the map comes to with what readers make of it.
func (r *run) compareMaps(ctx context.Context) error {
	if len(r.maps) == 0 {
		return nil
	}
	c := r.ledger.Company
	stored, err := r.ledger.Figures.ValueMaps(ctx, []impact.CompanyID{c.ID})
	if err != nil {
		return err
	}
	m := stored[0]
	var questions []impact.Question
	for i := range r.maps {
		for line := range m.Outcomes {
			if bind := m.Outcomes[line].Bind; bind != nil {
				q := impact.Question{Company: c.ID, Programme: or(bind.Programme, r.maps[i].programme), Range: r.maps[i].days, Parts: impact.PartsMetrics}
				if bind.Period != nil {
					q.Range = bind.Period.Range(c.Calendar, c.Today(time.Now()))
				}
				questions = append(questions, q)
			}
		}
	}
	told, err := r.ledger.Figures.Figures(ctx, questions)
	if err != nil {
		return err
	}
	for i := range r.maps {
		of := &r.maps[i]
		quantities := make(map[int]decimal.Decimal)
		for line := range m.Outcomes {
			if bind := m.Outcomes[line].Bind; bind != nil {
				quantities[line], told = told[0].Basis.Figure(bind.Figure), told[1:]
			}
		}
		live, err := m.Bound(quantities).Live(nil)
		if err != nil {
			return err
		}
		const prefix = "sroi svi-2012 "
		told := answer{valueOverOf(prefix, &live.SROI), live.Explain(c.Key, impact.Question{Programme: of.programme, Range: of.days})}
		r.judgeParts(&claim{period: of.period, programme: of.programme, days: of.days}, "", []part{newPart(prefix, impact.IDSVI, r.mapSheet(of))}, []answer{told})
	}
	return nil
}
