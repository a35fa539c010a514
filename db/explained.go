package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// ExplainedEvents are up to limit of the events of each question, in their order, that
// count in figures, as they count: now, in one statement, or as of an instant, in a
// constant number. Of their bodies they have at most body characters. Errors: those of
// an instant, see [Figures.Figures].
func (s *Store) ExplainedEvents(
	ctx context.Context, asOf impact.AsOf, questions []impact.EventsQuestion, limit, body int,
) ([][]*impact.Arrival, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	if asOf == 0 {
		return explainedEvents(ctx, s.db, questions, limit, body, countNow)
	}
	var lists [][]*impact.Arrival
	err := s.at(ctx, asOf, func(tx *sqlx.Tx) error {
		seen := make(map[impact.CompanyID]bool)
		var companies []impact.CompanyID
		for i := range questions {
			if c := questions[i].Company; !seen[c] {
				seen[c], companies = true, append(companies, c)
			}
		}
		log, err := openPast(ctx, tx, asOf, companies)
		if err != nil {
			return err
		}
		lists, err = explainedEvents(ctx, tx, questions, limit, body, log.counting())
		return err
	})
	return lists, err
}

// counting says which events count: as they are, and instead of others.
type counting struct {
	counts, standing string // for the names in braces of read_explained.sql
	args             []any  // from $12 on
}

var countNow = counting{
	counts: `NOT EXISTS (SELECT FROM correction x WHERE x.company_id = e.company_id AND x.key = e.key)
		AND NOT EXISTS (SELECT FROM batch b WHERE b.id = e.batch_id AND b.folded_at IS NULL)`,
	standing: `(SELECT * FROM correction WHERE stands)`,
}

// counting is what counted at the instant of the log.
func (l *pastLog) counting() counting {
	var members, keys, programmes, participants, volunteers []string
	var owners, companies []int64
	var times []time.Time
	for id := range l.members {
		owners, members = append(owners, int64(id.company)), append(members, fmt.Sprintf("%x", id.key))
	}
	for _, e := range l.standing {
		companies, keys, times = append(companies, int64(e.Company)), append(keys, fmt.Sprintf("%x", e.Key)), append(times, e.OccurredAt)
		programmes, participants, volunteers = append(programmes, e.Programme), append(participants, e.Participant), append(volunteers, e.Volunteer)
	}
	return counting{
		counts: `EXISTS (SELECT FROM batch b WHERE b.id = e.batch_id AND b.committed_at <= $12)
			AND NOT EXISTS (SELECT FROM unnest($13::integer[], $14::uuid[]) x (company_id, key) WHERE x.company_id = e.company_id AND x.key = e.key)`,
		standing: `(SELECT * FROM unnest($15::integer[], $16::uuid[], $17::timestamptz[], $18::text[], $19::text[], $20::text[])
			AS s (company_id, key, occurred_at, programme, participant, volunteer))`,
		args: []any{l.at.Time(), pq.Array(owners), pq.Array(members),
			pq.Array(companies), pq.Array(keys), pq.Array(times), pq.Array(programmes), pq.Array(participants), pq.Array(volunteers)},
	}
}

func explainedEvents(
	ctx context.Context, q interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}, questions []impact.EventsQuestion, limit, body int, which counting,
) ([][]*impact.Arrival, error) {
	n := len(questions)
	companies, programmes, kinds := make([]int64, n), make([]string, n), make([]string, n)
	participants, volunteers := make(pq.ByteaArray, n), make(pq.ByteaArray, n)
	since, until, after, keys := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n), make([]string, n)
	for i := range questions {
		question := &questions[i]
		companies[i], programmes[i], kinds[i] = int64(question.Company), question.Programme, kindNames(question.Kinds)
		since[i], until[i] = question.From, question.To
		if question.Participants != nil || question.Volunteers != nil {
			participants[i], volunteers[i] = bitsOf(question.Participants), bitsOf(question.Volunteers)
		}
		after[i], keys[i] = question.From, fmt.Sprintf("%x", question.After.Key)
		if question.After != (impact.HappenedCursor{}) {
			after[i] = time.UnixMicro(question.After.At)
		}
	}
	text := strings.NewReplacer("{counts}", which.counts, "{standing}", which.standing).Replace(query("read_explained"))
	rows, err := q.QueryContext(ctx, text, append([]any{
		pq.Array(companies), pq.Array(programmes), pq.Array(kinds), pq.Array(since), pq.Array(until), pq.Array(after), pq.Array(keys),
		limit, body, participants, volunteers,
	}, which.args...)...)
	if err != nil {
		return nil, wrap(err, "read explained events")
	}
	return scanArrivals(rows, n, "read explained events")
}

// bitsOf are people as Postgres' get_bit reads them, a byte or more.
func bitsOf(people *roaring.Bitmap) []byte {
	bits := []byte{0}
	if people != nil && !people.IsEmpty() {
		bits = make([]byte, people.Maximum()/8+1)
		for who := range roaring.Values(people) {
			bits[who/8] |= 1 << (who % 8)
		}
	}
	return bits
}

func kindNames(kinds []impact.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	return strings.Join(names, ",")
}
