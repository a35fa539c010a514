package verify

import (
	"fmt"

	"github.com/impactql/impactql/impact"
)

// held is the version of a dated setting that holds on a day, nil for the default.
func held[V any](versions []impact.Dated[V], day impact.Day) *V {
	var value *V
	for _, v := range versions {
		if v.From <= day {
			value = v.Value
		}
	}
	return value
}

// since moves a day up to the first from which the version of another day holds.
func since[V any](versions []impact.Dated[V], day impact.Day, from *impact.Day) {
	for _, v := range versions {
		if v.From <= day {
			*from = max(*from, v.From)
		}
	}
}

// ratesOn is what hours and activities of a day are worth.
func (r *run) ratesOn(day impact.Day) *rates {
	if r.rates != nil && r.ratesDay == day {
		return r.rates
	}
	s := r.ledger.Settings
	from := impact.Date(day.Year(), 1, 1)
	since(s.HourlyValue, day, &from)
	since(s.ActivityWeights, day, &from)
	r.ratesDay = day
	if r.rates = r.stretches[from]; r.rates != nil {
		return r.rates
	}
	now := &rates{from: from, hour: "29.95", activity: [6]string{"10", "5", "15", "8", "20", "3"}}
	switch day.Year() {
	case 2020:
		now.hour = "28.54"
	case 2022:
		now.hour = "31.80"
	case 2023:
		now.hour = "33.49"
	}
	if own := held(s.HourlyValue, day); own != nil {
		now.hour = own.String()
	}
	if w := held(s.ActivityWeights, day); w != nil {
		now.activity = [6]string{
			w.Match.String(), w.EventAttended.String(), w.SkillShare.String(), w.Feedback.String(), w.Milestone.String(), w.Checkin.String(),
		}
	}
	r.rates, r.stretches[from] = now, now
	return now
}

func (r *run) weightsOn(day impact.Day) weights {
	if w := held(r.ledger.Settings.VISWeights, day); w != nil {
		return weights{
			ratio(int64(w.Hours), million), ratio(int64(w.Quality), million), ratio(int64(w.OutcomeLift), million), ratio(int64(w.Placement), million), ratio(1000, 1),
		}
	}
	return weights{ratio(30, 100), ratio(30, 100), ratio(25, 100), ratio(15, 100), ratio(1000, 1)}
}

// costs are what the days of a period bear of lines of programme costs, evenly.
func (r *run) costs(programme string, days impact.Range) sheet {
	list := make(sheet)
	for _, c := range r.ledger.Settings.Costs {
		if programme != impact.AllProgrammes && c.Programme != programme {
			continue
		}
		shared := min(c.Range.To, days.To) - max(c.Range.From, days.From)
		if shared > 0 && !c.Amount.IsZero() {
			list.set(fmt.Sprintf("programmeCosts[%d]", c.ID), times(numeral(c.Amount.String()), ratio(int64(shared), int64(c.Range.To-c.Range.From))))
		}
	}
	return list
}

// monthsOf is how many calendar months days touch.
func monthsOf(days impact.Range) int64 {
	if days.To <= days.From {
		return 0
	}
	from, to := days.From.Time(), (days.To - 1).Time()
	return int64(12*(to.Year()-from.Year())) + int64(to.Month()) - int64(from.Month()) + 1
}
