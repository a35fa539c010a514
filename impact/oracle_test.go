package impact_test

import (
	"math/big"
	"time"

	"github.com/impactql/impactql/impact"
)

// An oracle works figures out from the events themselves, once per figure, by
// people's names and in rationals. It shares no code with what it judges.
type oracle struct {
	in     []*impact.Event // of the programme and the range
	before []*impact.Event // of the programme, up to the range's end
	loc    *time.Location
}

// from and to are dates, both included.
func newOracle(w *world, programme, from, to string) *oracle {
	o := &oracle{loc: w.cal.Location}
	for _, e := range w.events {
		date := e.OccurredAt.In(o.loc).Format("2006-01-02")
		if programme != "*" && e.Programme != programme || date > to {
			continue
		}
		o.before = append(o.before, e)
		if date >= from {
			o.in = append(o.in, e)
		}
	}
	return o
}

type names = map[string]bool

func frac(a, b int64) *big.Rat { return big.NewRat(a, b) }
func plus(a, b *big.Rat) *big.Rat {
	return new(big.Rat).Add(a, b)
}
func minus(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func times(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func over(a, b *big.Rat) *big.Rat  { return new(big.Rat).Quo(a, b) }
func count(n int) *big.Rat         { return frac(int64(n), 1) }

func percentOf(part, whole int) *big.Rat {
	if whole == 0 {
		return new(big.Rat)
	}
	return frac(int64(100*part), int64(whole))
}

func mean(xs []*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, x := range xs {
		sum = plus(sum, x)
	}
	return over(sum, count(len(xs)))
}

func positive(x *big.Rat) *big.Rat {
	if x.Sign() < 0 {
		return new(big.Rat)
	}
	return x
}

// activeAs are the people who did something: to be enrolled, placed or listed, to
// donate or to end a match is not activity.
func activeAs(events []*impact.Event, person func(*impact.Event) string) names {
	found := names{}
	for _, e := range events {
		if person(e) != "" && activity[e.Kind] && !endsMatch(e) {
			found[person(e)] = true
		}
	}
	return found
}

var activity = map[impact.Kind]bool{
	impact.KindSession: true, impact.KindFeedback: true, impact.KindCheckin: true, impact.KindMilestone: true,
	impact.KindOutcome: true, impact.KindCourse: true, impact.KindVolunteerHours: true, impact.KindMatch: true,
	impact.KindEventAttended: true,
}

func endsMatch(e *impact.Event) bool {
	return e.Kind == impact.KindMatch && e.Status == impact.StatusEnded
}

func participantOf(e *impact.Event) string { return e.Participant }
func volunteerOf(e *impact.Event) string   { return e.Volunteer }

func (o *oracle) metrics() (events, unmapped, sessions, participants, volunteers int, hours, engagement, completion *big.Rat) {
	hours = new(big.Rat)
	for _, e := range o.in {
		if e.Kind == impact.KindUnknown {
			unmapped++
		} else {
			events++
		}
		if e.Kind == impact.KindSession {
			sessions++
		}
	}
	for year := 1970; year < 2200; year++ {
		hours = plus(hours, o.hoursGiven(year, nil))
	}
	known := activeAs(o.before, participantOf)
	for _, e := range o.before {
		if e.Kind == impact.KindEnrollment && e.Participant != "" {
			known[e.Participant] = true
		}
	}
	participants = len(activeAs(o.in, participantOf))
	volunteers = len(activeAs(o.in, volunteerOf))
	return events, unmapped, sessions, participants, volunteers, hours, percentOf(participants, len(known)), o.completion(nil)
}

func (o *oracle) completion(members names) *big.Rat {
	started, completed := names{}, names{}
	for _, e := range o.before {
		if e.Kind == impact.KindEnrollment && e.Participant != "" && (members == nil || members[e.Participant]) {
			started[e.Programme+" "+e.Participant] = true
			if e.Status == impact.StatusCompleted {
				completed[e.Programme+" "+e.Participant] = true
			}
		}
	}
	return percentOf(len(completed), len(started))
}

// hoursGiven are the hours of named volunteers in a year: of everything, or of
// sessions with members.
func (o *oracle) hoursGiven(year int, members names) *big.Rat {
	sum := new(big.Rat)
	for _, e := range o.in {
		if e.OccurredAt.In(o.loc).Year() != year || e.Volunteer == "" {
			continue
		}
		if members == nil && (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) ||
			members != nil && e.Kind == impact.KindSession && members[e.Participant] {
			sum = plus(sum, frac(e.DurationMS, 3_600_000))
		}
	}
	return sum
}

func isAssessment(e *impact.Event) bool {
	return e.Kind == impact.KindOutcome && e.Participant != "" && e.Dimension != impact.DimensionNone
}

func unit(m impact.Micro) *big.Rat { return frac(int64(m), 1_000_000) }

// scores are those of one person (or of all members) in a dimension, and their
// first and last.
func (o *oracle) scores(d impact.Dimension, of func(string) bool) (all []*big.Rat, first, last *impact.Event) {
	for _, e := range o.in {
		if !isAssessment(e) || e.Dimension != d || !of(e.Participant) {
			continue
		}
		all = append(all, unit(e.Score))
		at := e.OccurredAt
		if first == nil || at.Before(first.OccurredAt) || at.Equal(first.OccurredAt) && e.Score < first.Score {
			first = e
		}
		if last == nil || at.After(last.OccurredAt) || at.Equal(last.OccurredAt) && e.Score > last.Score {
			last = e
		}
	}
	return all, first, last
}

func (o *oracle) everybody() names {
	found := names{}
	for _, e := range o.in {
		if e.Participant != "" {
			found[e.Participant] = true
		}
	}
	return found
}

func (o *oracle) improvement(d impact.Dimension, members names, baseline impact.Baseline, mode impact.ImprovementMode) *big.Rat {
	assumed := frac(3, 10)
	if baseline == impact.BaselineAssumed && mode == impact.ImprovementMean {
		all, _, _ := o.scores(d, func(who string) bool { return members[who] })
		if len(all) == 0 {
			return new(big.Rat)
		}
		return positive(minus(mean(all), assumed))
	}
	sum, people := new(big.Rat), 0
	for member := range members {
		own, first, _ := o.scores(d, func(who string) bool { return who == member })
		if len(own) == 0 {
			continue
		}
		people++
		from := assumed
		if baseline == impact.BaselineMeasured && len(own) >= 2 {
			from = unit(first.Score)
		}
		by := minus(mean(own), from)
		if mode == impact.ImprovementSum {
			by = positive(by)
		}
		sum = plus(sum, by)
	}
	if mode == impact.ImprovementMean && people > 0 {
		sum = over(sum, count(people))
	}
	return positive(sum)
}

// sroi is the company's where members is nil. A nil ratio is none.
func (o *oracle) sroi(members names, baseline impact.Baseline, mode impact.ImprovementMode) (investment, value, ratio *big.Rat) {
	investment, value = new(big.Rat), new(big.Rat)
	for year := 1970; year < 2200; year++ {
		rate := frac(2995, 100)
		switch year {
		case 2020:
			rate = frac(2854, 100)
		case 2022:
			rate = frac(3180, 100)
		case 2023:
			rate = frac(3349, 100)
		}
		investment = plus(investment, times(o.hoursGiven(year, members), rate))
	}
	if members == nil {
		members = o.everybody()
	}
	value = plus(value, times(count(150), o.improvement(impact.Integration, members, baseline, mode)))
	value = plus(value, times(count(500), o.improvement(impact.Language, members, baseline, mode)))
	value = plus(value, times(count(300), o.improvement(impact.JobReadiness, members, baseline, mode)))
	var confidence []*big.Rat
	for _, e := range o.in {
		valued := e.Dimension == impact.Integration || e.Dimension == impact.Language || e.Dimension == impact.JobReadiness
		if !isAssessment(e) || !valued || !members[e.Participant] {
			continue
		}
		if e.HasConfidence {
			confidence = append(confidence, unit(e.Confidence))
		} else {
			confidence = append(confidence, frac(85, 100))
		}
	}
	if len(confidence) > 0 && mean(confidence).Cmp(frac(7, 10)) < 0 {
		value = times(value, frac(8, 10))
	}
	if investment.FloatString(2) == "0.00" {
		return investment, value, nil
	}
	return investment, value, over(value, investment)
}

// vis is over a group of participants, given so many hours and so many volunteers.
func (o *oracle) vis(group names, anyRating bool, hours *big.Rat, volunteers int) *big.Rat {
	score := new(big.Rat)
	if volunteers > 0 {
		part := over(over(hours, count(volunteers)), count(1000))
		if part.Cmp(count(1)) > 0 {
			part = count(1)
		}
		score = plus(score, times(frac(30, 1), part))
	}

	of := func(who string) bool { return group[who] }
	var quality, ratings []*big.Rat
	for _, d := range []impact.Dimension{impact.Confidence, impact.Belonging, impact.WellBeing, impact.JobReadiness} {
		if all, _, _ := o.scores(d, of); len(all) > 0 {
			quality = append(quality, mean(all))
		}
	}
	for _, e := range o.in {
		if e.Kind == impact.KindFeedback && !e.FromVolunteer && e.ScoreScale != impact.ScaleNone && (anyRating || of(e.Participant)) {
			ratings = append(ratings, unit(e.Score))
		}
	}
	if len(quality) == 0 {
		quality = ratings
	}
	if len(quality) > 0 {
		score = plus(score, times(count(30), mean(quality)))
	}

	improved, twice := 0, 0
	for who := range group {
		sum, counts := int64(0), false
		for _, d := range impact.Dimensions {
			all, first, last := o.scores(d, func(name string) bool { return name == who })
			if len(all) >= 2 {
				counts = true
				sum += int64(last.Score) - int64(first.Score)
			}
		}
		if counts {
			twice++
		}
		if sum > 0 {
			improved++
		}
	}
	score = plus(score, times(frac(25, 100), percentOf(improved, twice)))

	placed, ready := names{}, names{}
	for _, e := range o.in {
		if !of(e.Participant) {
			continue
		}
		if e.Kind == impact.KindPlacement && e.Status == impact.StatusPlaced {
			placed[e.Participant], ready[e.Participant] = true, true
		}
		if isAssessment(e) && e.Dimension == impact.JobReadiness && e.Score >= 700_000 {
			ready[e.Participant] = true
		}
	}
	return plus(score, times(frac(15, 100), percentOf(len(placed), len(ready))))
}

func (o *oracle) companyVIS() *big.Rat {
	hours, logged := new(big.Rat), false
	for _, e := range o.in {
		if e.Volunteer != "" && (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) {
			hours = plus(hours, frac(e.DurationMS, 3_600_000))
			logged = true
		}
	}
	volunteers := 0
	if logged {
		volunteers = len(activeAs(o.in, volunteerOf))
	}
	return o.vis(o.everybody(), true, hours, volunteers)
}

// metBy are the participants whom a volunteer had a session with or was matched to.
func (o *oracle) metBy(volunteer string) names {
	met := names{}
	for _, e := range o.in {
		if e.Volunteer == volunteer && e.Participant != "" && !endsMatch(e) &&
			(e.Kind == impact.KindSession || e.Kind == impact.KindMatch) {
			met[e.Participant] = true
		}
	}
	return met
}

func (o *oracle) volunteerVIS(volunteer string) *big.Rat {
	hours, logged := new(big.Rat), 0
	for _, e := range o.in {
		if e.Volunteer == volunteer && (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) {
			hours = plus(hours, frac(e.DurationMS, 3_600_000))
			logged = 1
		}
	}
	return o.vis(o.metBy(volunteer), false, hours, logged)
}

// avgVIS is the mean of the volunteers' published scores, over those who met a
// member; nil members are everybody.
func (o *oracle) avgVIS(members names) *big.Rat {
	var scores []*big.Rat
	for volunteer := range activeAs(o.in, volunteerOf) {
		for who := range o.metBy(volunteer) {
			if members == nil || members[who] {
				published, _ := new(big.Rat).SetString(o.volunteerVIS(volunteer).FloatString(2))
				scores = append(scores, published)
				break
			}
		}
	}
	if len(scores) == 0 {
		return new(big.Rat)
	}
	return mean(scores)
}
