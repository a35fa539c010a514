package impact

// Sources that several parameters share.
const (
	sourceTEEI   = "TEEI methodology"
	sourceEvents = "ingested events"
	sourceSVI    = "Social Value International, A Guide to Social Return on Investment (2012)"
	sourceMap    = "the company's value map"
	sourceHourly = "Independent Sector, value of volunteer time"
	sourceGreen  = "HM Treasury, The Green Book: social time preference rate"
	sourceCosts  = "company settings"
)

const (
	unitUSD     = "USD"
	unitShare   = "share"
	unitHours   = "hours"
	unitPeople  = "people"
	unitEvents  = "events"
	unitPoints  = "points of 0 to 1"
	unitPerYear = "share per year"
)

// Methodologies is every released formula, those of SROI first, the default of each
// kind first among its own.
var Methodologies = []Methodology{
	{
		ID: IDTeei1, Title: "TEEI social return on investment", Figure: FigureSROI,
		Formula: "(integration × integrationValue + language × languageValue + jobReadiness × jobReadinessValue, " +
			"× lowConfidenceFactor below a mean confidence of minConfidence) / (hours × hourlyValue + programmeCosts)",
		Rounding: "money 2 places, ratio 2, improvements 4; half away from zero, once at the end",
		Source:   sourceTEEI,
		Parameters: []Parameter{
			{Name: "hours", Meaning: "time given by named volunteers", Unit: unitHours, Min: "0", Source: sourceEvents},
			{Name: "hourlyValue", Meaning: "value of a volunteer's hour, the same in every year; otherwise 2020 28.54, " +
				"2021 29.95, 2022 31.80, 2023 33.49 and 29.95 in any other year",
				Unit: "USD per hour", Min: "0", Source: sourceHourly},
			{Name: "programmeCosts", Meaning: "costs of the period beside the volunteers' time", Unit: unitUSD, Default: "0", Min: "0", Source: sourceCosts},
			{Name: "integration", Meaning: "improvement of integration", Unit: unitPoints, Min: "0", Source: sourceEvents},
			{Name: "language", Meaning: "improvement of language", Unit: unitPoints, Min: "0", Source: sourceEvents},
			{Name: "jobReadiness", Meaning: "improvement of job_readiness", Unit: unitPoints, Min: "0", Source: sourceEvents},
			{Name: "integrationValue", Meaning: "worth of a point of integration", Unit: "USD per point", Default: "150", Min: "0", Source: sourceTEEI},
			{Name: "languageValue", Meaning: "worth of a point of language", Unit: "USD per point", Default: "500", Min: "0", Source: sourceTEEI},
			{Name: "jobReadinessValue", Meaning: "worth of a point of job_readiness", Unit: "USD per point", Default: "300", Min: "0", Source: sourceTEEI},
			{Name: "confidence", Meaning: "mean confidence of the assessments; one that states none counts as 0.85", Unit: unitShare, Min: "0", Max: "1", Source: sourceEvents},
			{Name: "minConfidence", Meaning: "mean confidence below which the value is discounted", Unit: unitShare, Default: "0.7", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "lowConfidenceFactor", Meaning: "what the value is then multiplied with", Unit: unitShare, Default: "0.8", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "improvementMode", Meaning: "MEAN: the mean score of all assessments, or with MEASURED the mean gain of the participants; SUM: the participants' gains added up", Unit: "word", Default: "MEAN", Words: []string{"MEAN", "SUM"}, Source: sourceTEEI},
			{Name: "baseline", Meaning: "ASSUMED: from 0.3; MEASURED: each participant from their own first score where there are two or more in the range, else from 0.3", Unit: "word", Default: "ASSUMED", Words: []string{"ASSUMED", "MEASURED"}, Source: sourceTEEI},
		},
	},
	{
		ID: IDNPV, Title: "TEEI net present value of employment", Figure: FigureSROI,
		Formula: "sum over years t = 1..years of placed × wageLift × employmentMultiplier / (1 + discountRate)^t, / cost; " +
			"net ratio = (sum - cost) / cost",
		Rounding: "money 2 places, ratios 4; half away from zero, once at the end",
		Source:   sourceTEEI,
		Parameters: []Parameter{
			{Name: "placed", Meaning: "participants with an employment outcome", Unit: unitPeople, Min: "0", Source: sourceEvents},
			{Name: "wageLift", Meaning: "average rise of a participant's yearly wage", Unit: "USD per year", Default: "15000", Min: "0", Source: sourceTEEI},
			{Name: "employmentMultiplier", Meaning: "worth to society of a dollar of wages", Unit: "factor", Default: "1.5", Min: "0", Source: sourceTEEI},
			{Name: "discountRate", Meaning: "what a year's delay takes off", Unit: unitPerYear, Default: "0.03", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "years", Meaning: "how long the outcome lasts", Unit: "years", Default: "3", Min: "1", Max: "100", Whole: true, Source: sourceTEEI},
			{Name: "cost", Meaning: "what was put in: the investment of teei-1.0; 0 or less is an error", Unit: unitUSD, Min: "0.01", Source: sourceEvents},
		},
	},
	{
		ID: IDActivity, Title: "TEEI value of activity", Figure: FigureSROI,
		Formula: "(matches × matchValue + eventsAttended × eventValue + skillShares × skillShareValue + feedback × feedbackValue " +
			"+ milestones × milestoneValue + checkins × checkinValue) / (monthCount × monthlyCost)",
		Rounding: "money 2 places, ratio 4; half away from zero, once at the end",
		Source:   sourceTEEI,
		Parameters: []Parameter{
			{Name: "matches", Meaning: "matches made", Unit: unitEvents, Min: "0", Source: sourceEvents},
			{Name: "eventsAttended", Meaning: "attendances of events", Unit: unitEvents, Min: "0", Source: sourceEvents},
			{Name: "skillShares", Meaning: "skill-share sessions", Unit: unitEvents, Min: "0", Source: sourceEvents},
			{Name: "feedback", Meaning: "feedback received", Unit: unitEvents, Min: "0", Source: sourceEvents},
			{Name: "milestones", Meaning: "milestones achieved", Unit: unitEvents, Min: "0", Source: sourceEvents},
			{Name: "checkins", Meaning: "check-ins submitted", Unit: unitEvents, Min: "0", Source: sourceEvents},
			{Name: "matchValue", Meaning: "worth of a match", Unit: unitUSD, Default: "10", Min: "0", Source: sourceTEEI},
			{Name: "eventValue", Meaning: "worth of an attendance", Unit: unitUSD, Default: "5", Min: "0", Source: sourceTEEI},
			{Name: "skillShareValue", Meaning: "worth of a skill-share session", Unit: unitUSD, Default: "15", Min: "0", Source: sourceTEEI},
			{Name: "feedbackValue", Meaning: "worth of a piece of feedback", Unit: unitUSD, Default: "8", Min: "0", Source: sourceTEEI},
			{Name: "milestoneValue", Meaning: "worth of a milestone", Unit: unitUSD, Default: "20", Min: "0", Source: sourceTEEI},
			{Name: "checkinValue", Meaning: "worth of a check-in", Unit: unitUSD, Default: "3", Min: "0", Source: sourceTEEI},
			{Name: "monthlyCost", Meaning: "what a month costs", Unit: "USD per month", Default: "1500", Min: "0", Source: sourceTEEI},
			{Name: "months", Meaning: "count the calendar months touched, or days / 30 rounded up", Unit: "word", Default: "CALENDAR", Words: []string{"CALENDAR", "DAYS30"}, Source: sourceTEEI},
			{Name: "monthCount", Meaning: "months of the period", Unit: "months", Min: "0", Source: "the period; all time is from the first event's day to the last's"},
		},
	},
	{
		ID: IDSVI, Title: "Social Value International value map", Figure: FigureSROI,
		Formula: "sum over lines and years of quantity × proxy × (1 - deadweight) × (1 - displacement) × (1 - attribution) " +
			"× (1 - dropOff)^(t-1) / (1 + discountRate)^year, / total inputs; net ratio = (present value - inputs) / inputs",
		Rounding: "money 2 places, ratios 4, months 2; half away from zero, once at the end",
		Source:   sourceSVI,
		Parameters: []Parameter{
			{Name: "discountRate", Meaning: "what a year's delay takes off", Unit: unitPerYear, Default: "0.035", Min: "0", Max: "1", Source: sourceGreen},
			{Name: "discountTiming", Meaning: "year 1 is discounted by a year, or not at all", Unit: "word", Default: "END_OF_YEAR", Words: []string{"END_OF_YEAR", "YEAR_1_UNDISCOUNTED"}, Source: sourceSVI},
			{Name: "combine", Meaning: "take shares off one after the other, or their sum at once", Unit: "word", Default: "SEQUENTIAL", Words: []string{"SEQUENTIAL", "ADDITIVE"}, Source: sourceSVI},
			{Name: "totalInputs", Meaning: "costs, all together", Unit: unitUSD, Min: "0", Source: sourceMap},
			{Name: "deadweight", Meaning: "of every line: the share that would have happened anyway", Unit: unitShare, Min: "0", Max: "1", Source: sourceMap},
			{Name: "displacement", Meaning: "of every line: the share that displaced other outcomes", Unit: unitShare, Min: "0", Max: "1", Source: sourceMap},
			{Name: "attribution", Meaning: "of every line: the share due to others", Unit: unitShare, Min: "0", Max: "1", Source: sourceMap},
			{Name: "dropOff", Meaning: "of every line: the share lost from year to year", Unit: unitPerYear, Min: "0", Max: "1", Source: sourceMap},
			{Name: "duration", Meaning: "of every line: how long the outcome lasts", Unit: "years", Min: "1", Max: "100", Whole: true, Source: sourceMap},
		},
	},
	{
		ID: IDVis1, Title: "TEEI volunteer impact score", Figure: FigureVIS,
		Formula:  "hoursWeight × hours + qualityWeight × quality + outcomeLiftWeight × outcome lift + placementWeight × placement",
		Rounding: "scores 2 places, half away from zero, once at the end",
		Source:   sourceTEEI,
		Parameters: []Parameter{
			{Name: "hoursWeight", Meaning: "weight of the hours; the weights sum to 1", Unit: unitShare, Default: "0.3", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "qualityWeight", Meaning: "weight of the quality", Unit: unitShare, Default: "0.3", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "outcomeLiftWeight", Meaning: "weight of the outcome lift", Unit: unitShare, Default: "0.25", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "placementWeight", Meaning: "weight of the placements", Unit: unitShare, Default: "0.15", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "fullHours", Meaning: "mean hours per active volunteer that score 100", Unit: unitHours, Default: "1000", Min: "1", Whole: true, Source: sourceTEEI},
		},
	},
	{
		ID: IDVisReporting, Title: "TEEI volunteer impact score, reporting", Figure: FigureVIS,
		Formula: "hoursWeight × min(hours / fullHours, 1) × 100 + sessionsWeight × tier + outcomeWeight × max(0, (improvement - floor) / (1 - floor)) × 100; " +
			"tier of sessions a month: 8 or more 100, 4 or more 75, 2 or more 50, more than 0 25",
		Rounding: "scores 2 places, half away from zero, once at the end",
		Source:   sourceTEEI,
		Parameters: []Parameter{
			{Name: "hoursWeight", Meaning: "weight of the hours; the weights sum to 1", Unit: unitShare, Default: "0.3", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "sessionsWeight", Meaning: "weight of the sessions a month", Unit: unitShare, Default: "0.3", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "outcomeWeight", Meaning: "weight of the outcome", Unit: unitShare, Default: "0.4", Min: "0", Max: "1", Source: sourceTEEI},
			{Name: "fullHours", Meaning: "mean hours per active volunteer that score 100", Unit: unitHours, Default: "100", Min: "1", Whole: true, Source: sourceTEEI},
			{Name: "floor", Meaning: "improvement up to which the outcome is 0", Unit: unitPoints, Default: "0.1", Min: "0", Max: "0.9", Source: sourceTEEI},
		},
	},
}

// The ids of the methodologies.
const (
	IDTeei1        = "teei-1.0"
	IDNPV          = "teei-npv-1.0"
	IDActivity     = "teei-activity-1.0"
	IDSVI          = "svi-2012"
	IDVis1         = "teei-vis-1.0"
	IDVisReporting = "teei-vis-reporting-1.0"
)
