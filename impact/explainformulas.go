package impact

import "slices"

// whereTime and the others say what names of several formulas stand for.
const (
	whereTime = "hours × hourlyValue is the sum over days d of time[d] / 3600000 × hourlyValue[d]; " +
		"programmeCosts is the sum of all programmeCosts[n]"
	whereScores = "is max(0, score.integration.sum / score.integration.count - baselineScore), 0 without scores; " +
		"language and jobReadiness likewise of score.language and score.job_readiness"
	// whereOwn is of the modes in which participants are measured by themselves.
	whereOwn = "; with improvementMode SUM or baseline MEASURED it is an input instead: over the participants with scores in the range, each gain being " +
		"the participant's mean score - own baseline, which with MEASURED is the first of two or more scores and else baselineScore, " +
		"with MEAN it is max(0, sum of the gains / number of the participants), with SUM the sum of max(0, gain)"
	whereBands = "the band is Developing below a published score of 31, Good below 51, Excellent below 71, Outstanding below 86, else Transformational"
)

// where says of each methodology what the names of its formula stand for that are not
// inputs or parameters.
var where = map[string]string{
	IDTeei1: whereTime + "; integration " + whereScores + whereOwn + "; confidence is the sum over d of (confidence.d.sum + " +
		"(score.d.count - confidence.d.count) × absentConfidence) / the sum over d of score.d.count, d being integration, language and job_readiness; " +
		"absentConfidence without scores; there is no ratio if the investment is published as 0.00",
	IDNPV: "cost is hours × hourlyValue + programmeCosts; " + whereTime + "; there is no ratio if cost is 0",
	IDActivity: "matches × matchValue is the sum over days d of matches[d] × matchValue[d]; the others likewise; what is not there is 0; " +
		"there is no ratio if the investment is published as 0.00",
	IDSVI: "lines are outcomes[n]; total inputs is the sum of all inputs[n].amount; year is startYear + t - 1, t = 1..duration, and 1 less in the " +
		"exponent of (1 + discountRate) with YEAR_1_UNDISCOUNTED; with ADDITIVE the three shares are (1 - deadweight - displacement - attribution)",
	IDVis1: "hours is min(time / 3600000 / volunteers / fullHours, 1) × 100; quality is the mean over the score.d that are there of score.d.sum / score.d.count, " +
		"without them rating.sum / rating.count, × 100; outcome lift is improved / assessedTwice × 100; placement is placed / jobReady × 100; " +
		"a part whose divisor is 0 or not there is 0; " + whereBands,
	IDVisReporting: "hours is time / 3600000 / volunteers; sessions a month is sessions / (volunteers × months); improvement is the mean over those of " +
		"integration, language and jobReadiness that have scores, where integration " + whereScores + "; a part without volunteers, months or scores is 0; " + whereBands,
}

const metricsFormula = "events is the sum of all count.k but count.unknown, which is unmappedEvents; sessions is count.session.completed; participants and " +
	"volunteers are distinct people; volunteerHours is time / 3600000; avgEngagement is participants / known × 100; completionRate is " +
	"enrolmentsCompleted / enrolments × 100; 0 where the divisor is 0; impactScore is (min(max(sroiRatio, 0) / 10, 1) + visScore / 100) / 2 × 10; " +
	"rates, hours and scores 2 places, half away from zero, once at the end"

const (
	cohortFormula = "participantCount is participants, distinct members who were active; completionRate is enrolmentsCompleted / enrolments × 100 " +
		"by the end of the period, 0 without enrolments; 2 places, half away from zero, once at the end"
	cohortVISFormula = "score is scores.sum / scores.count, 0 without scores, 2 places, half away from zero; the scores are those of the volunteers who met " +
		"a member who was active, in a session or a match, each by teei-vis-1.0 as published: " +
		"of the volunteer's own hours, and of all the participants whom they met, with the weights and fullHours of the parameters"
	whereMembers = "; of a cohort, time is what named volunteers gave in sessions with members, scores and confidence are of members, and there are no programme costs"
)

// activeKinds are the kinds of the events whose people are active; a match that ended is
// none.
var activeKinds = []Kind{KindSession, KindVolunteerHours, KindFeedback, KindCheckin, KindMilestone, KindOutcome, KindCourse, KindMatch, KindEventAttended}

