package db

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// groups are the departments of a company, by their keys: who is withheld depends on
// all of them, whichever is asked for.
type groups []impact.Members

// withheld says which departments are not to be told; see [impact.Reading.Withheld].
func (gs groups) withheld(r, whole *impact.Reading) map[string]bool {
	byKey := make(map[string]bool, len(gs))
	for i, is := range r.Withheld(gs, whole) {
		byKey[gs[i].Key] = is
	}
	return byKey
}

// groupsOf are the departments of the companies of which one is asked for.
func (s *Store) groupsOf(ctx context.Context, questions []impact.CohortQuestion) (map[impact.CompanyID]groups, error) {
	all := make(map[impact.CompanyID]groups)
	var ids []int64
	for _, q := range questions {
		if _, asked := all[q.Company]; !asked && q.Key != impact.CohortAll {
			all[q.Company] = nil
			ids = append(ids, int64(q.Company))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := s.db.QueryContext(ctx, query("read_groups"), pq.Array(ids))
	if err != nil {
		return nil, wrap(err, "read departments")
	}
	defer rows.Close()
	for rows.Next() {
		var company impact.CompanyID
		var key string
		var ordinals pq.Int32Array
		if err := rows.Scan(&company, &key, &ordinals); err != nil {
			return nil, wrap(err, "read departments")
		}
		people := roaring.New()
		for _, o := range ordinals {
			people.Add(impact.Ordinal(o))
		}
		all[company] = append(all[company], impact.Members{Key: key, People: people})
	}
	return all, wrap(rows.Err(), "read departments")
}
