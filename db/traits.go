package db

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// traitRef is an attribute of a company's people.
type traitRef struct {
	company impact.CompanyID
	name    string // folded
}

// trait is who has which value of an attribute.
type trait struct {
	groups []impact.Members // by folded value, in order
	any    *roaring.Bitmap
}

// traitAsks are attributes to read, whole: who must not be told of depends on all of
// their values, whichever is asked for.
type traitAsks map[traitRef]*trait

func (a traitAsks) add(company impact.CompanyID, traits []*impact.CohortTrait) {
	for _, t := range traits {
		a[traitRef{company, attributeKey(t.Name)}] = &trait{any: roaring.New()}
	}
}

// read takes one statement, or none if nothing was asked for.
func (a traitAsks) read(ctx context.Context, s *Store) error {
	if len(a) == 0 {
		return nil
	}
	var companies []int64
	var names []string
	for ref := range a {
		companies, names = append(companies, int64(ref.company)), append(names, ref.name)
	}
	rows, err := s.db.QueryContext(ctx, query("read_attributes"), pq.Array(companies), pq.Array(names))
	if err != nil {
		return wrap(err, "read attributes")
	}
	defer rows.Close()
	for rows.Next() {
		var ref traitRef
		var value string
		var ordinals pq.Int32Array
		if err := rows.Scan(&ref.company, &ref.name, &value, &ordinals); err != nil {
			return wrap(err, "read attributes")
		}
		people := bitmapOf(ordinals)
		t := a[ref]
		t.groups = append(t.groups, impact.Members{Key: value, People: people})
		t.any.Or(people)
	}
	return wrap(rows.Err(), "read attributes")
}

func bitmapOf(ordinals pq.Int32Array) *roaring.Bitmap {
	people := roaring.New()
	for _, o := range ordinals {
		people.Add(impact.Ordinal(o))
	}
	return people
}

// has is who has a value of an attribute, or with the empty value any.
func (a traitAsks) has(company impact.CompanyID, name, value string) *roaring.Bitmap {
	t := a[traitRef{company, attributeKey(name)}]
	if value == "" {
		return t.any
	}
	if i := place(t.groups, attributeKey(value)); i >= 0 {
		return t.groups[i].People
	}
	return roaring.New()
}

// partition is the groups of an attribute, of which a condition names some.
func (a traitAsks) partition(company impact.CompanyID, t *impact.CohortTrait) impact.Partition {
	p := impact.Partition{Groups: a[traitRef{company, attributeKey(t.Name)}].groups}
	for _, value := range slices.Concat(t.In, t.NotIn) {
		if i := place(p.Groups, attributeKey(value)); i >= 0 {
			p.Named = append(p.Named, i)
		}
	}
	return p
}

// place is where the group of a key is; -1 if there is none.
func place(groups []impact.Members, key string) int {
	return slices.IndexFunc(groups, func(m impact.Members) bool { return m.Key == key })
}
