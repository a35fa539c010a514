package db

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Arrivals are up to limit of the events of each company that reached the log, from
// after on, newest first, in the order of companies; of their bodies at most body
// characters.
func (s *Store) Arrivals(
	ctx context.Context, companies []impact.CompanyID, f impact.ArrivalFilter, after impact.ArrivalCursor, limit, body int,
) ([][]*impact.Arrival, error) {
	if after == (impact.ArrivalCursor{}) {
		after.Receipt = beforeAny
	}
	if f.Receipt > 0 {
		after = earlier(after, impact.ArrivalCursor{Receipt: f.Receipt + 1})
	}
	late := int64(0)
	if f.Late {
		late = max(f.LateAfter.Milliseconds(), 1)
	}
	name := "read_arrivals"
	if f.Conflicts {
		name = "read_conflicts"
	}
	rows, err := s.db.QueryContext(ctx, query(name), pq.Array(int64s(companies)), after.Receipt, fmt.Sprintf("%x", after.Key),
		f.Kind, f.Type, f.Programme, f.Person, f.Status, optionalTime(f.From), optionalTime(f.To), limit, body, late, f.Source)
	if err != nil {
		return nil, wrap(err, "read arrivals")
	}
	lists, err := scanArrivals(rows, len(companies), "read arrivals")
	if f.Receipt == 0 || err != nil {
		return lists, err
	}
	for i := range lists { // older than what is asked for
		lists[i] = slices.DeleteFunc(lists[i], func(a *impact.Arrival) bool { return a.Receipt != f.Receipt })
	}
	return lists, nil
}

// scanArrivals reads rows of arrivals into n lists, by the place that each begins with.
func scanArrivals(rows *sql.Rows, n int, op string) ([][]*impact.Arrival, error) {
	defer rows.Close()
	lists := make([][]*impact.Arrival, n)
	for rows.Next() {
		var place int
		var key string
		var occurred *time.Time
		a := new(impact.Arrival)
		if err := rows.Scan(&place, &a.Verdict, &a.Company, &a.Receipt, &key, &a.Kind, &a.Type, &a.Programme, &a.Person, &a.Volunteer,
			&a.Session, &occurred, &a.ReceivedAt, &a.Raw, &a.Size); err != nil {
			return nil, wrap(err, "%s", op)
		}
		var err error
		if a.Key, err = parseKey(key); err != nil {
			return nil, wrap(err, "%s", op)
		}
		if occurred != nil {
			a.OccurredAt = *occurred
		}
		lists[place-1] = append(lists[place-1], a)
	}
	return lists, wrap(rows.Err(), "%s", op)
}

func earlier(a, b impact.ArrivalCursor) impact.ArrivalCursor {
	if a.Receipt < b.Receipt {
		return a
	}
	return b
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Snapshot is a moment in the database: it tells what had committed. Its text is that of
// Postgres's pg_snapshot; empty is the moment at which it is used.
type Snapshot string

var snapshotText = regexp.MustCompile(`^[0-9]{1,19}:[0-9]{1,19}:([0-9]{1,19}(,[0-9]{1,19})*)?$`)

// ParseSnapshot checks text that came from outside.
func ParseSnapshot(text string) (Snapshot, error) {
	bad := impact.Errorf(impact.CodeInvalid, "the id of the last event is not one that this stream gave out")
	if len(text) > 4000 || !snapshotText.MatchString(text) {
		return "", bad
	}
	s := Snapshot(text)
	low, high, under := s.parts()
	if low == 0 || high < low {
		return "", bad
	}
	last := low
	for i, x := range under {
		if x < low || x >= high || i > 0 && x <= last {
			return "", bad
		}
		last = x
	}
	return s, nil
}

func (s Snapshot) parts() (low, high int64, under []int64) {
	parts := strings.SplitN(string(s), ":", 3)
	if len(parts) != 3 {
		return 0, 0, nil
	}
	number := func(text string) int64 {
		n, _ := strconv.ParseInt(text, 10, 64) // of a snapshot of Postgres's
		return n
	}
	for one := range strings.SplitSeq(parts[2], ",") {
		if one != "" {
			under = append(under, number(one))
		}
	}
	return number(parts[0]), number(parts[1]), under
}

// Sees reports whether a transaction had committed, or failed, at the moment.
func (s Snapshot) Sees(xid int64) bool {
	low, high, under := s.parts()
	switch {
	case xid < low:
		return true
	case xid >= high:
		return false
	}
	return !slices.Contains(under, xid)
}

// Tailed is an arrival and the transaction that brought it.
type Tailed struct {
	impact.Arrival
	XID int64
}

// TailSince is what arrived for companies since a moment, in no particular order, and
// the moment up to which it is complete; more says that there was more than limit of a
// kind. Of bodies it has at most body characters. It looks back an hour at most.
func (s *Store) TailSince(ctx context.Context, since Snapshot, companies []impact.CompanyID, limit, body int) (list []*Tailed, now Snapshot, more bool, err error) {
	if since == "" {
		if err := s.db.GetContext(ctx, &now, "SELECT pg_current_snapshot()::text"); err != nil {
			return nil, "", false, wrap(err, "tail")
		}
		return nil, now, false, nil
	}
	rows, err := s.db.QueryContext(ctx, query("tail"), string(since), pq.Array(int64s(companies)), limit+1, body)
	if err != nil {
		return nil, "", false, wrap(err, "tail")
	}
	defer rows.Close()
	count := make(map[impact.ArrivalVerdict]int)
	for rows.Next() {
		var snapshot, key string
		var occurred *time.Time
		a := new(Tailed)
		if err := rows.Scan(&snapshot, &a.XID, &a.Verdict, &a.Company, &a.Receipt, &key, &a.Kind, &a.Type, &a.Programme, &a.Person,
			&a.Volunteer, &a.Session, &occurred, &a.ReceivedAt, &a.Raw, &a.Size, &a.Reject, &a.Code, &a.Message, &a.Pointer); err != nil {
			return nil, "", false, wrap(err, "tail")
		}
		if snapshot != "" {
			now = Snapshot(snapshot)
			continue
		}
		if key != "" {
			if a.Key, err = parseKey(key); err != nil {
				return nil, "", false, wrap(err, "tail")
			}
		}
		if occurred != nil {
			a.OccurredAt = *occurred
		}
		if count[a.Verdict]++; count[a.Verdict] > limit {
			more = true
			continue
		}
		list = append(list, a)
	}
	return list, now, more, wrap(rows.Err(), "tail")
}
