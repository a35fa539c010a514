package db

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// RejectBounds bound what is kept for one company. Zero fields take their defaults.
type RejectBounds struct {
	Count      int   // rejects, beyond which the oldest go; default 10,000
	Bytes      int64 // of what was sent, likewise; default 64 MiB
	Quarantine int   // events that wait to be due, beyond which they are refused; default 10,000
}

// Defaults of [RejectBounds].
const (
	DefaultRejectCount           = 10_000
	DefaultRejectBytes           = 64 << 20
	DefaultQuarantineCount       = 10_000
	rejectFieldLimit             = 2_000 // bytes of a message or a pointer
	maxRejectPage                = 1_000
	beforeAny              int64 = math.MaxInt64
)

// BoundRejects sets the bounds; call it before the store is used.
func (s *Store) BoundRejects(b RejectBounds) {
	s.rejectBounds = RejectBounds{
		Count: cmp.Or(b.Count, DefaultRejectCount), Bytes: cmp.Or(b.Bytes, DefaultRejectBytes),
		Quarantine: cmp.Or(b.Quarantine, DefaultQuarantineCount),
	}
}

// digest is what a reject is known again by: a quarantined event by its identity, all
// else by its bytes and the way that it came.
func digest(r *impact.Reject) impact.Key {
	h := sha256.New()
	if r.Status == impact.RejectQuarantined {
		fmt.Fprintf(h, "event:%x", r.Key)
	} else {
		fmt.Fprintf(h, "%d:%s%d:%s%t%d:", len(r.Source), r.Source, len(r.Delivery), r.Delivery, r.Strict, r.Size)
		h.Write(r.Raw)
	}
	return impact.Key(h.Sum(nil)[:16])
}

type rejectKey struct {
	company impact.CompanyID
	digest  impact.Key
}

// KeepRejects makes rejects durable and sets ID, Status and Receipt of each to what is
// kept: one that came before may have been settled since. A quarantined event that there
// is no room for becomes open.
func (s *Store) KeepRejects(ctx context.Context, list []*impact.Reject) error {
	if err := s.limitQuarantine(ctx, list); err != nil {
		return err
	}
	// The same reject twice is one row with two attempts.
	rows := make(map[rejectKey][]*impact.Reject, len(list))
	var order []rejectKey
	for _, r := range list {
		k := rejectKey{r.Company, digest(r)}
		if rows[k] == nil {
			order = append(order, k)
		}
		rows[k] = append(rows[k], r)
	}
	var c rejectColumns
	for _, k := range order {
		c.add(k, rows[k])
	}
	var kept []struct {
		Company impact.CompanyID `db:"company_id"`
		Digest  string
		ID      int64
		Status  impact.RejectStatus
		Receipt int64
	}
	if err := s.db.SelectContext(ctx, &kept, query("keep_rejects"), c.args()...); err != nil {
		return wrap(err, "keep %d rejects", len(order))
	}
	for _, k := range kept {
		key, err := parseKey(k.Digest)
		if err != nil {
			return wrap(err, "keep rejects")
		}
		for _, r := range rows[rejectKey{k.Company, key}] {
			r.ID, r.Receipt = k.ID, k.Receipt
			if r.Status == impact.RejectQuarantined || k.Status != impact.RejectQuarantined {
				r.Status = k.Status
			}
		}
	}
	return nil
}

// limitQuarantine opens quarantined events beyond the bound.
func (s *Store) limitQuarantine(ctx context.Context, list []*impact.Reject) error {
	var companies []int64
	for _, r := range list {
		if r.Status == impact.RejectQuarantined && !slices.Contains(companies, int64(r.Company)) {
			companies = append(companies, int64(r.Company))
		}
	}
	if companies == nil {
		return nil
	}
	var rows []struct {
		Company impact.CompanyID `db:"company_id"`
		N       int
	}
	if err := s.db.SelectContext(ctx, &rows, `
		SELECT company_id, count(*) AS n FROM reject WHERE status = 'QUARANTINED' AND company_id = ANY ($1) GROUP BY 1`,
		pq.Array(companies)); err != nil {
		return wrap(err, "count what is in quarantine")
	}
	held := make(map[impact.CompanyID]int)
	for _, r := range rows {
		held[r.Company] = r.N
	}
	// What waits there already takes no more room, however often it is sent.
	waits, err := s.quarantined(ctx, list)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Status != impact.RejectQuarantined {
			continue
		}
		k := rejectKey{r.Company, digest(r)}
		if waits[k] {
			continue
		}
		if held[r.Company]++; held[r.Company] > s.rejectBounds.Quarantine {
			r.Status, r.Code = impact.RejectOpen, impact.CodeTooLarge
			r.Message = fmt.Sprintf("dated too far ahead, and %d events of the company wait in quarantine already: "+
				"replay or dismiss some, or send this one when it is due", s.rejectBounds.Quarantine)
			continue
		}
		waits[k] = true
	}
	return nil
}

