package db

import (
	"context"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Departments lists, per company, the departments that directory events named, by
// name. Of spellings that differ in case only the first is listed.
func (f *Figures) Departments(ctx context.Context, companies []impact.CompanyID) ([][]string, error) {
	return cached(ctx, f.versions, &f.departments, companies, itself, f.store.departments)
}

// Active is the run of days from each company's first event to its last, directory entries
// and unknown types left out; empty where there is none.
func (f *Figures) Active(ctx context.Context, companies []impact.CompanyID) ([]impact.Range, error) {
	return cached(ctx, f.versions, &f.active, companies, itself, f.store.active)
}

func itself(id impact.CompanyID) impact.CompanyID { return id }

func (s *Store) departments(ctx context.Context, companies []impact.CompanyID) ([][]string, error) {
	lists := make([][]string, len(companies))
	rows, err := s.db.QueryContext(ctx, query("read_departments"), pq.Array(int64s(companies)))
	if err != nil {
		return nil, wrap(err, "departments")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var name string
		if err := rows.Scan(&place, &name); err != nil {
			return nil, wrap(err, "departments")
		}
		lists[place-1] = append(lists[place-1], name)
	}
	return lists, wrap(rows.Err(), "departments")
}

func (s *Store) active(ctx context.Context, companies []impact.CompanyID) ([]impact.Range, error) {
	ranges := make([]impact.Range, len(companies))
	rows, err := s.db.QueryContext(ctx, query("read_active"), pq.Array(int64s(companies)))
	if err != nil {
		return nil, wrap(err, "active days")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var first, last impact.Day
		if err := rows.Scan(&place, &first, &last); err != nil {
			return nil, wrap(err, "active days")
		}
		ranges[place-1] = impact.Range{From: first, To: last + 1}
	}
	return ranges, wrap(rows.Err(), "active days")
}
