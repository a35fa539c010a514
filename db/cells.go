package db

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// cellColumns are the columns that place cells, as arrays for unnest.
type cellColumns struct {
	company           []int64
	programme, bucket []string
	grain             []string
}

func (c *cellColumns) add(company impact.CompanyID, k impact.CellKey) {
	c.company = append(c.company, int64(company))
	c.programme = append(c.programme, k.Programme)
	c.grain = append(c.grain, string(rune(k.Grain)))
	c.bucket = append(c.bucket, k.Bucket.String())
}

func (c *cellColumns) args(more ...any) []any {
	return append([]any{pq.Array(c.company), pq.Array(c.programme), pq.Array(c.grain), pq.Array(c.bucket)}, more...)
}

// mergeCells merges cells into the stored ones. The caller holds the lock of
// every company.
func mergeCells(ctx context.Context, tx *sqlx.Tx, cells map[impact.CompanyID]impact.Cells) error {
	if err := addTallies(ctx, tx, cells); err != nil {
		return err
	}
	if err := mergeSets(ctx, tx, cells); err != nil {
		return err
	}
	return mergePages(ctx, tx, cells)
}

func addTallies(ctx context.Context, tx *sqlx.Tx, cells map[impact.CompanyID]impact.Cells) error {
	var at cellColumns
	var measures []string
	var n, sum []int64
	for company, cs := range cells {
		for k, c := range cs {
			for m, t := range c.Tallied() {
				at.add(company, k)
				measures, n, sum = append(measures, m.String()), append(n, t.N), append(sum, t.Sum)
			}
		}
	}
	_, err := tx.ExecContext(ctx, query("fold_tallies"), at.args(pq.Array(measures), pq.Array(n), pq.Array(sum))...)
	return wrap(err, "add %d tallies", len(n))
}

func mergeSets(ctx context.Context, tx *sqlx.Tx, cells map[impact.CompanyID]impact.Cells) error {
	var at cellColumns
	var names []string
	var deltas []*roaring.Bitmap
	for company, cs := range cells {
		for k, c := range cs {
			for s, members := range c.Sets {
				if members != nil {
					at.add(company, k)
					names, deltas = append(names, impact.Set(s).String()), append(deltas, members)
				}
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	unchanged := make([]bool, len(deltas))
	merge := func(i int, stored []byte) error {
		old := roaring.New()
		if err := old.UnmarshalBinary(stored); err != nil {
			return err
		}
		before := old.GetCardinality()
		old.Or(deltas[i])
		deltas[i], unchanged[i] = old, old.GetCardinality() == before
		return nil
	}
	if err := loadStored(ctx, tx, merge, query("fold_sets_load"), at.args(pq.Array(names))...); err != nil {
		return wrap(err, "load %d sets", len(names))
	}
	var write cellColumns
	var writeNames []string
	var members [][]byte
	for i, b := range deltas {
		if unchanged[i] {
			continue
		}
		data, err := canonical(b).ToBytes()
		if err != nil {
			return wrap(err, "encode set")
		}
		write.copyFrom(&at, i)
		writeNames, members = append(writeNames, names[i]), append(members, data)
	}
	if len(members) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, query("fold_sets_store"), write.args(pq.Array(writeNames), pq.ByteaArray(members))...)
	return wrap(err, "store %d sets", len(members))
}

func (c *cellColumns) copyFrom(o *cellColumns, i int) {
	c.company = append(c.company, o.company[i])
	c.programme = append(c.programme, o.programme[i])
	c.grain = append(c.grain, o.grain[i])
	c.bucket = append(c.bucket, o.bucket[i])
}

// canonical makes equal sets equal bytes: a Roaring bitmap without run
// containers chooses its containers by their cardinality alone.
func canonical(b *roaring.Bitmap) *roaring.Bitmap {
	if b.HasRunCompression() {
		return roaring.BitmapOf(b.ToArray()...)
	}
	return b
}

func mergePages(ctx context.Context, tx *sqlx.Tx, cells map[impact.CompanyID]impact.Cells) error {
	var at cellColumns
	var facets []string
	var numbers []int64
	var updates []impact.PageUpdate
	known := make(map[*impact.Cell][]impact.PageUpdate) // buckets with the same events share a cell
	for company, cs := range cells {
		for k, c := range cs {
			if _, ok := known[c]; !ok {
				known[c] = c.PageUpdates()
			}
			for _, u := range known[c] {
				at.add(company, k)
				facets, numbers = append(facets, string(rune(u.Facet))), append(numbers, int64(u.Number))
				updates = append(updates, u)
			}
		}
	}
	if len(updates) == 0 {
		return nil
	}
	pages := make([][]byte, len(updates))
	merge := func(i int, stored []byte) (err error) {
		pages[i], err = updates[i].Merge(stored)
		return err
	}
	args := at.args(pq.Array(facets), pq.Array(numbers))
	if err := loadStored(ctx, tx, merge, query("fold_pages_load"), args...); err != nil {
		return wrap(err, "load %d pages", len(updates))
	}
	for i, page := range pages {
		if page == nil {
			if err := merge(i, nil); err != nil {
				return wrap(err, "encode page")
			}
		}
	}
	_, err := tx.ExecContext(ctx, query("fold_pages_store"), append(args, pq.ByteaArray(pages))...)
	return wrap(err, "store %d pages", len(pages))
}

// loadStored runs a query that returns (place in the arrays from 1, bytes).
func loadStored(ctx context.Context, tx *sqlx.Tx, merge func(i int, stored []byte) error, sql string, args ...any) error {
	rows, err := tx.QueryContext(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var stored []byte
		if err := rows.Scan(&i, &stored); err != nil {
			return err
		}
		if err := merge(i-1, slices.Clip(stored)); err != nil {
			return err
		}
	}
	return rows.Err()
}
