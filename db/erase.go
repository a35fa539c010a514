package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Erase removes a person and records that it was done, not who it was. Everything
// happens in one transaction: readers see the company with the person, or without.
//
// What was the person's own is deleted but for the event's identity, so that a
// redelivery is a duplicate; from what is another person's too they are struck out; see
// [impact.FateOf]. Raw forms that name the person are rewritten from what is normalised.
// An event that is committed meanwhile, or later, is new.
//
// An erasure that finds nothing leaves no record. Errors: [impact.CodeTooLarge] if the
// company has more events than the limit.
func (s *Store) Erase(ctx context.Context, r impact.EraseRequest) (done *impact.Erasure, err error) {
	// A batch that is not folded may be in the memory of an instance, which would fold the
	// person back in: such batches are folded first.
	for range eraseTries {
		e := &erasure{EraseRequest: &r, store: s, done: impact.Erasure{By: r.By}}
		err := s.inTx(ctx, "erase", func(tx *sqlx.Tx) error {
			e.tx = tx
			return e.run(ctx)
		})
		switch {
		case err == nil:
			return &e.done, nil
		case !errors.Is(err, errUnfolded):
			return nil, err
		}
		if err := s.foldFromLog(ctx, e.unfolded, waitForOthers); err != nil {
			return nil, err
		}
	}
	return nil, impact.Errorf(impact.CodeUnavailable, "events of the person keep arriving: stop what sends them, then try again")
}

// eraseTries is how often an erasure folds what has arrived meanwhile before it gives up.
const eraseTries = 20

var errUnfolded = errors.New("some events are not folded yet")

// erasure is one try.
type erasure struct {
	*impact.EraseRequest
	store *Store
	tx    *sqlx.Tx
	done  impact.Erasure

	companies map[impact.CompanyID]*foldCompany
	unfolded  []unfolded // batches that keep the erasure from going on
	stale     staleCells
	moved     map[person]bool // whose attributes changed
	chained   bool            // a correction is about some event that changed
}

func (e *erasure) run(ctx context.Context) error {
	// Under the lock that folds take, the folded part of the log stands still.
	var err error
	if e.companies, err = lockCompanies(ctx, e.tx, []*impact.Event{{Company: e.Company}}); err != nil {
		return err
	}
	if err := e.tx.SelectContext(ctx, &e.unfolded, query("erase_unfolded"), e.Company, e.Person); err != nil {
		return err
	}
	if len(e.unfolded) > 0 {
		return errUnfolded
	}
	if err := e.checkLimit(ctx); err != nil {
		return err
	}
	e.stale, e.moved = make(staleCells), make(map[person]bool)
	if err := e.events(ctx); err != nil {
		return err
	}
	if err := e.deleteBodies(ctx); err != nil {
		return err
	}
	gone, err := e.forgetPerson(ctx)
	if err != nil || e.done.Empty() && !gone {
		return err
	}
	if err := e.recount(ctx); err != nil {
		return err
	}
	return e.record(ctx)
}

func (e *erasure) checkLimit(ctx context.Context) error {
	if e.Limit == 0 {
		return nil
	}
	var events int64
	if err := e.tx.GetContext(ctx, &events, "SELECT count(*) FROM (SELECT FROM event WHERE company_id = $1 LIMIT $2) e", e.Company, e.Limit+1); err != nil {
		return err
	}
	if events > e.Limit {
		return impact.Errorf(impact.CodeTooLarge, "an erasure looks at every event of the company, which for more than %d takes too long "+
			"for a request: run `impactql forget --company <key> --person <key>` beside the server", e.Limit)
	}
	return nil
}

// eraseChunk is how many rows an erasure looks at, and how many it changes, at once.
const eraseChunk = 2000

// events goes through the log once and deletes, strikes out and rewrites.
func (e *erasure) events(ctx context.Context) error {
	if _, err := e.tx.ExecContext(ctx, "DECLARE found NO SCROLL CURSOR FOR "+query("erase_find"), e.Company, e.Person, strings.ToLower(e.Person)); err != nil {
		return wrap(err, "find events")
	}
	seen := int64(0)
	for {
		found, err := e.fetch(ctx)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			break
		}
		seen += int64(len(found))
		if err := e.change(ctx, found); err != nil {
			return err
		}
		if e.Progress != nil {
			e.Progress(seen)
		}
	}
	_, err := e.tx.ExecContext(ctx, "CLOSE found")
	return err
}

