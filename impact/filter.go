package impact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2"
)

// CohortFilter says who belongs to a cohort. Exactly one field is set. The JSON form is
// what is stored, and what stands for a filter where it has to be comparable.
type CohortFilter struct {
	And        []CohortFilter `json:"and,omitempty"`        // who passes all of them
	Or         []CohortFilter `json:"or,omitempty"`         // who passes one or more
	Not        *CohortFilter  `json:"not,omitempty"`        // known participants who do not pass it
	Department []string       `json:"department,omitempty"` // who is in one of them now; case does not matter
	Attribute  *CohortTrait   `json:"attribute,omitempty"`
	Did        *CohortDid     `json:"did,omitempty"`
}

// CohortDid is who did something as a participant.
type CohortDid struct {
	Activity  Activity `json:"activity"`
	Programme string   `json:"programme,omitempty"` // empty: in any
	Period    string   `json:"period,omitempty"`    // as [ParsePeriod] takes it; empty: ever
}

// The bounds of a filter.
const (
	maxFilterDepth  = 8
	maxFilterParts  = 50
	maxFilterValues = 200
	maxDepartment   = 1000 // bytes of a name
)

// ParseCohortFilter reads the JSON form of a filter that has been checked.
func ParseCohortFilter(text string) (*CohortFilter, error) {
	var f CohortFilter
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return nil, fmt.Errorf("impact: cohort filter: %w", err)
	}
	return &f, nil
}

// ReadCohortFilter reads and checks a filter that somebody wrote: names that no filter
// has are refused. Errors: [CodeBadJSON], and those of [CohortFilter.Check].
func ReadCohortFilter(data []byte) (*CohortFilter, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var f CohortFilter
	if err := decoder.Decode(&f); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, &Error{CodeInvalid, "/" + strings.ReplaceAll(wrong.Field, ".", "/"), fmt.Sprintf("a %s does not belong here", wrong.Value)}
		}
		return nil, &Error{CodeBadJSON, "", "the filter is not JSON of the expected shape: " + err.Error()}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{CodeBadJSON, "", "there is more behind the filter"}
	}
	return &f, f.Check()
}

// String is the filter's JSON form.
func (f *CohortFilter) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and slices alone
	}
	return string(text)
}

// Check reports with an [Error] of [CodeInvalid], and a pointer into the JSON form, what
// is wrong with the filter.
func (f *CohortFilter) Check() error {
	parts := 0
	if err := f.check("", 1, &parts); err != nil {
		return err
	}
	values := len(f.Departments())
	for _, t := range f.Traits() {
		values += len(t.In) + len(t.NotIn)
	}
	if values > maxFilterValues {
		return invalidAt("", "a filter names at most %d departments and values in all, this one %d", maxFilterValues, values)
	}
	return nil
}

func (f *CohortFilter) check(at string, depth int, parts *int) error {
	if *parts++; *parts > maxFilterParts || depth > maxFilterDepth {
		return invalidAt(at, "a filter has at most %d parts, nested at most %d deep", maxFilterParts, maxFilterDepth)
	}
	set := 0
	for _, is := range []bool{f.And != nil, f.Or != nil, f.Not != nil, f.Department != nil, f.Attribute != nil, f.Did != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return invalidAt(at, "set exactly one of and, or, not, department, attribute and did")
	}
	for name, list := range map[string][]CohortFilter{"and": f.And, "or": f.Or} {
		if list != nil && len(list) == 0 {
			return invalidAt(at+"/"+name, "name one filter or more")
		}
		for i := range list {
			if err := list[i].check(fmt.Sprintf("%s/%s/%d", at, name, i), depth+1, parts); err != nil {
				return err
			}
		}
	}
	switch {
	case f.Not != nil:
		return f.Not.check(at+"/not", depth+1, parts)
	case f.Department != nil:
		if n := len(f.Department); n < 1 || n > maxFilterParts {
			return invalidAt(at+"/department", "name 1 to %d departments", maxFilterParts)
		}
		for i, d := range f.Department {
			if d == "" || len(d) > maxDepartment || strings.ContainsRune(d, 0) {
				return invalidAt(fmt.Sprintf("%s/department/%d", at, i), "a department's name has 1 to %d bytes", maxDepartment)
			}
		}
	case f.Attribute != nil:
		return f.Attribute.check(at + "/attribute")
	case f.Did != nil:
		return f.Did.check(at + "/did")
	}
	return nil
}

func (d *CohortDid) check(at string) error {
	if _, ok := d.Activity.Set(); !ok {
		return invalidAt(at+"/activity", "unknown activity %q", shortened(string(d.Activity)))
	}
	if d.Programme != "" && !ValidKey(d.Programme) {
		return invalidAt(at+"/programme", "use 1 to %d of the characters A-Z a-z 0-9 _ . @ : -, or leave it out", MaxKey)
	}
	if _, err := ParsePeriod(d.Period); err != nil {
		return invalidAt(at+"/period", "use %s, or leave it out for ever", PeriodForms)
	}
	return nil
}

