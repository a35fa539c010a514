package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// AuditLog is, for each company in order, up to limit of its changes with an id below
// before (0: from the latest on), the latest first.
func (s *Store) AuditLog(ctx context.Context, companies []impact.CompanyID, before int64, limit int) ([][]*impact.AuditEntry, error) {
	lists := make([][]*impact.AuditEntry, len(companies))
	var rows []struct {
		Place int
		impact.AuditEntry
		ValidFrom *int32 `db:"valid_from"`
	}
	if err := s.db.SelectContext(ctx, &rows, query("read_audit"), pq.Array(int64s(companies)), before, limit); err != nil {
		return nil, wrap(err, "audit log")
	}
	for i := range rows {
		entry := rows[i].AuditEntry
		entry.At = entry.At.In(time.UTC)
		if day := rows[i].ValidFrom; day != nil {
			from := impact.Day(*day)
			entry.From = &from
		}
		lists[rows[i].Place-1] = append(lists[rows[i].Place-1], &entry)
	}
	return lists, nil
}

// audit writes a line of a company's audit log, of something that is no setting.
func audit(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID, line *impact.AuditEntry) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO audit_log (company_id, actor, subject, old, new, version) VALUES ($1, $2, $3, $4, $5, $6)",
		company, line.Actor, line.Subject, line.Old, line.New, line.Version)
	return wrap(err, "write the audit log")
}

// written is what a line of the audit log says.
func written(format string, args ...any) *string {
	text := fmt.Sprintf(format, args...)
	return &text
}