// foundEvent is an event that may name the person.
type foundEvent struct {
	impact.Event
	key     string // as Postgres writes it
	chained bool
}

func (e *erasure) fetch(ctx context.Context) (list []*foundEvent, err error) {
	rows, err := e.tx.QueryContext(ctx, fmt.Sprintf("FETCH %d FROM found", eraseChunk))
	if err != nil {
		return nil, wrap(err, "find events")
	}
	defer rows.Close()
	for rows.Next() {
		f := &foundEvent{Event: impact.Event{Company: e.Company}}
		var kind, dimension, status string
		var mood, level, amount, currency sql.NullString
		if err := rows.Scan(&f.key, &kind, &f.Type, &f.Programme, &f.Participant, &f.Volunteer, &f.Session, &f.OccurredAt,
			&f.DurationMS, &f.Score, &f.ScoreRaw, &f.ScoreScale, &f.Confidence, &f.HasConfidence, &dimension, &status,
			&f.FromVolunteer, &mood, &level, &f.Points, &amount, &currency, &f.Department, &f.Attributes, &f.Raw, &f.chained); err != nil {
			return nil, wrap(err, "find events")
		}
		f.Kind, _ = impact.ParseKind(kind)
		f.Dimension, _ = impact.ParseDimension(dimension)
		f.Status, _ = impact.ParseStatus(status)
		f.Mood, f.Level, f.Amount, f.Currency = mood.String, level.String, amount.String, currency.String
		list = append(list, f)
	}
	return list, wrap(rows.Err(), "find events")
}

// change does to each event what is its fate.
func (e *erasure) change(ctx context.Context, found []*foundEvent) error {
	var deleted []string
	var kept struct{ key, participant, volunteer, session, level, attributes, payload []string }
	for _, f := range found {
		fate := impact.FateOf(&f.Event, e.Person)
		named := impact.Mentions([]byte(f.Session), e.Person)
		if fate == impact.FateKept && !named && !impact.Mentions(f.Raw, e.Person) {
			continue
		}
		if fate != impact.FateKept {
			e.chained = e.chained || f.chained
			e.stale.add(e.Company, programmeDay{f.Programme, impact.DayAt(f.OccurredAt, e.companies[e.Company].location)})
		}
		switch fate {
		case impact.FateDeleted:
			e.done.Deleted++
			deleted = append(deleted, f.key)
			continue
		case impact.FateStruck:
			e.done.Struck++
			f.Strike(e.Person)
		case impact.FateKept:
			e.done.Mentions++
		}
		if named {
			f.Session = ""
		}
		kept.key, kept.participant, kept.volunteer = append(kept.key, f.key), append(kept.participant, f.Participant), append(kept.volunteer, f.Volunteer)
		if attributes := f.Attributes.Without(e.Person); attributes != f.Attributes {
			f.Attributes = attributes
			e.moved[person{e.Company, f.Participant}] = true
		}
		kept.session, kept.level = append(kept.session, f.Session), append(kept.level, f.Level)
		kept.attributes = append(kept.attributes, string(f.Attributes))
		kept.payload = append(kept.payload, string(impact.Render(&f.Event)))
	}
	if len(deleted) > 0 {
		if _, err := e.tx.ExecContext(ctx, query("erase_delete"), e.Company, pq.Array(deleted)); err != nil {
			return wrap(err, "delete %d events", len(deleted))
		}
	}
	if len(kept.key) > 0 {
		if _, err := e.tx.ExecContext(ctx, query("erase_strike"), e.Company, pq.Array(kept.key), pq.Array(kept.participant),
			pq.Array(kept.volunteer), pq.Array(kept.session), pq.Array(kept.level), pq.Array(kept.attributes), pq.Array(kept.payload)); err != nil {
			return wrap(err, "strike out of %d events", len(kept.key))
		}
	}
	for _, keys := range [][]string{deleted, kept.key} {
		done, err := e.tx.ExecContext(ctx, "DELETE FROM event_conflict WHERE company_id = $1 AND key = ANY ($2::uuid[])", e.Company, pq.Array(keys))
		if err != nil {
			return wrap(err, "delete conflicts")
		}
		n, err := done.RowsAffected()
		if err != nil {
			return err
		}
		e.done.Conflicts += n
	}
	return nil
}

// bodyTable keeps what was sent as it came.
type bodyTable struct {
	table, column string
	deleted       func(*impact.Erasure) *int64 // where the record counts what was deleted
}