// Dated is the filter with every period as the dates that it means to a company today,
// so that what the filter says no longer depends on the day it is asked on.
func (f *CohortFilter) Dated(cal Calendar, today Day) *CohortFilter {
	dated := *f
	dated.And, dated.Or = datedAll(f.And, cal, today), datedAll(f.Or, cal, today)
	if f.Not != nil {
		dated.Not = f.Not.Dated(cal, today)
	}
	if f.Did != nil && f.Did.Period != "" {
		did := *f.Did
		did.Period = did.Range(cal, today).String()
		dated.Did = &did
	}
	return &dated
}

func datedAll(list []CohortFilter, cal Calendar, today Day) []CohortFilter {
	if list == nil {
		return nil
	}
	dated := make([]CohortFilter, len(list))
	for i := range list {
		dated[i] = *list[i].Dated(cal, today)
	}
	return dated
}

// Range is the days of a checked condition.
func (d *CohortDid) Range(cal Calendar, today Day) Range {
	p, err := ParsePeriod(d.Period)
	if err != nil {
		return Range{} // checked
	}
	return p.Range(cal, today)
}

// IsRelative reports whether a part of the filter depends on the day it is asked on.
func (f *CohortFilter) IsRelative() bool {
	for did := range f.dids {
		if strings.HasPrefix(did.Period, "last-") {
			return true
		}
	}
	return false
}

// Dids lists the conditions on what people did, in the order in which
// [CohortFilter.Members] asks for them.
func (f *CohortFilter) Dids() (list []*CohortDid) {
	for did := range f.dids {
		list = append(list, did)
	}
	return list
}

// Departments lists the departments that the filter names.
func (f *CohortFilter) Departments() (list []string) {
	f.walk(func(part *CohortFilter) bool { list = append(list, part.Department...); return true })
	return list
}

// Negates reports whether the filter depends on who is known at all.
func (f *CohortFilter) Negates() bool {
	return !f.walk(func(part *CohortFilter) bool { return part.Not == nil })
}

func (f *CohortFilter) dids(yield func(*CohortDid) bool) {
	f.walk(func(part *CohortFilter) bool { return part.Did == nil || yield(part.Did) })
}

func (f *CohortFilter) walk(yield func(*CohortFilter) bool) bool {
	if !yield(f) {
		return false
	}
	for _, list := range [][]CohortFilter{f.And, f.Or} {
		for i := range list {
			if !list[i].walk(yield) {
				return false
			}
		}
	}
	return f.Not == nil || f.Not.walk(yield)
}

// CohortSource tells who passes the conditions of a filter. What it returns is not
// changed.
type CohortSource interface {
	Did(d *CohortDid) *roaring.Bitmap
	Department(name string) *roaring.Bitmap
	Has(name, value string) *roaring.Bitmap // an attribute; the empty value: any
	Everybody() *roaring.Bitmap             // all known participants
}

// Members works out who passes the filter.
func (f *CohortFilter) Members(of CohortSource) *roaring.Bitmap {
	switch {
	case f.And != nil:
		all := f.And[0].Members(of)
		for i := range f.And[1:] {
			all = roaring.And(all, f.And[i+1].Members(of))
		}
		return all
	case f.Or != nil:
		some := f.Or[0].Members(of)
		for i := range f.Or[1:] {
			some = roaring.Or(some, f.Or[i+1].Members(of))
		}
		return some
	case f.Not != nil:
		return roaring.AndNot(of.Everybody(), f.Not.Members(of))
	case f.Did != nil:
		return of.Did(f.Did)
	case f.Attribute != nil:
		return f.Attribute.members(of)
	}
	in := roaring.New()
	for _, name := range f.Department {
		in.Or(of.Department(name))
	}
	return in
}

// CohortDefinition is a cohort that a company defined.
type CohortDefinition struct {
	Company CompanyID
	Key     string // case does not matter; wins over a department of the name
	Name    string // to show
	Filter  CohortFilter
	Version int64 // rises with every change, from 1

	UpdatedAt time.Time // when it was last changed; set by the store
}

// Check reports what is wrong with a definition.
func (d *CohortDefinition) Check() error {
	switch {
	case !ValidKey(d.Key) || strings.EqualFold(d.Key, CohortAll):
		return invalidAt("/key", "a cohort's key is 1 to %d of the characters A-Z a-z 0-9 _ . @ : -, and not all", MaxKey)
	case d.Name == "" || len(d.Name) > maxDepartment || !utf8.ValidString(d.Name) || strings.ContainsRune(d.Name, 0):
		return invalidAt("/name", "a cohort's name has 1 to %d bytes of UTF-8", maxDepartment)
	case d.Filter.IsRelative():
		return invalidAt("/filter", "a stored cohort does not move with the day it is asked on: use dates instead of last-30d")
	}
	if err := d.Filter.Check(); err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return &Error{Code: e.Code, Pointer: "/filter" + e.Pointer, Message: e.Message}
		}
		return err
	}
	return nil
}
