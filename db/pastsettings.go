package db

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// pastSettings are the settings of companies as they were at an instant: those that
// hold, with the changes since taken back.
func pastSettings(ctx context.Context, tx *sqlx.Tx, at impact.AsOf, companies []impact.CompanyID) (map[impact.CompanyID]*impact.Settings, error) {
	ids := pq.Array(int64s(companies))
	var rows []settingsRow
	if err := tx.SelectContext(ctx, &rows, query("read_settings"), ids); err != nil {
		return nil, wrap(err, "read settings")
	}
	var changes []settingChange
	if err := tx.SelectContext(ctx, &changes, query("past_changes"), ids, at.Time()); err != nil {
		return nil, wrap(err, "read changes of settings")
	}
	found := make(map[impact.CompanyID]*impact.Settings, len(rows))
	for i := range rows {
		r := &rows[i]
		for _, c := range changes {
			if c.Company != r.ID {
				continue
			}
			if err := c.takeBack(r); err != nil {
				return nil, wrap(err, "take back %s %s of company %d", c.Subject, c.Item, r.ID)
			}
		}
		settings, err := r.settings()
		if err != nil {
			return nil, wrap(err, "settings of company %d", r.ID)
		}
		found[r.ID] = settings
	}
	return found, nil
}

// settingChange is the first change of an item of the settings since an instant.
type settingChange struct {
	Company       impact.CompanyID `db:"company_id"`
	Subject, Item string
	Old           string
	Before        []byte
	Version       int64
}

// takeBack undoes the change in a row.
func (c *settingChange) takeBack(r *settingsRow) (err error) {
	r.Version = min(r.Version, c.Version-1)
	name := impact.SettingName(c.Subject)
	switch {
	case name == impact.SettingProgrammeCost:
		r.Costs, err = replaceItem(r.Costs, c.Before, c.Item, func(columns []json.RawMessage) string { return string(columns[0]) })
	case name.IsDated():
		r.Versions, err = replaceItem(r.Versions, c.Before, c.Subject+" "+c.Item, dayOfVersion)
	case name == impact.SettingTimeZone:
		r.TimeZone = c.Old
	case name == impact.SettingWeekStart:
		day, err := impact.ParseWeekday(c.Old)
		if err != nil {
			return err
		}
		r.WeekStart = int(day)
	case name == impact.SettingFiscalStart:
		r.FiscalStart, err = strconv.Atoi(c.Old)
	case name == impact.SettingMinGroup:
		r.MinGroup, err = strconv.ParseInt(c.Old, 10, 64)
	}
	return err
}

// dayOfVersion names a version of a dated setting as an audit log does.
func dayOfVersion(columns []json.RawMessage) string {
	var name string
	var day impact.Day
	if scanJSON(columns[:2], &name, &day) != nil {
		return ""
	}
	return name + " " + day.String()
}

// replaceItem puts what was before, or nothing, in the place of an item of a list.
func replaceItem(list, before []byte, item string, name func([]json.RawMessage) string) ([]byte, error) {
	var items [][]json.RawMessage
	if list != nil {
		if err := json.Unmarshal(list, &items); err != nil {
			return nil, err
		}
	}
	items = slices.DeleteFunc(items, func(columns []json.RawMessage) bool { return name(columns) == item })
	if before != nil {
		var was []json.RawMessage
		if err := json.Unmarshal(before, &was); err != nil {
			return nil, err
		}
		items = append(items, was)
	}
	slices.SortFunc(items, byFirstColumns)
	if len(items) == 0 {
		return nil, nil
	}
	return json.Marshal(items)
}

// byFirstColumns is the order of read_settings.sql: costs by id, versions by name and
// day.
func byFirstColumns(a, b []json.RawMessage) int {
	for i := range 2 {
		if n := compareJSON(a[i], b[i]); n != 0 {
			return n
		}
	}
	return 0
}

// compareJSON compares two numbers or two strings.
func compareJSON(a, b json.RawMessage) int {
	x, err := strconv.ParseInt(string(a), 10, 64)
	y, err2 := strconv.ParseInt(string(b), 10, 64)
	if err == nil && err2 == nil {
		return int(x - y)
	}
	return slices.Compare(a, b)
}
