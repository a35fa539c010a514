package graph

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// scope is what the arguments period, programme and asOf say.
type scope struct {
	period    impact.Period
	programme string
	asOf      impact.AsOf // 0: now
}

// when is the scope, of what embeds one.
func (s scope) when() scope { return s }

// as is the scope at an instant; nil is now.
func (s scope) as(of *impact.AsOf) scope {
	s.asOf = or(of, 0)
	return s
}

func newScope(period *impact.Period, programme *string) (scope, error) {
	s := scope{programme: impact.AllProgrammes}
	if period != nil {
		s.period = *period
	}
	if programme != nil {
		if !impact.ValidKey(*programme) {
			return scope{}, impact.Errorf(impact.CodeInvalid,
				"programme must be 1 to %d of the characters A-Z a-z 0-9 _ . @ : -; leave it out for all of them",
				impact.MaxKey)
		}
		s.programme = *programme
	}
	return s, nil
}

// page is what the arguments first and after say. The zero after is the beginning.
type page struct {
	first int
	after string
}

const (
	maxFirst     = 100
	defaultFirst = 20
)

// MaxPage is how many events or rejects a page has at most for [Handler.Ask], which writes
// it on before it asks for the next.
const MaxPage = 1000

var errCursor = impact.Errorf(impact.CodeInvalid,
	"after is not a cursor of this API: use an endCursor, or leave it out for the first page")

func newPage(first *int, after *string) (page, error) { return newPageUpTo(maxFirst, first, after) }

// newLongPage is newPage of events and rejects.
func newLongPage(ctx context.Context, first *int, after *string) (page, error) {
	if isFromWithin(ctx) {
		return newPageUpTo(MaxPage, first, after)
	}
	return newPage(first, after)
}

func newPageUpTo(most int, first *int, after *string) (page, error) {
	p := page{first: defaultFirst}
	if first != nil {
		p.first = *first
	}
	if p.first < 1 || p.first > most {
		return page{}, impact.Errorf(impact.CodeInvalid, "first must be 1 to %d", most)
	}
	if after != nil {
		var ok bool
		if p.after, ok = model.CursorKey(*after); !ok {
			return page{}, errCursor
		}
	}
	return p, nil
}

// before is the id that a list goes on below, the latest first; 0 is the beginning.
func (p page) before() (id int64, err error) {
	if p.after == "" {
		return 0, nil
	}
	if id, err = strconv.ParseInt(p.after, 10, 64); err != nil || id < 1 {
		return 0, errCursor
	}
	return id, nil
}

// cohortKey is the key as the cohorts of a company are asked for. A text that no
// database would take is no cohort; it is not asked for, since that would fail for
// its neighbours as well.
func cohortKey(key string) (string, error) {
	switch {
	case strings.EqualFold(key, impact.CohortAll):
		return impact.CohortAll, nil
	case key == "" || len(key) > maxCohortKey || !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return "", errNoCohort
	}
	return key, nil
}

// maxCohortKey is the greatest length of a department's name, in bytes.
const maxCohortKey = 1000

var errNoCohort = impact.Errorf(impact.CodeNotFound, "Cohort not found: `cohorts` lists those there are")
