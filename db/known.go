package db

import (
	"context"
	"encoding/hex"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Known says, in their order, which events the log has: a duplicate with the receipt of
// its first arrival, or the zero verdict. It is one statement however many events.
func (s *Store) Known(ctx context.Context, events []*impact.Event) ([]impact.Verdict, error) {
	companies := make([]int32, len(events))
	keys := make([]string, len(events))
	for i, e := range events {
		companies[i], keys[i] = int32(e.Company), hex.EncodeToString(e.Key[:])
	}
	rows, err := s.db.QueryContext(ctx, query("known"), pq.Array(companies), pq.Array(keys))
	if err != nil {
		return nil, wrap(err, "find %d events", len(events))
	}
	defer rows.Close()
	verdicts := make([]impact.Verdict, len(events))
	for rows.Next() {
		var at int
		var receipt int64
		if err := rows.Scan(&at, &receipt); err != nil {
			return nil, wrap(err, "find %d events", len(events))
		}
		verdicts[at-1] = impact.Verdict{Receipt: receipt, Duplicate: true}
	}
	return verdicts, wrap(rows.Err(), "find %d events", len(events))
}