// quarantined is which of the rejects wait in quarantine.
func (s *Store) quarantined(ctx context.Context, list []*impact.Reject) (map[rejectKey]bool, error) {
	var companies []int64
	var digests []string
	for _, r := range list {
		if r.Status == impact.RejectQuarantined {
			d := digest(r)
			companies, digests = append(companies, int64(r.Company)), append(digests, hex.EncodeToString(d[:]))
		}
	}
	var rows []struct {
		Company impact.CompanyID `db:"company_id"`
		Digest  string
	}
	if err := s.db.SelectContext(ctx, &rows, `
		SELECT r.company_id, r.digest
		FROM unnest($1::integer[], $2::uuid[]) AS asked (company_id, digest)
		JOIN reject r USING (company_id, digest)
		WHERE r.status = 'QUARANTINED'`, pq.Array(companies), pq.Array(digests)); err != nil {
		return nil, wrap(err, "find %d in quarantine", len(digests))
	}
	found := make(map[rejectKey]bool, len(rows))
	for _, r := range rows {
		key, err := parseKey(r.Digest)
		if err != nil {
			return nil, wrap(err, "find in quarantine")
		}
		found[rejectKey{r.Company, key}] = true
	}
	return found, nil
}

// rejectColumns are rows as arrays for unnest.
type rejectColumns struct {
	company, size, apiKey, attempts, schema []int64
	digest, status, code, message, pointer  []string
	source, provider, delivery, key         []string
	payload                                 pq.ByteaArray
	strict                                  []bool
	due                                     []*time.Time
	at                                      []time.Time
}

func (c *rejectColumns) add(k rejectKey, same []*impact.Reject) {
	r := same[0]
	attempts := 0
	for _, s := range same {
		attempts += s.Attempts
	}
	key := ""
	var due *time.Time
	if r.Status == impact.RejectQuarantined {
		key, due = hex.EncodeToString(r.Key[:]), &r.DueAt
	}
	c.company, c.digest = append(c.company, int64(k.company)), append(c.digest, hex.EncodeToString(k.digest[:]))
	c.status, c.code = append(c.status, string(r.Status)), append(c.code, string(r.Code))
	c.message, c.pointer = append(c.message, storable(r.Message)), append(c.pointer, storable(r.Pointer))
	c.payload, c.size = append(c.payload, r.Raw), append(c.size, int64(r.Size))
	c.source, c.provider, c.delivery = append(c.source, r.Source), append(c.provider, r.Provider), append(c.delivery, storable(r.Delivery))
	c.apiKey, c.strict, c.schema = append(c.apiKey, int64(r.APIKey)), append(c.strict, r.Strict), append(c.schema, int64(r.Schema))
	c.key, c.due, c.at = append(c.key, key), append(c.due, due), append(c.at, r.FirstAt)
	c.attempts = append(c.attempts, int64(attempts))
}

func (c *rejectColumns) args() []any {
	return []any{
		pq.Array(c.company), pq.Array(c.digest), pq.Array(c.status), pq.Array(c.code), pq.Array(c.message), pq.Array(c.pointer),
		c.payload, pq.Array(c.size), pq.Array(c.source), pq.Array(c.provider), pq.Array(c.delivery), pq.Array(c.apiKey),
		pq.Array(c.strict), pq.Array(c.schema), pq.Array(c.key), pq.Array(c.due), pq.Array(c.at), pq.Array(c.attempts),
	}
}

