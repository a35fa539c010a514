// Package db is everything impactql knows about Postgres: pools, the event log,
// the fold of batches into rollups, and the readers.
//
// # The life of a batch
//
//	open -> committed -> folded
//
// [Store.Commit] writes the events of a batch and its row in table batch in one
// transaction; from then on they are durable and acknowledged. [Folder] takes
// committed batches up into the rollups and sets batch.folded_at in one
// transaction; from then on every figure shows them.
//
// Invariants:
//   - an event is in the log once: the primary key (company_id, key) says so;
//   - a batch is folded once: folded_at is set under a row lock by the
//     transaction that changes the rollups;
//   - the rollups of a company change only under its row lock, so the bitmaps
//     and pages that a fold reads, merges and writes cannot be lost between;
//   - rollups are a function of the folded part of the log ([Store.Rebuild]).
//
// Failures: a fold may be lost with its instance, or with Postgres (it does not
// wait for the disk); the batch is then still unfolded and any instance folds it
// from the log. A commit whose reply was lost is tried again through the exact
// path, which finds out what landed.
package db
