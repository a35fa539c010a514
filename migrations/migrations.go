// Package migrations holds the database schema as numbered SQL files, embedded
// in the binary and applied in order by goose. A released file is never edited;
// each says why it is there. schema.sql shows the whole that they add up to.
package migrations

import "embed"

// FS holds the migrations, NNNN_name.sql at its root.
//
//go:embed [0-9]*.sql
var FS embed.FS
