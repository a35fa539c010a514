package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// SettingsChannel is the notification channel on which the id of a company is told
// whose settings changed.
const SettingsChannel = "impactql_settings"

// Bounds of what one company may store, and one call may change.
const (
	maxChanges = 100
	maxDated   = 5000 // versions of all settings
	maxCosts   = 5000 // lines
)

// ChangeSettings makes an edit and returns the settings after it. Every instance's
// cached figures of the company end with its commit. What changes nothing leaves no
// trace. Errors: [impact.CodeInvalid], [impact.Conflict] if the version is not the
// expected one, [impact.CodeTooLarge].
func (s *Store) ChangeSettings(ctx context.Context, e impact.SettingsEdit) (after *impact.Settings, err error) {
	if len(e.Changes) > maxChanges {
		return nil, impact.Errorf(impact.CodeTooLarge, "%d changes at once are more than %d: send them in several edits", len(e.Changes), maxChanges)
	}
	err = s.inTx(ctx, "change settings", func(tx *sqlx.Tx) error {
		after, err = s.changeSettings(ctx, tx, &e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

func (s *Store) changeSettings(ctx context.Context, tx *sqlx.Tx, e *impact.SettingsEdit) (*impact.Settings, error) {
	// Under the lock that folds take: two edits do not overlap, and no fold cuts days
	// by a zone that changes.
	if _, err := tx.ExecContext(ctx, "SELECT FROM company WHERE id = $1 FOR NO KEY UPDATE", e.Company); err != nil {
		return nil, err
	}
	before, err := settingsIn(ctx, tx, e.Company)
	if err != nil {
		return nil, err
	}
	if e.Expected != nil && *e.Expected != before.Version {
		return nil, impact.NewConflict(before.Version)
	}
	if len(before.Versions)+len(e.Changes) > maxDated || len(before.Costs)+len(e.Changes) > maxCosts {
		return nil, impact.Errorf(impact.CodeTooLarge, "a company keeps at most %d versions of settings and %d lines of costs: "+
			"remove some, or put costs together", maxDated, maxCosts)
	}
	edit := &settingsEdit{tx: tx, SettingsEdit: e, version: before.Version + 1}
	if err := edit.begin(ctx); err != nil {
		return nil, err
	}
	type version struct {
		name impact.SettingName
		from impact.Day // 0 of what holds for every day
	}
	made := make(map[version]bool)
	for i := range e.Changes {
		c := e.Changes[i]
		if err := c.Check(before.Calendar.Today(e.Now)); err != nil {
			return nil, err
		}
		of := version{name: c.Name}
		if c.From != nil {
			of.from = *c.From
		}
		if made[of] && c.Name != impact.SettingProgrammeCost {
			return nil, impact.Errorf(impact.CodeInvalid, "%s is changed twice in one edit: leave one of the changes out", c.Name)
		}
		made[of] = true
		if err := edit.make(ctx, before, &c); err != nil {
			return nil, err
		}
	}
	if !edit.changed {
		return before, nil
	}
	var news string
	if err := tx.GetContext(ctx, &news, `
		UPDATE company SET version = version + 1, settings_version = $2 WHERE id = $1
		RETURNING id || ':' || version`, e.Company, edit.version); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_notify($1, $2), pg_notify($3, $4)",
		Channel, news, SettingsChannel, strconv.Itoa(int(e.Company))); err != nil {
		return nil, err
	}
	if edit.zoned {
		if err := s.rezone(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	return settingsIn(ctx, tx, e.Company)
}

func settingsIn(ctx context.Context, tx *sqlx.Tx, company impact.CompanyID) (*impact.Settings, error) {
	found, err := readSettings(ctx, tx, []impact.CompanyID{company})
	if err != nil {
		return nil, err
	}
	if found[company] == nil {
		return nil, impact.Errorf(impact.CodeNotFound, "Company not found")
	}
	return found[company], nil
}

// rezone cuts the days of every event anew.
func (s *Store) rezone(ctx context.Context, tx *sqlx.Tx, e *impact.SettingsEdit) error {
	if e.RebuildLimit > 0 {
		var events int64
		if err := tx.GetContext(ctx, &events, `
			SELECT count(*) FROM (SELECT FROM event WHERE company_id = $1 LIMIT $2) e`, e.Company, e.RebuildLimit+1); err != nil {
			return err
		}
		if events > e.RebuildLimit {
			return impact.Errorf(impact.CodeTooLarge, "a new time zone cuts every day anew, which for more than %d events takes "+
				"too long for a request: run `impactql settings set timeZone=<zone> --company <key>` beside the server", e.RebuildLimit)
		}
	}
	return s.rebuild(ctx, tx, e.Company, e.Progress)
}

// settingsEdit is an edit under way.
type settingsEdit struct {
	*impact.SettingsEdit
	tx      *sqlx.Tx
	version int64 // that it makes
	at      time.Time
	changed bool
	zoned   bool // the time zone is another
}

// begin sets when the edit is made. Who asks for what was known at an instant waits for
// those who hold the lock, so that an edit is known from then on, as a whole.
func (e *settingsEdit) begin(ctx context.Context) error {
	if _, err := e.tx.ExecContext(ctx, "LOCK TABLE audit_log IN ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	return e.tx.GetContext(ctx, &e.at, "SELECT clock_timestamp()")
}

func (e *settingsEdit) make(ctx context.Context, before *impact.Settings, c *impact.SettingChange) error {
	switch {
	case c.Name == impact.SettingProgrammeCost:
		return e.makeCost(ctx, c)
	case c.Name.IsDated():
		return e.makeDated(ctx, c)
	}
	return e.makeAtOnce(ctx, before, c)
}

func (e *settingsEdit) makeDated(ctx context.Context, c *impact.SettingChange) error {
	var old *string
	err := e.tx.GetContext(ctx, &old, "SELECT value FROM company_setting WHERE company_id = $1 AND name = $2 AND valid_from = $3",
		e.Company, c.Name, c.From.String())
	none := err == sql.ErrNoRows //nolint:errorlint // never wrapped
	if err != nil && !none {
		return err
	}
	statement := `
		INSERT INTO company_setting (company_id, name, valid_from, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (company_id, name, valid_from) DO UPDATE SET value = excluded.value`
	args := []any{e.Company, c.Name, c.From.String(), c.Value}
	switch {
	case c.Remove && none:
		return &impact.Error{Code: impact.CodeNotFound, Pointer: "/validFrom",
			Message: fmt.Sprintf("there is no version of %s from %s: `settingsHistory` lists those there are", c.Name, *c.From)}
	case c.Remove:
		statement, args = "DELETE FROM company_setting WHERE company_id = $1 AND name = $2 AND valid_from = $3", args[:3]
		c.Value = nil
	case !none && equal(old, c.Value):
		return nil
	}
	if _, err := e.tx.ExecContext(ctx, statement, args...); err != nil {
		return err
	}
	var was *string
	if !none {
		was = jsonText([]any{c.Name, int32(*c.From), old})
	}
	return e.note(ctx, c.Name, c.From, old, c.Value, c.From.String(), was)
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// atOnce are the columns of the settings that hold for every day, and their defaults.
var atOnce = map[impact.SettingName]struct{ update, standard string }{
	impact.SettingTimeZone:    {"UPDATE company SET time_zone = $2 WHERE id = $1", "UTC"},
	impact.SettingWeekStart:   {"UPDATE company SET week_start = $2 WHERE id = $1", "MONDAY"},
	impact.SettingFiscalStart: {"UPDATE company SET fiscal_start = $2 WHERE id = $1", "1"},
	impact.SettingMinGroup:    {"UPDATE company SET min_group = $2 WHERE id = $1", strconv.Itoa(impact.DefaultMinGroup)},
}

func (e *settingsEdit) makeAtOnce(ctx context.Context, before *impact.Settings, c *impact.SettingChange) error {
	column := atOnce[c.Name]
	value, old := column.standard, before.TextAt(c.Name, before.Calendar.Today(e.Now))
	if c.Value != nil {
		value = *c.Value
	}
	if value == old {
		return nil
	}
	var stored any = value
	if c.Name == impact.SettingWeekStart {
		day, err := impact.ParseWeekday(value)
		if err != nil {
			return err
		}
		stored = int(day)
	}
	if _, err := e.tx.ExecContext(ctx, column.update, e.Company, stored); err != nil {
		return err
	}
	e.zoned = e.zoned || c.Name == impact.SettingTimeZone
	return e.note(ctx, c.Name, nil, &old, &value, "", nil)
}

func (e *settingsEdit) makeCost(ctx context.Context, c *impact.SettingChange) error {
	line := *c.Cost
	if !c.Remove {
		var id string
		if err := e.tx.GetContext(ctx, &id, `
			INSERT INTO programme_cost (company_id, programme, first_day, last_day, amount, note) VALUES ($1, $2, $3, $4, $5, $6)
			RETURNING id::text`,
			e.Company, line.Programme, line.Range.From.String(), (line.Range.To - 1).String(), line.Amount, line.Note); err != nil {
			return err
		}
		text := costText(line.Programme, line.Range.String(), line.Amount.StringFixed(2), line.Note)
		return e.note(ctx, c.Name, nil, nil, &text, id, nil)
	}
	var gone struct {
		Programme, Days, Amount, Note, Before string
	}
	err := e.tx.GetContext(ctx, &gone, `
		DELETE FROM programme_cost WHERE company_id = $1 AND id = $2
		RETURNING programme, first_day || '/' || last_day AS days, round(amount, 2)::text AS amount, note,
			json_build_array(id, programme, first_day - date '1970-01-01', last_day - date '1970-01-01' + 1, amount::text, note)::text AS before`,
		e.Company, line.ID)
	if err == sql.ErrNoRows { //nolint:errorlint // never wrapped
		return &impact.Error{Code: impact.CodeNotFound, Pointer: "/id",
			Message: fmt.Sprintf("there is no line %d of programme costs: `settings { programmeCosts { id } }` lists those there are", line.ID)}
	}
	if err != nil {
		return err
	}
	text := costText(gone.Programme, gone.Days, gone.Amount, gone.Note)
	return e.note(ctx, c.Name, nil, &text, nil, strconv.FormatInt(line.ID, 10), &gone.Before)
}

func costText(programme, days, amount, note string) string {
	text := programme + " " + days + " " + amount
	if note != "" {
		text += " " + note
	}
	return text
}

// jsonText is what can always be written as JSON.
func jsonText(v any) *string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	text := string(data)
	return &text
}

// note writes a line of the audit log. item and before are for machines; see the columns.
func (e *settingsEdit) note(
	ctx context.Context, name impact.SettingName, from *impact.Day, old, changed *string, item string, before *string,
) error {
	e.changed = true
	var day *string
	if from != nil {
		text := from.String()
		day = &text
	}
	_, err := e.tx.ExecContext(ctx, `
		INSERT INTO audit_log (company_id, at, actor, subject, valid_from, old, new, version, item, before)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.Company, e.at, e.By, name, day, old, changed, e.version, item, before)
	return err
}
