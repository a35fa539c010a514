package db

import (
	"context"
	"database/sql"
	"errors"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// ImportProgress is how far an import of a file has come.
type ImportProgress struct {
	Position int64 // bytes of the unpacked file, all of whose events are committed
	Line     int
	Sum      []byte // SHA-256 of those bytes
	Counts   []int64
	Rejects  int64 // bytes of the file of rejects
}

// ImportProgress is how far the last import of a file came that did not end; nil if
// there is none. The file is known by a hash.
func (s *Store) ImportProgress(ctx context.Context, company impact.CompanyID, file []byte) (*ImportProgress, error) {
	p := new(ImportProgress)
	err := s.db.QueryRowContext(ctx, `
		SELECT position, line, sum, counts, rejects FROM import_progress WHERE company_id = $1 AND file = $2`, company, file).
		Scan(&p.Position, &p.Line, &p.Sum, pq.Array(&p.Counts), &p.Rejects)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none
	}
	return p, wrap(err, "import progress")
}

// SetImportProgress notes how far an import has come. It does not wait for the disk: what
// a crash loses of it is imported again, and found to be there.
func (s *Store) SetImportProgress(ctx context.Context, company impact.CompanyID, file []byte, p *ImportProgress) error {
	_, err := s.db.ExecContext(ctx, query("set_import_progress"), company, file, p.Position, p.Line, p.Sum, pq.Array(p.Counts), p.Rejects)
	return wrap(err, "import progress")
}

// EndImport forgets how far an import has come: it is complete.
func (s *Store) EndImport(ctx context.Context, company impact.CompanyID, file []byte) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM import_progress WHERE company_id = $1 AND file = $2", company, file)
	return wrap(err, "end import")
}
