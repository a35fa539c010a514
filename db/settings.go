package db

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Settings are the settings of companies, in their order.
func (s *Store) Settings(ctx context.Context, companies []impact.CompanyID) ([]*impact.Settings, error) {
	found, err := readSettings(ctx, s.db, companies)
	if err != nil {
		return nil, err
	}
	list := make([]*impact.Settings, len(companies))
	for i, id := range companies {
		list[i] = found[id]
	}
	return list, nil
}

// Settings are those of companies, in their order; the answers are shared and must
// not be changed. An entry holds for one version of the company, as figures do.
func (f *Figures) Settings(ctx context.Context, companies []impact.CompanyID) ([]*impact.Settings, error) {
	return cached(ctx, f.versions, &f.settings, companies, itself, f.store.Settings)
}

// settingsOf are the settings that the questions depend on.
func (s *Store) settingsOf(ctx context.Context, questions []impact.Question) (map[impact.CompanyID]*impact.Settings, error) {
	asked := make(map[impact.CompanyID]bool)
	var ids []impact.CompanyID
	for _, q := range questions {
		if !asked[q.Company] {
			asked[q.Company] = true
			ids = append(ids, q.Company)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return readSettings(ctx, s.db, ids)
}

type settingsRow struct {
	ID          impact.CompanyID
	Version     int64  `db:"settings_version"`
	TimeZone    string `db:"time_zone"`
	WeekStart   int    `db:"week_start"`
	FiscalStart int    `db:"fiscal_start"`
	MinGroup    int64  `db:"min_group"`
	Versions    []byte
	Costs       []byte
}

func readSettings(ctx context.Context, q sqlx.QueryerContext, companies []impact.CompanyID) (map[impact.CompanyID]*impact.Settings, error) {
	var rows []settingsRow
	if err := sqlx.SelectContext(ctx, q, &rows, query("read_settings"), pq.Array(int64s(companies))); err != nil {
		return nil, wrap(err, "read settings")
	}
	found := make(map[impact.CompanyID]*impact.Settings, len(rows))
	for i := range rows {
		settings, err := rows[i].settings()
		if err != nil {
			return nil, wrap(err, "settings of company %d", rows[i].ID)
		}
		found[rows[i].ID] = settings
	}
	return found, nil
}

func (r *settingsRow) settings() (*impact.Settings, error) {
	location, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return nil, err
	}
	s := &impact.Settings{Version: r.Version, MinGroup: r.MinGroup, Calendar: impact.Calendar{
		Location: location, WeekStart: time.Weekday(r.WeekStart), FiscalStart: time.Month(r.FiscalStart),
	}}
	if r.Versions != nil {
		var list [][3]json.RawMessage
		if err := json.Unmarshal(r.Versions, &list); err != nil {
			return nil, err
		}
		for _, columns := range list {
			var v impact.SettingVersion
			if err := scanJSON(columns[:], &v.Name, &v.From, &v.Value); err != nil {
				return nil, err
			}
			if err := s.AddVersion(v); err != nil {
				return nil, fmt.Errorf("%s: %w", v.Name, err)
			}
		}
	}
	if r.Costs != nil {
		var list [][6]json.RawMessage
		if err := json.Unmarshal(r.Costs, &list); err != nil {
			return nil, err
		}
		for _, columns := range list {
			var c impact.ProgrammeCost
			if err := scanJSON(columns[:], &c.ID, &c.Programme, &c.Range.From, &c.Range.To, &c.Amount, &c.Note); err != nil {
				return nil, err
			}
			s.Costs = append(s.Costs, c)
		}
	}
	return s, nil
}

func scanJSON(columns []json.RawMessage, to ...any) error {
	for i, c := range columns {
		if err := json.Unmarshal(c, to[i]); err != nil {
			return err
		}
	}
	return nil
}
