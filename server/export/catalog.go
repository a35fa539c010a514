package export

import "github.com/impactql/impactql/graph"

// List is something that can be exported.
type List struct {
	Name string // what the path calls it
	What string // in a few words
	// Field is the path of the graph to the rows, from a company: a connection, a list or
	// one object. With Root it starts from the query.
	Field string
	Root  bool
	// Columns are paths of fields from the row. `components[hours].score` is that of the
	// item of the list whose name is hours.
	Columns []string
	// Above are likewise fields of the object that the rows are a list of.
	Above []string
	// Each is the list in a row of which every item is a row of its own, or lists side by
	// side, such as "retained,withheld,rates"; the column "#name" counts the items from 0.
	Each string
	// Compared are what `change` tells of; it is there with the parameter compareTo.
	Compared []string
	// Page is how many rows the graph gives at once, if more than pageSize.
	Page int
	// Defaults are parameters that are as here unless they are given.
	Defaults map[string]string
}

// Lists is everything that can be exported, by name.
var Lists = []List{
	{
		Name: "companies", What: "the companies that the key may see", Field: "companies", Root: true,
		Columns: []string{"key", "name", "timeZone"},
	},
	{
		Name: "methodologies", What: "every parameter of every formula", Field: "methodologies", Root: true, Each: "parameters",
		Columns: []string{
			"id", "title", "figure", "formula", "rounding", "source", "parameters.name", "parameters.meaning", "parameters.unit",
			"parameters.default", "parameters.range", "parameters.source",
		},
	},
	{
		Name: "metrics", What: "activity and rates of a period", Field: "metrics", Columns: metrics(""), Compared: metricsChanges,
	},
	{
		Name: "sroi", What: "the social return on investment of a period", Field: "sroi", Columns: append(sroi(""), "erasedSince"), Compared: sroiChanges,
	},
	{
		Name: "sroi-parameters", What: "what that was made with", Field: "sroi", Each: "parameters",
		Columns: []string{
			"methodology.id", "parameters.name", "parameters.meaning", "parameters.value", "parameters.unit", "parameters.source",
			"parameters.overridden",
		},
	},
	{
		Name: "sensitivity", What: "what moves the ratio, the most first", Field: "sroi.sensitivity.oneWay",
		Columns:  []string{"variable", "label", "value", "low", "high", "ratioAtLow", "ratioAtHigh", "swing"},
		Defaults: map[string]string{"first": "100"},
	},
	{
		Name: "break-even", What: "what each variable has to be for the ratio to reach a target", Field: "sroi.sensitivity.breakEven",
		Columns:  []string{"variable", "label", "value", "status", "breakEven"},
		Defaults: map[string]string{"first": "100"},
	},
	{
		Name: "confidence", What: "the confidence interval of a figure", Field: "confidence",
		Columns: []string{"suppressed", "participants", "ratio", "shape", "unbounded", "low", "high", "method", "level"},
	},
	{
		Name: "vis", What: "the volunteer impact score of a period", Field: "vis", Columns: append(vis(""), "erasedSince"), Compared: []string{"score"},
	},
	{
		Name: "series", What: "metrics, SROI and VIS by interval", Field: "timeSeries", Defaults: map[string]string{"interval": "MONTH"},
		Columns: join([]string{"start", "end"}, metrics("metrics."), sroi("sroi."), vis("vis.")),
		Compared: join(
			prefixed("metrics.", metricsChanges...), prefixed("sroi.", sroiChanges...), []string{"vis.score"},
		),
	},
	{
		Name: "cohorts", What: "all participants, then the company's cohorts and departments", Field: "cohorts",
		Columns: []string{
			"key", "name", "suppressed", "participantCount", "completionRate", "sroi.ratio", "sroi.investment", "sroi.socialValue",
			"sroi.status", "sroi.methodology.id", "vis.score", "vis.methodology.id", "erasedSince",
		},
	},
	{
		Name: "retention", What: "who came back, by first activity and column", Field: "retention.rows", Each: "retained,withheld,rates",
		Columns: []string{"start", "end", "suppressed", "size", "#column", "withheld", "retained", "rates"}, Above: []string{"erasedSince"},
	},
	{
		Name: "funnel", What: "how far people came, step by step", Field: "funnel.steps",
		Columns: []string{"activity", "programme", "suppressed", "people", "conversion", "medianDays"}, Above: []string{"erasedSince"},
	},
	{
		Name: "volunteers", What: "the volunteers of a period", Field: "volunteers", Defaults: map[string]string{"orderBy": "FIRST_SEEN"},
		Columns: join([]string{"key", "hours", "sessions", "participantsMet"}, vis("vis."), []string{"programmes"}),
	},
	{
		Name: "volunteer-months", What: "what each volunteer did in each month", Field: "volunteers", Each: "months",
		Columns:  []string{"key", "months.month", "months.hours", "months.sessions", "months.participantsMet"},
		Defaults: map[string]string{"orderBy": "FIRST_SEEN"},
	},
	{
		Name: "participants", What: "the participants of a period", Field: "participants",
		Columns:  []string{"key", "hours", "volunteersMet", "ratings", "meanRating", "programmes"},
		Defaults: map[string]string{"orderBy": "FIRST_SEEN"},
	},
	{
		Name: "participant-months", What: "what each participant received in each month", Field: "participants", Each: "months",
		Columns:  []string{"key", "months.month", "months.hours"},
		Defaults: map[string]string{"orderBy": "FIRST_SEEN"},
	},
	{
		Name: "assessments", What: "how each participant was assessed", Field: "participants", Each: "assessments",
		Columns:  []string{"key", "assessments.dimension", "assessments.count", "assessments.first", "assessments.last"},
		Defaults: map[string]string{"orderBy": "FIRST_SEEN"},
	},
	{
		Name: "events", What: "the events that reached the log, the latest first", Field: "events", Page: graph.MaxPage,
		Columns: []string{
			"verdict", "id", "receipt", "kind", "type", "programme", "participant", "volunteer", "session", "occurredAt", "receivedAt",
			"size", "body",
		},
	},
	{
		Name: "restatements", What: "which figures of ended months moved", Field: "restatements",
		Columns: []string{"start", "end", "figure", "before", "now", "difference", "reasons", "eventCount"},
	},
	{
		Name: "restatement-events", What: "up to 20 events that moved each", Field: "restatements", Each: "events",
		Columns: []string{
			"start", "end", "figure", "events.reason", "events.id", "events.receipt", "events.kind", "events.type", "events.programme",
			"events.occurredAt", "events.storedAt",
		},
	},
	{
		Name: "rejects", What: "what was not taken, the latest first", Field: "rejects", Page: graph.MaxPage,
		Columns: []string{
			"id", "status", "code", "message", "pointer", "source", "provider", "apiKey", "schemaVersion", "attempts", "firstReceivedAt",
			"lastReceivedAt", "dueAt", "settledAt", "receipt", "size", "body",
		},
	},
	{
		Name: "intake", What: "how many events were not simply taken", Field: "intake",
		Columns: []string{
			"rejected", "quarantined", "replayed", "dismissed", "refused", "futureDated", "late", "unknownTypes", "conflicts",
		},
	},
	{
		Name: "value-map", What: "the lines of the value map", Field: "valueMap.outcomes",
		Columns: []string{
			"name", "stakeholder", "quantity", "bind.figure", "bind.programme", "bind.period", "proxy", "source", "year", "evidenceGrade",
			"deadweight", "displacement", "attribution", "dropOff", "duration", "startYear",
		},
	},
	{
		Name: "value-map-inputs", What: "the costs of the value map", Field: "valueMap.inputs", Columns: []string{"name", "amount"},
	},
	{
		Name: "settings", What: "the settings of a day", Field: "settings",
		Columns: []string{
			"version", "at", "hourlyValue", "activityWeights.match", "activityWeights.eventAttended", "activityWeights.skillShare",
			"activityWeights.feedback", "activityWeights.milestone", "activityWeights.checkin", "visWeights.hours", "visWeights.quality",
			"visWeights.outcomeLift", "visWeights.placement", "sroiMethodology", "visMethodology", "peerGroup", "timeZone", "weekStart",
			"fiscalYearStart", "minGroup",
		},
	},
	{
		Name: "settings-history", What: "every version of the settings", Field: "settingsHistory",
		Columns: []string{"name", "validFrom", "value"},
	},
	{
		Name: "programme-costs", What: "what programmes cost", Field: "settings.programmeCosts",
		Columns: []string{"id", "programme", "from", "to", "amount", "note"},
	},
	{
		Name: "audit-log", What: "who changed which setting, the latest first", Field: "auditLog",
		Columns: []string{"at", "actor", "setting", "validFrom", "from", "to", "version"},
	},
	{
		Name: "sources", What: "the paths that providers send to", Field: "sources", Root: true,
		Columns: []string{"key", "name", "scheme", "path", "createdAt", "disabledAt"},
	},
}

