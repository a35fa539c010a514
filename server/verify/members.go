package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// filter is a cohort's definition, as it is stored.
type filter struct {
	And, Or    []filter
	Not        *filter
	Department []string
	Attribute  *struct {
		Name      string
		In, NotIn []string
	}
	Did *did
}

// did is who did something in a programme, or in any, in a period, or ever.
type did struct{ Activity, Programme, Period string }

// cohort is one that a filter tells.
type cohort struct {
	name, key, text string // the key is empty of one that is not stored; the text then is its filter
	filter          filter
	members         map[string]bool
}

// Bounds of what is compared of cohorts by filters: those that are stored first, and the
// programmes with all of them together first.
const (
	maxFilters           = 50
	maxFilterProgrammes  = 4
	maxSampledAttributes = 2
)

// crowd is who was where and who did what, now or as of an instant.
type crowd struct {
	departments map[string]map[string]bool
	attributes  map[string]map[string]string // by person and name
	cohorts     []*cohort                    // by a filter
	defined     map[string]bool              // those that the company defined
	doers       map[did]*doers
}

// newCrowd is of directory events that count.
func newCrowd(listed []*db.LedgerEvent) (c crowd, err error) {
	c.departments, c.defined, c.doers = departments(listed), make(map[string]bool), make(map[did]*doers)
	c.attributes, err = attributes(listed)
	return c, err
}

