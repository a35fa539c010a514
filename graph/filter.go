package graph

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// who is a cohort as an argument says it: by a key or by a filter. It is comparable.
type who struct {
	key    string
	filter string // JSON
}

// newWho takes a key, absent being the given one, or a filter.
func newWho(key *string, filter *impact.CohortFilter, absent string) (w who, err error) {
	if filter == nil {
		if key == nil && absent == "" {
			return w, impact.Errorf(impact.CodeInvalid, "name a cohort by its key or by a filter")
		}
		w.key, err = cohortKey(or(key, absent))
		return w, err
	}
	// "all" may be the default of the argument.
	if key != nil && *key != absent {
		return w, impact.Errorf(impact.CodeInvalid, "name a cohort by its key or by a filter, not both")
	}
	if err := filter.Check(); err != nil {
		return w, err
	}
	w.filter = filter.String()
	return w, nil
}

// explained is who it is in explanations, the same however it was written: the key in lower
// case, or the filter as it is for a company on a day; empty is everybody.
func (w who) explained(calendar impact.Calendar, today impact.Day) string {
	if w.key == impact.CohortAll {
		return ""
	}
	filter, _ := w.of(calendar, today) // it was checked
	return cmp.Or(filter, strings.ToLower(w.key))
}

// of is the filter, if there is one, as it is for a company on a day.
func (w who) of(calendar impact.Calendar, today impact.Day) (string, error) {
	if w.filter == "" {
		return "", nil
	}
	f, err := impact.ParseCohortFilter(w.filter)
	if err != nil {
		return "", err
	}
	return f.Dated(calendar, today).String(), nil
}

// filter is the filter of an argument; nil if there is none.
func (a arguments) filter() (*impact.CohortFilter, error) {
	if a["filter"] == nil {
		return nil, nil //nolint:nilnil // absent
	}
	text, err := json.Marshal(coerced(a["filter"]))
	if err != nil {
		return nil, err
	}
	return impact.ParseCohortFilter(string(text))
}

// coerced makes a filter as it was sent one as it is read: single values stand for
// lists of one, and null for nothing.
func coerced(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return v
	}
	all := make(map[string]any, len(fields))
	for name, v := range fields {
		switch {
		case v == nil:
		case name == "and" || name == "or" || name == "department" || name == "in" || name == "notIn":
			sent := arguments(fields).list(name)
			list := make([]any, len(sent)) // what was sent is everybody's
			for i := range sent {
				list[i] = coerced(sent[i])
			}
			all[name] = list
		default:
			all[name] = coerced(v)
		}
	}
	return all
}

func cohortFilterOf(f *model.CohortFilter) *impact.CohortFilter {
	if f == nil {
		return nil
	}
	filter := f.Filter()
	return &filter
}