var (
	metricsChanges = []string{
		"events", "sessions", "participants", "volunteers", "volunteerHours", "avgEngagement", "completionRate", "impactScore",
	}
	sroiChanges = []string{"ratio", "investment", "socialValue"}
)

func metrics(prefix string) []string {
	return prefixed(prefix, "events", "unmappedEvents", "sessions", "participants", "volunteers", "volunteerHours", "avgEngagement",
		"completionRate", "impactScore", "erasedSince")
}

func sroi(prefix string) []string {
	return prefixed(prefix, "ratio", "netRatio", "investment", "socialValue", "netPresentValue", "status", "methodology.id",
		"improvements[integration].points", "improvements[language].points", "improvements[job_readiness].points",
		"improvementMode", "baseline")
}

func vis(prefix string) (columns []string) {
	columns = prefixed(prefix, "score", "band", "methodology.id")
	for _, component := range []string{"hours", "quality", "outcome_lift", "placement"} {
		columns = append(columns, prefixed(prefix+"components["+component+"].", "score", "weight", "covered")...)
	}
	return columns
}

func prefixed(prefix string, names ...string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = prefix + name
	}
	return list
}

func join(lists ...[]string) (all []string) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// listOf is the list of a name.
func listOf(name string) *List {
	for i := range Lists {
		if Lists[i].Name == name {
			return &Lists[i]
		}
	}
	return nil
}