// collect collects the cohorts by a filter to compare: those that the company stored, and
// some that its departments and attributes suggest.
func (w *crowd) collect(stored map[string]string, calendar impact.Calendar, today impact.Day) error {
	add := func(key, text string) error {
		c := &cohort{name: key, key: key, text: text}
		if key == "" {
			c.name = text
		}
		if err := json.Unmarshal([]byte(text), &c.filter); err != nil {
			return fmt.Errorf("cohort %s: %w", c.name, err)
		}
		if len(w.cohorts) < maxFilters {
			w.cohorts = append(w.cohorts, c)
		}
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		w.defined[key] = true
		if err := add(key, stored[key]); err != nil {
			return err
		}
	}
	for _, text := range w.samples() {
		if err := add("", text); err != nil {
			return err
		}
	}
	for _, c := range w.cohorts {
		if err := c.filter.walk(func(d *did) error {
			days := impact.AllTime
			if d.Period != "" {
				period, err := impact.ParsePeriod(d.Period)
				if err != nil {
					return fmt.Errorf("cohort %s: %w", c.name, err)
				}
				days = period.Range(calendar, today)
			}
			w.doers[*d] = &doers{days, make(map[string]bool)}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// samples are filters that departments and attributes suggest.
func (w *crowd) samples() []string {
	samples := []string{`{"did":{"activity":"SESSION"}}`, `{"or":[{"did":{"activity":"OUTCOME"}},{"did":{"activity":"COMPLETION"}}]}`}
	for i, name := range slices.Sorted(maps.Keys(w.departments)) {
		quoted := jsonText(name)
		if samples = append(samples, `{"not":{"department":[`+quoted+`]}}`, `{"and":[{"department":[`+quoted+`]},{"did":{"activity":"ANY"}}]}`); i > 0 {
			break
		}
	}
	values := make(map[string]map[string]bool)
	for _, of := range w.attributes {
		for name, value := range of {
			if values[name] == nil {
				values[name] = make(map[string]bool)
			}
			values[name][value] = true
		}
	}
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i == maxSampledAttributes {
			break
		}
		first := slices.Min(slices.Collect(maps.Keys(values[name])))
		samples = append(samples, `{"attribute":{"name":`+jsonText(name)+`}}`, `{"attribute":{"name":`+jsonText(name)+`,"in":[`+jsonText(first)+`]}}`,
			`{"attribute":{"name":`+jsonText(name)+`,"notIn":[`+jsonText(first)+`]}}`)
	}
	return samples
}

func jsonText(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text
	}
	return string(data)
}

// walk calls f with each condition on what people did.
func (f *filter) walk(each func(*did) error) error {
	if f.Did != nil {
		return each(f.Did)
	}
	parts := slices.Concat(f.And, f.Or)
	if f.Not != nil {
		parts = append(parts, *f.Not)
	}
	for i := range parts {
		if err := parts[i].walk(each); err != nil {
			return err
		}
	}
	return nil
}

// doers are who did something, as far as the log was read.
type doers struct {
	days   impact.Range
	people map[string]bool
}

// note notes what an event lets its participant have done.
func (w *crowd) note(e *db.LedgerEvent, day impact.Day) {
	if e.Participant == "" {
		return
	}
	for d, who := range w.doers {
		if who.days.From <= day && day < who.days.To && (d.Programme == "" || d.Programme == e.Programme) && isDoing(e, d.Activity) {
			who.people[e.Participant] = true
		}
	}
}

// isDoing reports an event whose participant did something.
func isDoing(e *db.LedgerEvent, activity string) bool {
	switch activity {
	case "ANY":
		return isActivity(e)
	case "ENROLMENT":
		return e.Kind == impact.KindEnrollment
	case "COMPLETION":
		return e.Kind == impact.KindEnrollment && e.Status == impact.StatusCompleted
	case "PLACEMENT":
		return e.Kind == impact.KindPlacement
	case "JOB":
		return e.Kind == impact.KindPlacement && e.Status == impact.StatusPlaced
	case "JOB_READY":
		return isAssessment(e) && e.Dimension == impact.JobReadiness && e.Score >= readyFrom
	case "DONATION":
		return e.Kind == impact.KindDonation
	case "COURSE_DONE":
		return e.Kind == impact.KindCourse && e.Status == impact.StatusCompleted
	}
	kind := kindsDone[activity]
	return kind != impact.KindUnknown && e.Kind == kind && isActivity(e)
}

// kindsDone are the kinds of the activities that are all there is to their events.
var kindsDone = map[string]impact.Kind{
	"SESSION": impact.KindSession, "FEEDBACK": impact.KindFeedback, "CHECKIN": impact.KindCheckin, "MILESTONE": impact.KindMilestone,
	"OUTCOME": impact.KindOutcome, "COURSE": impact.KindCourse, "MATCH": impact.KindMatch, "EVENT": impact.KindEventAttended,
}

// members are who of those who are known passes a filter, once the whole log was read.
func (w *crowd) members(f *filter, known map[string]bool) map[string]bool {
	passed := make(map[string]bool)
	switch {
	case f.Did != nil:
		return w.doers[*f.Did].people
	case f.Not != nil:
		without := w.members(f.Not, known)
		for who := range known {
			if !without[who] {
				passed[who] = true
			}
		}
	case f.Attribute != nil:
		for who, values := range w.attributes {
			value, has := values[strings.ToLower(f.Attribute.Name)]
			is := func(other string) bool { return strings.EqualFold(other, value) }
			if has && (f.Attribute.In == nil || slices.ContainsFunc(f.Attribute.In, is)) && !slices.ContainsFunc(f.Attribute.NotIn, is) {
				passed[who] = true
			}
		}
	case f.Department != nil:
		for _, name := range f.Department {
			maps.Copy(passed, w.departments[strings.ToLower(name)])
		}
	case f.Or != nil:
		for i := range f.Or {
			maps.Copy(passed, w.members(&f.Or[i], known))
		}
	case f.And != nil:
		maps.Copy(passed, w.members(&f.And[0], known))
		for i := range f.And {
			also := w.members(&f.And[i], known)
			maps.DeleteFunc(passed, func(who string, _ bool) bool { return !also[who] })
		}
	}
	return passed
}

// departmentClaims are the figures of departments, of all programmes, that no definition
// hides and readers know.
func (w *crowd) departmentClaims(s *scope, told func(name string) bool) (list []cohortClaim) {
	for _, name := range slices.Sorted(maps.Keys(w.departments)) {
		if told(name) && !w.defined[name] {
			own, size := s.cohort(name, w.departments[name])
			list = append(list, cohortClaim{name, impact.CohortQuestion{Key: name}, size, own})
		}
	}
	return list
}

// filterClaims are the figures of cohorts by a filter, once the whole log was read; all is
// the history of all programmes.
func (w *crowd) filterClaims(s *scope, all *history) (list []cohortClaim) {
	for _, c := range w.cohorts {
		if c.members == nil {
			c.members = w.members(&c.filter, all.known)
		}
		told, size := s.cohort(c.name, c.members)
		claim := cohortClaim{c.name, impact.CohortQuestion{Key: c.key}, size, told}
		if c.key == "" {
			claim.question.Filter = c.text
		}
		list = append(list, claim)
	}
	return list
}

// attributes are what people have, by name: what the latest directory event says that
// states it, and of those at one instant the value that sorts last. An empty value takes
// the attribute away.
func attributes(events []*db.LedgerEvent) (map[string]map[string]string, error) {
	type statement struct {
		at    time.Time
		value string
	}
	said := make(map[string]map[string]statement)
	for _, e := range events {
		if e.Participant == "" || e.Attributes == "" {
			continue
		}
		var values map[string]string
		if err := json.Unmarshal([]byte(e.Attributes), &values); err != nil {
			return nil, fmt.Errorf("attributes of event %x: %w", e.Key, err)
		}
		if said[e.Participant] == nil {
			said[e.Participant] = make(map[string]statement)
		}
		for name, value := range values {
			was, stated := said[e.Participant][name]
			if !stated || e.OccurredAt.After(was.at) || e.OccurredAt.Equal(was.at) && value > was.value {
				said[e.Participant][name] = statement{e.OccurredAt, value}
			}
		}
	}
	of := make(map[string]map[string]string)
	for who, values := range said {
		for name, s := range values {
			if s.value == "" {
				continue
			}
			if of[who] == nil {
				of[who] = make(map[string]string)
			}
			of[who][name] = s.value
		}
	}
	return of, nil
}

// compareAttributes compares what people have with what readers pick them by.
func (r *run) compareAttributes(ctx context.Context) error {
	kept, err := r.ledger.Attributes(ctx)
	if err != nil {
		return err
	}
	of := make(map[string]map[string]string)
	for _, a := range kept {
		if of[a.Person] == nil {
			of[a.Person] = make(map[string]string)
		}
		of[a.Person][a.Name] = a.Value
	}
	for _, pair := range [...][2]map[string]map[string]string{{r.attributes, of}, {of, r.attributes}} {
		for who, values := range pair[0] {
			for name := range values {
				want, expected := r.attributes[who][name]
				got, found := of[who][name]
				if r.result.Figures++; want == got && expected == found {
					continue
				}
				r.differ(AllTime, impact.AllProgrammes, fmt.Sprintf("attribute %s of %s", name, who), or(want, "none"), or(got, "none"))
				delete(of[who], name) // told once
				delete(r.attributes[who], name)
			}
		}
	}
	return nil
}

func or(text, none string) string {
	if text == "" {
		return none
	}
	return text
}
