package db

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// maxPresent is how many sets are gone through for whatever ranges are asked for, about a
// second's worth, and how many are kept of days, some ten megabytes.
const maxPresent = 200_000

func errTooManyDays() error {
	return impact.Errorf(impact.CodeTooLarge, "too many different periods or days are asked for to be worked out as of an instant: ask for fewer at once")
}

// attendance is who was in the sets of a programme that are asked for.
type attendance struct {
	bounds []impact.Day // at which some ask about a range begins or ends, ascending; as of timeline
	sets   []attended
}

// attended is who was in a set.
type attended struct {
	set    impact.Set
	ranges bool              // some ask is about ranges
	within []*roaring.Bitmap // from one of the bounds to the next
	span   impact.Range      // with all days of which each is asked for
	daily  map[impact.Day]*roaring.Bitmap
}

// ask makes room for an ask.
func (a *attendance) ask(of presenceOf) {
	s := a.of(of.set)
	if s == nil {
		a.sets = append(a.sets, attended{set: of.set})
		s = &a.sets[len(a.sets)-1]
	}
	switch {
	case !of.daily:
		s.ranges = true
		a.bounds = append(a.bounds, of.days.From, of.days.To)
	case s.daily == nil:
		s.span, s.daily = of.days, make(map[impact.Day]*roaring.Bitmap)
	default:
		s.span = impact.Range{From: min(s.span.From, of.days.From), To: max(s.span.To, of.days.To)}
	}
}

func (a *attendance) of(set impact.Set) *attended {
	for i := range a.sets {
		if a.sets[i].set == set {
			return &a.sets[i]
		}
	}
	return nil
}

func (a *attendance) begin() {
	slices.Sort(a.bounds)
	a.bounds = slices.Compact(a.bounds)
	for i := range a.sets {
		if s := &a.sets[i]; s.ranges {
			s.within = make([]*roaring.Bitmap, len(a.bounds))
		}
	}
}

// add notes who joined sets on a day, and returns how many sets of days are new.
func (a *attendance) add(joined impact.Sets, day impact.Day, who impact.Ordinal) (added int) {
	at := intervalOf(a.bounds, day)
	for i := range a.sets {
		s := &a.sets[i]
		if !joined.Has(s.set) {
			continue
		}
		if s.ranges && at >= 0 {
			if s.within[at] == nil {
				s.within[at] = roaring.New()
			}
			s.within[at].Add(who)
		}
		if s.daily != nil && s.span.From <= day && day < s.span.To {
			people := s.daily[day]
			if people == nil {
				people = roaring.New()
				s.daily[day] = people
				added++
			}
			people.Add(who)
		}
	}
	return added
}

// each tells who was in a set that was asked for: on the first day of each interval that
// a range is made of, or on each day.
func (a *attendance) each(of presenceOf, f func(impact.Day, *roaring.Bitmap)) {
	s := a.of(of.set)
	if !of.daily {
		for i := range intervals(a.bounds, of.days) {
			if s.within[i] != nil {
				f(a.bounds[i], s.within[i])
			}
		}
		return
	}
	for day, people := range s.daily {
		if of.days.From <= day && day < of.days.To {
			f(day, people)
		}
	}
}