// storable is text that Postgres takes, bounded: a pointer holds names of the caller's.
func storable(s string) string {
	return string(bytes.ReplaceAll(bytes.ToValidUTF8([]byte(s[:min(len(s), rejectFieldLimit)]), []byte("\uFFFD")), []byte{0}, []byte("\uFFFD")))
}

func parseKey(text string) (k impact.Key, err error) {
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(text), []byte{'-'}, nil)))
	if err != nil || len(b) != len(k) {
		return k, fmt.Errorf("%q is no key", text)
	}
	return impact.Key(b), nil
}

// PruneRejects deletes what is beyond the bounds of companies, the oldest first, and
// says how many.
func (s *Store) PruneRejects(ctx context.Context, companies []impact.CompanyID) (int64, error) {
	res, err := s.db.ExecContext(ctx, query("prune_rejects"), pq.Array(int64s(companies)), s.rejectBounds.Count, s.rejectBounds.Bytes, impact.MaxReject)
	if err != nil {
		return 0, wrap(err, "prune rejects")
	}
	return res.RowsAffected()
}

// Rejects are up to limit of the rejects of each company with an id below before, newest
// first, in the order of companies; of their bodies at most body bytes.
func (s *Store) Rejects(
	ctx context.Context, companies []impact.CompanyID, f impact.RejectFilter, before int64, limit, body int,
) ([][]*impact.Reject, error) {
	if before <= 0 {
		before = beforeAny
	}
	var ids any
	if f.IDs != nil {
		ids = pq.Array(f.IDs)
	}
	rows, err := s.db.QueryContext(ctx, query("read_rejects"), pq.Array(int64s(companies)), before,
		string(f.Status), string(f.Code), f.Source, ids, min(limit, maxRejectPage), body)
	if err != nil {
		return nil, wrap(err, "read rejects")
	}
	defer rows.Close()
	lists := make([][]*impact.Reject, len(companies))
	for rows.Next() {
		var place int
		var key string
		var due, settled *time.Time
		r := new(impact.Reject)
		if err := rows.Scan(&place, &r.Company, &r.ID, &r.Status, &r.Code, &r.Message, &r.Pointer, &r.Raw, &r.Size, &r.Source, &r.Provider,
			&r.Delivery, &r.APIKey, &r.Strict, &r.Schema, &key, &due, &r.FirstAt, &r.LastAt, &r.Attempts, &settled, &r.Receipt); err != nil {
			return nil, wrap(err, "read rejects")
		}
		if key != "" {
			if r.Key, err = parseKey(key); err != nil {
				return nil, wrap(err, "read rejects")
			}
		}
		if due != nil {
			r.DueAt = *due
		}
		if settled != nil {
			r.SettledAt = *settled
		}
		lists[place-1] = append(lists[place-1], r)
	}
	return lists, wrap(rows.Err(), "read rejects")
}

// SettleRejects marks rejects as replayed, with the receipts of what took them in.
func (s *Store) SettleRejects(ctx context.Context, company impact.CompanyID, done []*impact.Replay) error {
	var ids, receipts []int64
	for _, d := range done {
		ids, receipts = append(ids, d.ID), append(receipts, d.Receipt)
	}
	_, err := s.db.ExecContext(ctx, `
		UPDATE reject SET status = 'REPLAYED', settled_at = now(), receipt = d.receipt
		FROM unnest($2::bigint[], $3::bigint[]) AS d (id, receipt)
		WHERE company_id = $1 AND reject.id = d.id`, company, pq.Array(ids), pq.Array(receipts))
	return wrap(err, "settle %d rejects", len(done))
}

// InReplayTurn runs f while no instance runs another for this company. A turn holds one
// connection, and no instance has two turns at once, whatever the company, so that what f needs
// finds others free. Once it is taken it lasts as long as f, also when ctx ends.
func (s *Store) InReplayTurn(ctx context.Context, company impact.CompanyID, f func() error) error {
	if err := s.replaying.Acquire(ctx, 1); err != nil {
		return wrap(err, "take a turn at replaying")
	}
	defer s.replaying.Release(1)
	const replays = 0x7265706c // "repl"

	ctx = context.WithoutCancel(ctx) // the lock would go with it, and f may still be storing
	var failed error
	err := s.inTx(ctx, "take a turn at replaying", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1, $2)", replays, company)
		if err == nil {
			failed = f()
		}
		return err
	})
	return cmp.Or(failed, err)
}

