package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// ActivityParams are the parameters of the methodology teei-activity-1.0: what each
// activity is worth and what a month costs, USD.
type ActivityParams struct {
	ID          string
	Values      ActivityWeights
	MonthlyCost decimal.Decimal
	Months      MonthsMode
}

// MonthsMode says how the months of a period are counted.
type MonthsMode string

// The modes.
const (
	MonthsCalendar MonthsMode = "CALENDAR" // the calendar months touched
	MonthsDays30   MonthsMode = "DAYS30"   // the days / 30, rounded up
)

// DefaultActivity is teei-activity-1.0. It must not be changed: callers vary a copy.
var DefaultActivity = ActivityParams{
	ID:          IDActivity,
	Values:      DefaultActivityWeights,
	MonthlyCost: decimal.NewFromInt(1500),
	Months:      MonthsCalendar,
}

func (w *ActivityWeights) list() []*decimal.Decimal {
	return []*decimal.Decimal{&w.Match, &w.EventAttended, &w.SkillShare, &w.Feedback, &w.Milestone, &w.Checkin}
}

// list is in the order of [ActivityWeights].
func (c *ActivityCounts) list() [6]int64 {
	return [...]int64{c.Matches, c.EventsAttended, c.SkillShares, c.Feedback, c.Milestones, c.Checkins}
}

func (c *ActivityCounts) add(o *ActivityCounts) {
	c.Matches += o.Matches
	c.EventsAttended += o.EventsAttended
	c.SkillShares += o.SkillShares
	c.Feedback += o.Feedback
	c.Milestones += o.Milestones
	c.Checkins += o.Checkins
	c.Sessions += o.Sessions
}

// ActivityTeei1 is the ratio of the TEEI methodology teei-activity-1.0:
//
//	value      = sum over activities of count x worth   USD, 2 places
//	investment = months x monthly cost                  USD, 2 places
//	ratio      = value / investment                     4 places
//
// An investment that is published as 0.00 or less has no ratio, and the status
// [FigureInsufficientData].
func ActivityTeei1(counts ActivityCounts, months int64, p ActivityParams) SROI {
	value := new(big.Rat)
	worth := p.Values.list()
	for i, n := range counts.list() {
		value.Add(value, new(big.Rat).Mul(ratInt(n), worth[i].Rat()))
	}
	return activityRatioOf(value, new(big.Rat).Mul(ratInt(months), p.MonthlyCost.Rat()), p.ID)
}

func activityRatioOf(value, investment *big.Rat, id string) SROI {
	s := SROI{
		Methodology: id, Status: FigureInsufficientData,
		Investment: rounded(investment, moneyPlaces), SocialValue: rounded(value, moneyPlaces),
	}
	if s.Investment.IsPositive() {
		s.Status = FigureOK
		s.setRatio(value, investment)
	}
	return s
}

// Months is how many months a range counts for; an empty one for none.
func (r Range) Months(mode MonthsMode) int64 {
	if r.To <= r.From {
		return 0
	}
	if mode == MonthsDays30 {
		return (int64(r.To-r.From) + 29) / 30
	}
	y0, m0, _ := r.From.Time().Date()
	y1, m1, _ := (r.To - 1).Time().Date()
	return int64(12*(y1-y0)+int(m1-m0)) + 1
}
