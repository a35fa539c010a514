package db

import (
	"context"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// ValueMaps are the value maps of companies, in their order; nil where there is none.
func (s *Store) ValueMaps(ctx context.Context, companies []impact.CompanyID) ([]*impact.StoredMap, error) {
	found, err := valueMapsIn(ctx, s.db, companies, 0)
	if err != nil {
		return nil, err
	}
	list := make([]*impact.StoredMap, len(companies))
	for i, id := range companies {
		list[i] = found[id]
	}
	return list, nil
}

// valueMapsIn are those that held at an instant, or hold now.
func valueMapsIn(
	ctx context.Context, q sqlx.QueryerContext, companies []impact.CompanyID, at impact.AsOf,
) (map[impact.CompanyID]*impact.StoredMap, error) {
	var rows []struct {
		Company impact.CompanyID `db:"company_id"`
		Version int64
		Map     []byte
	}
	if err := sqlx.SelectContext(ctx, q, &rows, `
		SELECT DISTINCT ON (company_id) company_id, version, map FROM value_map
		WHERE company_id = ANY ($1) AND ($2 OR saved_at <= $3)
		ORDER BY company_id, version DESC`, pq.Array(int64s(companies)), at == 0, at.Time()); err != nil {
		return nil, wrap(err, "value maps")
	}
	found := make(map[impact.CompanyID]*impact.StoredMap, len(rows))
	for _, r := range rows {
		m, err := impact.ParseValueMap(r.Map)
		if err != nil {
			return nil, wrap(err, "value map %d of company %d", r.Version, r.Company)
		}
		found[r.Company] = &impact.StoredMap{ValueMap: m, Version: r.Version}
	}
	return found, nil
}

// SaveValueMap makes a valid map the company's, as a new version, and returns that. If
// expected is not nil and not the version that holds (0: there is none), the error is
// an [impact.Conflict].
func (s *Store) SaveValueMap(
	ctx context.Context, company impact.CompanyID, m *impact.ValueMap, actor string, expected *int64,
) (version int64, err error) {
	data, err := m.MarshalJSON()
	if err != nil {
		return 0, wrap(err, "save value map")
	}
	err = s.inTx(ctx, "save value map", func(tx *sqlx.Tx) error {
		// Two editors take turns, as with settings.
		if _, err := tx.ExecContext(ctx, "SELECT FROM company WHERE id = $1 FOR NO KEY UPDATE", company); err != nil {
			return err
		}
		var before int64
		if err := tx.GetContext(ctx, &before, "SELECT coalesce(max(version), 0) FROM value_map WHERE company_id = $1", company); err != nil {
			return err
		}
		if expected != nil && *expected != before {
			return impact.NewConflict(before)
		}
		version = before + 1
		if _, err := tx.ExecContext(ctx, "INSERT INTO value_map (company_id, version, actor, map) VALUES ($1, $2, $3, $4)",
			company, version, actor, string(data)); err != nil {
			return err
		}
		line := impact.AuditEntry{Actor: actor, Subject: impact.AuditValueMap, New: written("version %d", version), Version: version}
		if before > 0 {
			line.Old = written("version %d", before)
		}
		return audit(ctx, tx, company, &line)
	})
	return version, err
}

// ValueMaps is [Store.ValueMaps].
func (f *Figures) ValueMaps(ctx context.Context, companies []impact.CompanyID) ([]*impact.StoredMap, error) {
	return f.store.ValueMaps(ctx, companies)
}
