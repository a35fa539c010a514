package db

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// identity names an event across companies.
type identity struct {
	company impact.CompanyID
	key     impact.Key
}

// link is an event of a chain, and what was counted for it before this fold.
type link struct {
	*impact.Event
	batch int64
	known bool          // table correction has it
	stood *impact.Event // what was counted under its key; nil: nothing
}

// corrections are what the corrections in a fold, and of what is in it, come to. The
// zero value is of a fold that meets none.
type corrections struct {
	members  map[identity]bool // do not count as they are
	standing []*impact.Event   // count now, and did not before
	stale    staleCells        // lost something, and are counted anew
	moved    map[person]bool   // lost a directory event
}

// staleCells are programmes and days of companies.
type staleCells map[impact.CompanyID]map[programmeDay]bool

type programmeDay struct {
	programme string
	day       impact.Day
}

func (s staleCells) add(c impact.CompanyID, at programmeDay) {
	if s[c] == nil {
		s[c] = make(map[programmeDay]bool)
	}
	s[c][at] = true
}

// counted is those of a fold's events that count, with what stands.
func (c *corrections) counted(events []*impact.Event) []*impact.Event {
	if len(c.members) == 0 {
		return events
	}
	list := make([]*impact.Event, 0, len(events)+len(c.standing))
	for _, e := range events {
		if !c.members[identity{e.Company, e.Key}] {
			list = append(list, e)
		}
	}
	return append(list, c.standing...)
}

// correct finds what corrections change, and notes what became of each event that
// they are about. It costs one short statement where no company ever had a correction.
// The caller holds the lock of every company.
func correct(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, f fold) (*corrections, error) {
	concerned, err := concernedBy(ctx, tx, companies, f)
	if err != nil || len(concerned) == 0 {
		return new(corrections), err
	}
	links, err := readChains(ctx, tx, `
		SELECT company_id, key, alias, slot, supersedes, supersedes_key FROM event
		WHERE batch_id BETWEEN $2 AND $3 AND batch_id = ANY ($1) AND company_id = ANY ($4)`,
		pq.Array(f.claimed), slices.Min(f.claimed), slices.Max(f.claimed), pq.Array(concerned))
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if _, fresh := slices.BinarySearch(f.claimed, l.batch); !l.known && !fresh {
			l.stood = l.Event // it counted as it is
		}
	}
	return settle(ctx, tx, companies, links)
}

// concernedBy is the companies whose events in a fold corrections may be about: those
// that bring corrections or have had some. Of events from the log it is not known what
// they are.
func concernedBy(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, f fold) (ids []int64, err error) {
	if f.fromLog {
		for id := range companies {
			ids = append(ids, int64(id))
		}
		return ids, nil
	}
	correcting := make(map[impact.CompanyID]bool)
	for _, e := range f.events {
		if e.Corrects() {
			correcting[e.Company] = true
		}
	}
	var others []int64
	for id := range companies {
		if correcting[id] {
			ids = append(ids, int64(id))
		} else {
			others = append(others, int64(id))
		}
	}
	var had []int64
	err = tx.SelectContext(ctx, &had, `
		SELECT id FROM unnest($1::integer[]) AS c (id) WHERE EXISTS (SELECT FROM correction r WHERE r.company_id = c.id)`, pq.Array(others))
	return append(ids, had...), wrap(err, "find corrections")
}

// settle works out what stands of the chains that links make up, and what that
// changes.
func settle(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, links map[identity]*link) (*corrections, error) {
	c := &corrections{members: make(map[identity]bool), stale: make(staleCells), moved: make(map[person]bool)}
	events := make([]*impact.Event, 0, len(links))
	for _, l := range links {
		events = append(events, l.Event)
	}
	var rows correctionRows
	for _, chain := range impact.Chains(events) {
		for _, e := range chain.Members {
			id := identity{e.Company, e.Key}
			l := links[id]
			c.members[id] = true
			var stands *impact.Event
			if chain.Standing != nil && chain.Standing.Key == e.Key {
				stands = chain.Standing
			}
			same := sameFacts(l.stood, stands)
			if !same || !l.known {
				rows.add(e, stands)
			}
			if same {
				continue
			}
			if l.stood != nil {
				location := companies[e.Company].location
				c.stale.add(e.Company, programmeDay{l.stood.Programme, impact.DayAt(l.stood.OccurredAt, location)})
				if e.Kind == impact.KindDirectory {
					c.moved[person{e.Company, l.stood.Participant}] = true
				}
			}
			if stands != nil {
				c.standing = append(c.standing, stands)
			}
		}
	}
	return c, rows.store(ctx, tx)
}

