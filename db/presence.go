package db

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// presenceOf is who is in a set on some days: on any of them, or day by day.
type presenceOf struct {
	company   impact.CompanyID
	programme string
	set       impact.Set
	days      impact.Range
	daily     bool
}

// presence asks who is in sets.
type presence []presenceOf

// spans are the buckets to read of a range: the widest that fit, or days.
func (of *presenceOf) spans() []impact.Span {
	if of.daily {
		return []impact.Span{{Grain: impact.GrainDay, From: of.days.From, To: of.days.To}}
	}
	return of.days.Cover()
}

// read tells each who is in the sets, by the place of the ask and the first day of the
// bucket, in any order. The members must not be changed.
func (p presence) read(ctx context.Context, s *Store, each func(ask int, bucket impact.Day, members *roaring.Bitmap)) error {
	if len(p) == 0 {
		return nil
	}
	var buckets spans
	var sets []string
	var asks []int // which each span belongs to
	for ask := range p {
		of := &p[ask]
		for _, span := range of.spans() {
			buckets.addSpan(of.company, of.programme, span)
			sets, asks = append(sets, of.set.String()), append(asks, ask)
		}
	}
	rows, err := s.db.QueryContext(ctx, query("read_presence"), buckets.args(pq.Array(sets))...)
	if err != nil {
		return wrap(err, "read presence")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var packed []byte
		if err := rows.Scan(&place, &packed); err != nil {
			return wrap(err, "read presence")
		}
		for bucket, data := range unpacked(packed) {
			members := roaring.New()
			if _, err := members.FromBuffer(data); err != nil {
				return wrap(err, "read presence: %s", sets[place-1])
			}
			each(asks[place-1], impact.Day(bucket), members)
		}
	}
	return wrap(rows.Err(), "read presence")
}
