package db

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// traitRef is a value of an attribute, or any value of it.
type traitRef struct {
	company     impact.CompanyID
	name, value string // folded; value is empty for any
}

// traitAsks are values of attributes to read, and who has them.
type traitAsks struct {
	asked []traitRef
	of    map[traitRef]*roaring.Bitmap // nil where nobody has it
}

func (a *traitAsks) add(company impact.CompanyID, traits []*impact.CohortTrait) {
	for _, t := range traits {
		if t.In == nil {
			a.ask(traitOf(company, t.Name, ""))
		}
		for _, list := range [...][]string{t.In, t.NotIn} {
			for _, value := range list {
				a.ask(traitOf(company, t.Name, value))
			}
		}
	}
}

func (a *traitAsks) ask(ref traitRef) {
	if a.of == nil {
		a.of = make(map[traitRef]*roaring.Bitmap)
	}
	if _, asked := a.of[ref]; !asked {
		a.of[ref] = nil
		a.asked = append(a.asked, ref)
	}
}

func traitOf(company impact.CompanyID, name, value string) traitRef {
	return traitRef{company, attributeKey(name), attributeKey(value)}
}

// read takes one statement, or none if nothing was asked for.
func (a *traitAsks) read(ctx context.Context, s *Store) error {
	if len(a.asked) == 0 {
		return nil
	}
	var companies, places []int64
	var names, values []string
	for i, ref := range a.asked {
		companies, places = append(companies, int64(ref.company)), append(places, int64(i))
		names, values = append(names, ref.name), append(values, ref.value)
	}
	rows, err := s.db.QueryContext(ctx, query("read_attributes"), pq.Array(companies), pq.Array(names), pq.Array(values), pq.Array(places))
	if err != nil {
		return wrap(err, "read attributes")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var ordinals pq.Int32Array
		if err := rows.Scan(&place, &ordinals); err != nil {
			return wrap(err, "read attributes")
		}
		people := roaring.New()
		for _, o := range ordinals {
			people.Add(impact.Ordinal(o))
		}
		a.of[a.asked[place]] = people
	}
	return wrap(rows.Err(), "read attributes")
}

// filterSource tells who passes the conditions of a company's filter, of what was read.
type filterSource struct {
	company     impact.CompanyID
	did         func(*impact.CohortDid) *roaring.Bitmap
	departments *departmentAsks
	traits      *traitAsks
	everybody   *roaring.Bitmap
}

// Did implements [impact.CohortSource].
func (f filterSource) Did(d *impact.CohortDid) *roaring.Bitmap { return f.did(d) }

// Department implements [impact.CohortSource].
func (f filterSource) Department(name string) *roaring.Bitmap {
	if d := f.departments.of[departmentRef{f.company, departmentKey(name)}]; d != nil {
		return d.people
	}
	return roaring.New()
}

// Has implements [impact.CohortSource].
func (f filterSource) Has(name, value string) *roaring.Bitmap {
	if people := f.traits.of[traitOf(f.company, name, value)]; people != nil {
		return people
	}
	return roaring.New()
}

// Everybody implements [impact.CohortSource].
func (f filterSource) Everybody() *roaring.Bitmap { return f.everybody }