// DismissReject gives a reject up. Errors: [impact.CodeNotFound], [impact.CodeConflict]
// if it is in the log by now.
func (s *Store) DismissReject(ctx context.Context, company impact.CompanyID, id int64) error {
	var status impact.RejectStatus
	err := s.db.GetContext(ctx, &status, `
		WITH found AS (SELECT id, status FROM reject WHERE company_id = $1 AND id = $2 FOR UPDATE),
		     dismissed AS (UPDATE reject SET status = 'DISMISSED', settled_at = coalesce(settled_at, now()) FROM found
		                   WHERE reject.company_id = $1 AND reject.id = found.id AND found.status <> 'REPLAYED')
		SELECT coalesce((SELECT status FROM found), '')`, company, id)
	switch {
	case err != nil:
		return wrap(err, "dismiss a reject")
	case status == "":
		return ErrNoReject(id)
	case status == impact.RejectReplayed:
		return impact.Errorf(impact.CodeConflict, "reject %d has been replayed: its events are in the log", id)
	}
	return nil
}

// ErrNoReject says that a company has no such reject.
func ErrNoReject(id int64) error {
	return impact.Errorf(impact.CodeNotFound, "there is no reject %d: it may have made room for newer ones", id)
}

// DueReject is a quarantined event that is due, and its place among them.
type DueReject struct {
	DueAt   time.Time        `db:"due_at"`
	Company impact.CompanyID `db:"company_id"`
	ID      int64
}

// DueRejects are up to limit quarantined events that are due, of any company, the
// longest due first, from behind after on.
func (s *Store) DueRejects(ctx context.Context, now time.Time, after DueReject, limit int) (due []DueReject, err error) {
	err = s.db.SelectContext(ctx, &due, `
		SELECT due_at, company_id, id FROM reject
		WHERE status = 'QUARANTINED' AND due_at <= $1 AND (due_at, company_id, id) > ($2, $3, $4)
		ORDER BY due_at, company_id, id LIMIT $5`, now, after.DueAt, after.Company, after.ID, limit)
	return due, wrap(err, "find what is due")
}

// CountIntake adds to the counts of today.
func (s *Store) CountIntake(ctx context.Context, counts []impact.IntakeCount) error {
	slices.SortFunc(counts, func(a, b impact.IntakeCount) int {
		return cmp.Or(cmp.Compare(a.Company, b.Company), cmp.Compare(a.What, b.What))
	})
	var companies, ns []int64
	var whats []string
	for _, c := range counts {
		companies, whats, ns = append(companies, int64(c.Company)), append(whats, string(c.What)), append(ns, c.N)
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO intake_count (company_id, day, what, n)
		SELECT company_id, (now() AT TIME ZONE 'UTC')::date, what, n
		FROM unnest($1::integer[], $2::text[], $3::bigint[]) AS c (company_id, what, n)
		ON CONFLICT (company_id, day, what) DO UPDATE SET n = intake_count.n + excluded.n`,
		pq.Array(companies), pq.Array(whats), pq.Array(ns))
	return wrap(err, "count intake")
}

// Intake counts what the events of companies were, in their order.
func (s *Store) Intake(ctx context.Context, companies []impact.CompanyID) ([]*impact.Intake, error) {
	list := make([]*impact.Intake, len(companies))
	for i := range list {
		list[i] = new(impact.Intake)
	}
	rows, err := s.db.QueryContext(ctx, query("read_intake"), pq.Array(int64s(companies)))
	if err != nil {
		return nil, wrap(err, "intake")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var what string
		var n int64
		if err := rows.Scan(&place, &what, &n); err != nil {
			return nil, wrap(err, "intake")
		}
		in := list[place-1]
		for name, field := range map[string]*int64{
			string(impact.RejectOpen): &in.Rejected, string(impact.RejectQuarantined): &in.Quarantined,
			string(impact.RejectReplayed): &in.Replayed, string(impact.RejectDismissed): &in.Dismissed,
			"refused": &in.Refused, "future": &in.FutureDated, "late": &in.Late, "unknown": &in.Unknown, "conflict": &in.Conflicts,
		} {
			if name == what {
				*field = n
			}
		}
	}
	return list, wrap(rows.Err(), "intake")
}
