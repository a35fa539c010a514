package model

import "github.com/impactql/impactql/impact"

// CohortFilter is a filter as an operation says it.
type CohortFilter struct {
	And, Or    []*CohortFilter
	Not        *CohortFilter
	Department []string
	Attribute  *CohortAttribute
	Did        *CohortDid
}

// CohortAttribute is a condition on what the directory says of people.
type CohortAttribute struct {
	Name      string
	In, NotIn []string
}

// CohortDid is a condition on what people did.
type CohortDid struct {
	Activity  impact.Activity
	Programme *string
	Period    *impact.Period
}

// Filter is the filter, not checked.
func (f *CohortFilter) Filter() impact.CohortFilter {
	filter := impact.CohortFilter{And: filters(f.And), Or: filters(f.Or), Department: f.Department}
	if f.Not != nil {
		not := f.Not.Filter()
		filter.Not = &not
	}
	if f.Attribute != nil {
		filter.Attribute = &impact.CohortTrait{Name: f.Attribute.Name, In: f.Attribute.In, NotIn: f.Attribute.NotIn}
	}
	if f.Did != nil {
		filter.Did = &impact.CohortDid{Activity: f.Did.Activity}
		if f.Did.Programme != nil {
			filter.Did.Programme = *f.Did.Programme
		}
		if f.Did.Period != nil {
			filter.Did.Period = f.Did.Period.String()
		}
	}
	return filter
}

func filters(list []*CohortFilter) []impact.CohortFilter {
	if list == nil {
		return nil
	}
	all := make([]impact.CohortFilter, len(list))
	for i, f := range list {
		all[i] = f.Filter()
	}
	return all
}

// CohortDefinition is a cohort that a company defined.
type CohortDefinition struct{ *impact.CohortDefinition }

// Filter is the filter as JSON.
func (d *CohortDefinition) Filter() string { return d.CohortDefinition.Filter.String() }
