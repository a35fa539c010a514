package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// departmentsOf are the departments of companies, whole, by company: who is withheld
// depends on all of them, whichever is asked for.
func (s *Store) departmentsOf(ctx context.Context, companies map[impact.CompanyID]bool) (map[impact.CompanyID][]impact.Members, error) {
	if len(companies) == 0 {
		return nil, nil
	}
	ids := make([]int64, 0, len(companies))
	for id := range companies {
		ids = append(ids, int64(id))
	}
	rows, err := s.db.QueryContext(ctx, query("read_groups"), pq.Array(ids))
	if err != nil {
		return nil, wrap(err, "read departments")
	}
	defer rows.Close()
	all := make(map[impact.CompanyID][]impact.Members)
	for rows.Next() {
		var company impact.CompanyID
		var key, name string
		var ordinals pq.Int32Array
		if err := rows.Scan(&company, &key, &name, &ordinals); err != nil {
			return nil, wrap(err, "read departments")
		}
		all[company] = append(all[company], impact.Members{Key: key, Name: name, People: bitmapOf(ordinals)})
	}
	for _, list := range all {
		slices.SortFunc(list, byKey) // whatever the collation of the database
	}
	return all, wrap(rows.Err(), "read departments")
}

// byKey is the order of groups: of two that are as small, the first is withheld.
func byKey(a, b impact.Members) int { return cmp.Compare(a.Key, b.Key) }

// disclosures is which groups of partitions are not to be told of by readings; a
// partition is known by its first group.
type disclosures map[disclosureOf][]bool

type disclosureOf struct {
	*impact.Reading
	first *impact.Members
}

// withhold reports a cohort that must not be told of: a group that a reading withholds
// (see [impact.Reading.Withheld]), and one by a filter that would tell of such a group, or
// of fewer people than can be told of: whom it leaves out of everybody, and whom it
// leaves out or lets in beside a filter that names one condition less.
func (d disclosures) withhold(m *impact.Members, r, whole *impact.Reading) bool {
	for _, p := range m.Partitions {
		if len(p.Groups) == 0 {
			continue
		}
		at := disclosureOf{r, &p.Groups[0]}
		if d[at] == nil {
			d[at] = r.Withheld(p.Groups, whole)
		}
		if slices.ContainsFunc(p.Named, func(i int) bool { return d[at][i] }) {
			return true
		}
	}
	if !m.Filtered {
		return false
	}
	active := r.Total().Members(impact.SetParticipants)
	isFew := func(n uint64) bool { return 0 < n && int64(n) < r.Settings.K() }
	return isFew(active.GetCardinality()-active.AndCardinality(m.People)) ||
		slices.ContainsFunc(m.Differences, func(b *roaring.Bitmap) bool { return isFew(active.AndCardinality(b)) })
}