const (
	sourceAsked    = "the question"
	whereWithheld  = "; what is not there is withheld, see Small groups"
	whereVolunteer = "; of a volunteer, time is their own, volunteers is 1 if there is any, and all else is of the participants whom they met"
)

// analysisFormulas are the formulas of figures that are no methodology's.
var analysisFormulas = map[string]string{
	IDRetention: "a row n is the participants who were active on a day of interval[n] and on none before it, in the programme if there is one; size[n] is how many; " +
		"a column k is the intervals from n + width[0] + ... + width[k-1] on, width[k] of them; retained[n][k] is how many of the row were active on a day of the column, " +
		"with ROLLING on one of it or later, up to now; a column is told once its last day is over; rate is retained[n][k] / size[n] × 100, 2 places, half away from zero; " +
		"active is the participant of an event of one of the kinds of the events, but for a match that ended" + whereWithheld,
	IDFunnel: "people of step n are those who for some start, a day of the period on which they did the first step, did each further step up to n " +
		"on the day of the one before or later, later if both are the same, and at most window days after the start, also after the period; medianDays is the median, the mean of the middle two, of the days from step n - 1 to the first day on which they " +
		"came to step n, of several starts that lead there that day from the latest, and from each step to the next on the first day that can be; conversion is steps[n].people / steps[0].people × 100, " +
		"2 places, half away from zero" + whereWithheld,
	IDConfidence: "ratio is above.sum / below.sum, the sums over participants; DELTA: ratio -+ t × standardError, t being the quantile 1 - (1 - level) / 2 of Student's t with " +
		"participants - 1 degrees; FIELLER: the q for which (y - q × x)² <= t² × (above.variance - 2 × q × covariance + q² × below.variance), y and x being the sums / participants, " +
		"and the variances those of y and x; both as few digits as make the interval; BOOTSTRAP and PERCENTILE: participants in the order FIRST_SEEN, of whom as many are drawn " +
		"anew draws times, with replacement, by PCG-DXSM from the seed; the quantiles (1 - level) / 2 and 1 - (1 - level) / 2 of their ratios, by BOOTSTRAP corrected by BCa; " +
		"4 places, half away from zero, in double precision; see the documentation, page Methodology, chapter To check an analysis",
	IDChange: "absolute is now - base, relative is (now - base) / |base| × 100, 2 places, half away from zero, and none where base is 0; now and base are as published " +
		"by the explanations of these hashes, that of base over the days base.start to base.end",
	IDBenchmark: "value is the cohort's, by the explanations of these hashes; HOURS_PER_VOLUNTEER is the volunteerHours as published / volunteers of metrics; a quartile is the " +
		"mean of three peers: of the n sorted from 0, those from round((n - 1) × share) - 1 on, at least 0 and at most n - 3, share being 0.25, 0.5 and 0.75; two significant digits, " +
		"at most 2 places, half away from zero; peers are told from 5 on, or from the company's own smallest group if that is more, and none of them by itself",
}

// explainedFormula is a formula with what its names stand for; members says that it is of
// some participants.
func explainedFormula(methodology string, members bool) string {
	switch methodology {
	case MetricsMethodology:
		return metricsFormula
	case IDCohort:
		return cohortFormula
	case IDCohortVIS:
		return cohortVISFormula
	}
	m := MethodologyByID(methodology)
	of := ""
	if members {
		of = whereMembers
	}
	return m.Formula + "; where " + where[methodology] + of + ". " + m.Rounding
}

// ExplainedKinds are the kinds of the events that figures by a methodology are made of; nil
// is all of them.
func ExplainedKinds(methodology string) []Kind {
	if methodology == IDCohortVIS {
		methodology = IDVis1
	}
	return explainedKinds[methodology]
}

var explainedKinds = map[string][]Kind{
	IDTeei1:        {KindSession, KindVolunteerHours, KindOutcome},
	IDNPV:          {KindSession, KindVolunteerHours, KindPlacement},
	IDActivity:     {KindSession, KindMatch, KindEventAttended, KindFeedback, KindMilestone, KindCheckin},
	IDCohort:       append(slices.Clone(activeKinds), KindEnrollment),
	IDVis1:         append(slices.Clone(activeKinds), KindPlacement),
	IDVisReporting: activeKinds,
}