// bodies are such tables beside the log.
var bodies = []bodyTable{
	{"event_conflict", "payload", func(e *impact.Erasure) *int64 { return &e.Conflicts }},
	{"reject", "payload", func(e *impact.Erasure) *int64 { return &e.Rejects }},
}

// deleteBodies deletes what names the person of what was sent and is not in the log.
func (e *erasure) deleteBodies(ctx context.Context) error {
	for _, b := range bodies {
		places, err := e.naming(ctx, b)
		if err != nil {
			return wrap(err, "look through %s", b.table)
		}
		if len(places) == 0 {
			continue
		}
		if _, err := e.tx.ExecContext(ctx, "DELETE FROM "+b.table+" WHERE company_id = $1 AND ctid = ANY ($2::tid[])", e.Company, pq.Array(places)); err != nil {
			return wrap(err, "delete from %s", b.table)
		}
		*b.deleted(&e.done) += int64(len(places))
	}
	return nil
}

// naming is where the rows of a table are that name the person; they are locked there.
func (e *erasure) naming(ctx context.Context, b bodyTable) (places []string, err error) {
	rows, err := e.tx.QueryContext(ctx, "SELECT ctid::text, "+b.column+" FROM "+b.table+" WHERE company_id = $1 FOR UPDATE", e.Company)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var place string
		var raw sql.RawBytes
		if err := rows.Scan(&place, &raw); err != nil {
			return nil, err
		}
		if impact.Mentions(raw, e.Person) {
			places = append(places, place)
		}
	}
	return places, rows.Err()
}

// forgetPerson takes the person out of the numbering. Their number is not given again;
// numbers that instances remember end with the company's count of erasures.
func (e *erasure) forgetPerson(ctx context.Context) (gone bool, err error) {
	if _, err := e.tx.ExecContext(ctx, `
		DELETE FROM person_attribute a USING person p
		WHERE p.company_id = $1 AND p.key = $2 AND a.company_id = p.company_id AND a.ordinal = p.ordinal`, e.Company, e.Person); err != nil {
		return false, wrap(err, "forget the person's attributes")
	}
	done, err := e.tx.ExecContext(ctx, "DELETE FROM person WHERE company_id = $1 AND key = $2", e.Company, e.Person)
	if err != nil {
		return false, wrap(err, "forget the person's number")
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// recountDays is up to how many days of programmes are counted anew one by one; beyond
// it a rebuild of everything is quicker.
const recountDays = 500

// recount brings the rollups in line with the log.
func (e *erasure) recount(ctx context.Context) error {
	if err := recountDirectory(ctx, e.tx, e.moved); err != nil {
		return err
	}
	if len(e.stale) == 0 {
		return nil
	}
	if e.chained || len(e.stale[e.Company]) > recountDays {
		return e.store.rebuild(ctx, e.tx, e.Company, e.Progress)
	}
	return e.store.recount(ctx, e.tx, e.companies, e.stale)
}

// record notes that it was done, and ends what was cached.
func (e *erasure) record(ctx context.Context) error {
	var news string
	if err := e.tx.GetContext(ctx, &news, `
		UPDATE company SET version = version + 1, erasures = erasures + 1 WHERE id = $1 RETURNING id || ':' || version`, e.Company); err != nil {
		return wrap(err, "raise version")
	}
	if _, err := e.tx.ExecContext(ctx, "SELECT pg_notify($1, $2)", Channel, news); err != nil {
		return wrap(err, "notify")
	}
	d := &e.done
	return wrap(e.tx.QueryRowContext(ctx, `
		INSERT INTO erasure (company_id, actor, deleted, struck, mentions, conflicts, rejects) VALUES ($1, $2, $3, $4, $5, $6, $7)
		RETURNING id, at`, e.Company, d.By, d.Deleted, d.Struck, d.Mentions, d.Conflicts, d.Rejects).Scan(&d.ID, &d.At), "record")
}

// Erasures lists up to limit of what was erased of a company, with an id below before (0: from
// the latest on), the latest first.
func (s *Store) Erasures(ctx context.Context, company impact.CompanyID, before int64, limit int) (list []*impact.Erasure, err error) {
	err = s.db.SelectContext(ctx, &list, `
		SELECT id, at, actor, deleted, struck, mentions, conflicts, rejects FROM erasure
		WHERE company_id = $1 AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3`, company, before, limit)
	return list, wrap(err, "erasures")
}
