package db

import (
	"context"
)

// CatchUp folds every batch that is committed and not folded when it is called, whoever
// committed it: also what a process left behind that died.
func (f *Folder) CatchUp(ctx context.Context) error {
	if err := f.Flush(ctx); err != nil {
		return err
	}
	var waiting []unfolded
	if err := f.store.db.SelectContext(ctx, &waiting, "SELECT id, events FROM batch WHERE folded_at IS NULL ORDER BY id"); err != nil {
		return wrap(err, "catch up")
	}
	return f.store.foldFromLog(ctx, waiting)
}

type unfolded struct {
	ID     int64
	Events int
}

// foldFromLog folds batches, a bounded number of events at once.
func (s *Store) foldFromLog(ctx context.Context, batches []unfolded) error {
	for len(batches) > 0 {
		var piece []committed
		events := 0
		for len(piece) < len(batches) && (len(piece) == 0 || events+batches[len(piece)].Events <= foldLimit) {
			events += batches[len(piece)].Events
			piece = append(piece, committed{id: batches[len(piece)].ID})
		}
		batches = batches[len(piece):]
		if err := s.fold(ctx, piece, waitForOthers); err != nil {
			return err
		}
	}
	return nil
}
