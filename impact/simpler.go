package impact

import "slices"

// Simpler lists the filters that one gets by leaving one thing out: a filter of and or
// or, a value of a list, a programme or a period. Each lets in whomever the filter does,
// and more, or some of them: so the difference of their counts is one of people.
func (f *CohortFilter) Simpler() (list []CohortFilter) {
	switch {
	case f.And != nil:
		for _, and := range simplerLists(f.And) {
			list = append(list, CohortFilter{And: and})
		}
	case f.Or != nil:
		for _, or := range simplerLists(f.Or) {
			list = append(list, CohortFilter{Or: or})
		}
	case f.Not != nil:
		for _, not := range f.Not.Simpler() {
			list = append(list, CohortFilter{Not: &not})
		}
	case f.Department != nil:
		for _, names := range without(f.Department) {
			list = append(list, CohortFilter{Department: names})
		}
	case f.Attribute != nil:
		for _, values := range without(f.Attribute.In) {
			list = append(list, CohortFilter{Attribute: &CohortTrait{Name: f.Attribute.Name, In: values}})
		}
		for _, values := range without(f.Attribute.NotIn) {
			list = append(list, CohortFilter{Attribute: &CohortTrait{Name: f.Attribute.Name, NotIn: values}})
		}
	case f.Did != nil:
		if f.Did.Programme != "" {
			list = append(list, CohortFilter{Did: &CohortDid{Activity: f.Did.Activity, Period: f.Did.Period}})
		}
		if f.Did.Period != "" {
			list = append(list, CohortFilter{Did: &CohortDid{Activity: f.Did.Activity, Programme: f.Did.Programme}})
		}
	}
	return list
}

// simplerLists leaves out one filter of a list of several, or one thing of one of them.
func simplerLists(filters []CohortFilter) [][]CohortFilter {
	lists := without(filters)
	for i := range filters {
		for _, simpler := range filters[i].Simpler() {
			list := slices.Clone(filters)
			list[i] = simpler
			lists = append(lists, list)
		}
	}
	return lists
}

// without is a list of several, each time without one of them.
func without[T any](list []T) (lists [][]T) {
	if len(list) < 2 {
		return nil
	}
	for i := range list {
		lists = append(lists, slices.Concat(list[:i], list[i+1:]))
	}
	return lists
}