// sameFacts compares what corrections can change of an event.
func sameFacts(a, b *impact.Event) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.OccurredAt.Equal(b.OccurredAt) && a.Programme == b.Programme && a.Participant == b.Participant &&
		a.Volunteer == b.Volunteer && a.DurationMS == b.DurationMS
}

// readChains reads the chains that the events which asked selects are in, as far as
// they are folded.
func readChains(ctx context.Context, tx *sqlx.Tx, asked string, args ...any) (map[identity]*link, error) {
	const folded = "NOT EXISTS (SELECT FROM batch b WHERE b.id = o.batch_id AND b.folded_at IS NULL)"
	return readChainsAmong(ctx, tx, folded, asked, args...)
}

// readChainsAmong reads the chains of events o for which known holds.
func readChainsAmong(ctx context.Context, tx *sqlx.Tx, known, asked string, args ...any) (map[identity]*link, error) {
	rows, err := tx.QueryContext(ctx, strings.NewReplacer("{asked}", asked, "{known}", known).Replace(query("fold_chains")), args...)
	if err != nil {
		return nil, wrap(err, "read corrections")
	}
	defer rows.Close()
	links := make(map[identity]*link)
	for rows.Next() {
		var stood impact.Event
		var revised, occurred sql.NullTime
		var stands sql.NullBool
		l := &link{Event: &impact.Event{Links: new(impact.Links)}}
		n := l.Links
		if err := scanEvent(rows, l.Event, (*uuid)(&n.Alias), (*uuid)(&n.Slot), (*uuid)(&n.Supersedes), (*uuid)(&n.SupersedesKey),
			&revised, &n.Amends, &l.batch, &stands, &stood.Programme, &stood.Participant, &stood.Volunteer, &occurred, &stood.DurationMS); err != nil {
			return nil, wrap(err, "read corrections")
		}
		n.RevisedAt = revised.Time
		stood.OccurredAt = occurred.Time
		l.known = stands.Valid
		if stands.Bool {
			l.stood = &stood
		}
		links[identity{l.Company, l.Key}] = l
	}
	return links, wrap(rows.Err(), "read corrections")
}

// correctionRows are rows of table correction, as columns for unnest.
type correctionRows struct {
	company                           []int64
	key                               []string
	stands                            []bool
	programme, participant, volunteer []string
	occurred                          []sql.NullTime
	duration                          []int64
}

func (r *correctionRows) add(e, stands *impact.Event) {
	r.company, r.key, r.stands = append(r.company, int64(e.Company)), append(r.key, hex.EncodeToString(e.Key[:])), append(r.stands, stands != nil)
	occurred := sql.NullTime{}
	if stands == nil {
		stands = new(impact.Event)
	} else {
		occurred = sql.NullTime{Time: stands.OccurredAt, Valid: true}
	}
	r.programme, r.participant = append(r.programme, stands.Programme), append(r.participant, stands.Participant)
	r.volunteer, r.duration = append(r.volunteer, stands.Volunteer), append(r.duration, stands.DurationMS)
	r.occurred = append(r.occurred, occurred)
}

func (r *correctionRows) store(ctx context.Context, tx *sqlx.Tx) error {
	if len(r.key) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, query("fold_corrections"), pq.Array(r.company), pq.Array(r.key), pq.Array(r.stands),
		pq.Array(r.programme), pq.Array(r.participant), pq.Array(r.volunteer), pq.Array(r.occurred), pq.Array(r.duration))
	return wrap(err, "note what became of %d events", len(r.key))
}

// uuid reads a key out of a row; NULL is the zero key.
type uuid impact.Key

// Scan implements [sql.Scanner].
func (u *uuid) Scan(src any) error {
	*u = uuid{}
	switch text := src.(type) {
	case nil:
		return nil
	case []byte:
		var compact [32]byte
		n := 0
		for _, c := range text {
			if c != '-' && n < len(compact) {
				compact[n] = c
				n++
			}
		}
		_, err := hex.Decode(u[:], compact[:])
		return err
	}
	return fmt.Errorf("db: %T is not a uuid", src)
}
