package impact

import (
	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// Metrics are the plain figures of the reading, which needs [PartsMetrics]. As
// the methodology's chapter "Metrics" has them:
//
//   - Participants and Volunteers are distinct people over the whole range, so
//     they are never the sum over its parts.
//   - VolunteerHours = time given by named volunteers, in sessions and logged,
//     in milliseconds / 3,600,000.
//   - AvgEngagement = people active as participants in the range / people
//     enrolled or ever active as participants by its end x 100.
//   - CompletionRate = completed enrolments / enrolments started, both by the end
//     of the range, x 100. A participant who enrolled in two programmes has two
//     enrolments; a completion whose start is unknown counts as started.
//
// A quotient whose divisor is 0 is 0. Everything is rounded once, half away from
// zero, to 2 places.
func (r *Reading) Metrics() Metrics {
	c, people := r.total, r.counts()
	m := Metrics{
		Unmapped:       c.Tallies[MeasureOf(KindUnknown)].N,
		Sessions:       c.Tallies[MeasureOf(KindSession)].N,
		Participants:   people.Participants,
		Volunteers:     people.Volunteers,
		VolunteerHours: rounded(hoursOf(c.Tallies[MeasureVolunteerTime].Sum), scorePlaces),
		CompletionRate: percent(people.Completed, people.Enrolments),
	}
	for k := KindUnknown + 1; k < numKinds; k++ {
		m.Events += c.Tallies[MeasureOf(k)].N
	}
	m.AvgEngagement = percent(m.Participants, people.Known)
	return m
}

// completionRate is over the enrolments of members, or of everybody if it is nil.
func (r *Reading) completionRate(members *roaring.Bitmap) decimal.Decimal {
	return percent(r.enrolments(members))
}

// enrolments counts those of members, nil being everybody, by the end of the range.
func (r *Reading) enrolments(members *roaring.Bitmap) (completed, started int64) {
	return countEnrolments(r.Enrolments, members)
}

func countEnrolments(list []Enrolments, members *roaring.Bitmap) (completed, started int64) {
	for _, e := range list {
		if members == nil {
			completed += int64(e.Completed.GetCardinality())
			started += int64(e.Enrolled.OrCardinality(e.Completed))
			continue
		}
		completed += int64(members.AndCardinality(e.Completed))
		started += int64(members.AndCardinality(roaring.Or(e.Enrolled, e.Completed)))
	}
	return completed, started
}

// ImpactScore is the mean of a ratio and a score, on a scale of 0..10 at 2
// places: (min(ratio/10, 1) + vis/100) / 2 x 10. It is made of the figures as they
// are published, so that a client can check it; a ratio that is null or negative
// counts as 0.
func ImpactScore(sroi SROI, vis VIS) decimal.Decimal {
	ratio := decimal.Zero
	if sroi.Ratio.Valid {
		ratio = decimal.Max(ratio, decimal.Min(sroi.Ratio.Decimal, ten))
	}
	twenty := decimal.NewFromInt(20)
	return ratio.Mul(ten).Add(vis.Score).DivRound(twenty, scorePlaces)
}
