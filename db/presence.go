package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// presence asks who is in a set.
type presence struct {
	spans spans
	sets  []string
	of    []int // which ask each span belongs to
	asks  int
}

// add asks for a set in a range, bucket by bucket of the widest that fit.
func (p *presence) add(company impact.CompanyID, programme string, set impact.Set, r impact.Range) {
	p.append(company, programme, set, r.Cover())
}

// addDays asks for a set in a range, day by day.
func (p *presence) addDays(company impact.CompanyID, programme string, set impact.Set, r impact.Range) {
	p.append(company, programme, set, []impact.Span{{Grain: impact.GrainDay, From: r.From, To: r.To}})
}

func (p *presence) append(company impact.CompanyID, programme string, set impact.Set, spans []impact.Span) {
	for _, span := range spans {
		p.spans.addSpan(company, programme, span)
		p.sets, p.of = append(p.sets, set.String()), append(p.of, p.asks)
	}
	p.asks++
}

// read tells each who is in the sets, by the place of the ask and the first day of the
// bucket, in any order. The members must not be changed.
func (p *presence) read(ctx context.Context, s *Store, each func(ask int, bucket impact.Day, members *roaring.Bitmap)) error {
	if p.asks == 0 {
		return nil
	}
	rows, err := s.db.QueryContext(ctx, query("read_presence"), p.spans.args(pq.Array(p.sets))...)
	if err != nil {
		return wrap(err, "read presence")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var packed []byte
		if err := rows.Scan(&place, &packed); err != nil {
			return wrap(err, "read presence")
		}
		for bucket, data := range unpacked(packed) {
			members := roaring.New()
			if _, err := members.FromBuffer(data); err != nil {
				return wrap(err, "read presence: %s", p.sets[place-1])
			}
			each(p.of[place-1], impact.Day(bucket), members)
		}
	}
	return wrap(rows.Err(), "read presence")
}

// Retentions answers questions in their order, by a constant number of statements for all of them; nil
// where there is no such cohort.
func (f *Figures) Retentions(ctx context.Context, questions []impact.RetentionQuestion) ([]*impact.Retention, error) {
	cohorts := make([]impact.CohortQuestion, len(questions))
	for i, q := range questions {
		cohorts[i] = impact.CohortQuestion{Company: q.Company, Key: q.Cohort, Filter: q.Filter}
	}
	answers := make([]*impact.Retention, len(questions))
	err := f.among(ctx, cohorts, func(ctx context.Context, members []*impact.Members, settings []*impact.Settings) error {
		var asked presence
		var ask []*roaring.Bitmap
		add := func(q impact.RetentionQuestion, programme string) []*roaring.Bitmap {
			ranges := q.Ranges()
			for _, r := range ranges {
				asked.add(q.Company, programme, impact.SetParticipants, r)
				ask = append(ask, roaring.New())
			}
			return ask[len(ask)-len(ranges):]
		}
		active, whole := make([][]*roaring.Bitmap, len(questions)), make([][]*roaring.Bitmap, len(questions)) // by range
		for i, q := range questions {
			if members[i] == nil {
				continue
			}
			active[i] = add(q, q.Programme)
			if q.Programme != impact.AllProgrammes {
				whole[i] = add(q, impact.AllProgrammes)
			}
		}
		if err := asked.read(ctx, f.store, func(i int, _ impact.Day, members *roaring.Bitmap) { ask[i].Or(members) }); err != nil {
			return err
		}
		for i := range questions {
			if members[i] != nil {
				answer, err := questions[i].Answer(active[i], whole[i], members[i], settings[i].K())
				if err != nil {
					return err
				}
				answers[i] = answer
			}
		}
		return nil
	})
	return answers, err
}

// Funnels answers questions in their order, by a constant number of statements for all of them; nil
// where there is no such cohort. The questions have passed their Check.
func (f *Figures) Funnels(ctx context.Context, questions []impact.FunnelQuestion) ([]*impact.Funnel, error) {
	cohorts := make([]impact.CohortQuestion, len(questions))
	for i, q := range questions {
		cohorts[i] = impact.CohortQuestion{Company: q.Company, Key: q.Cohort, Filter: q.Filter}
	}
	answers := make([]*impact.Funnel, len(questions))
	err := f.among(ctx, cohorts, func(ctx context.Context, members []*impact.Members, settings []*impact.Settings) error {
		var asked presence
		type step struct{ question, step int }
		var of []step
		needs := make([]int, len(questions))
		for i, q := range questions {
			if members[i] == nil {
				continue
			}
			for n, s := range q.Needs() {
				set, _ := s.Activity.Set()
				asked.addDays(q.Company, s.Programme, set, q.Days())
				of = append(of, step{i, n})
				needs[i]++
			}
		}
		days := make([]map[impact.Day][]*roaring.Bitmap, len(questions))
		err := asked.read(ctx, f.store, func(i int, day impact.Day, people *roaring.Bitmap) {
			q := of[i].question
			if days[q] == nil {
				days[q] = make(map[impact.Day][]*roaring.Bitmap)
			}
			if days[q][day] == nil {
				days[q][day] = make([]*roaring.Bitmap, needs[q])
			}
			days[q][day][of[i].step] = people
		})
		if err != nil {
			return err
		}
		for i, q := range questions {
			if members[i] == nil {
				continue
			}
			list := make([]impact.Presence, 0, len(days[i]))
			for day, steps := range days[i] {
				list = append(list, impact.Presence{Day: day, Steps: steps})
			}
			slices.SortFunc(list, func(a, b impact.Presence) int { return cmp.Compare(a.Day, b.Day) })
			if answers[i], err = q.Answer(list, members[i], settings[i].K()); err != nil {
				return err
			}
		}
		return nil
	})
	return answers, err
}

// among reads, in turn, something about the members of cohorts.
func (f *Figures) among(
	ctx context.Context, cohorts []impact.CohortQuestion, read func(context.Context, []*impact.Members, []*impact.Settings) error,
) error {
	select {
	case f.reading <- struct{}{}:
		defer func() { <-f.reading }()
	case <-ctx.Done():
		return wrap(ctx.Err(), "wait to read")
	}
	members, err := f.store.members(ctx, cohorts)
	if err != nil {
		return err
	}
	companies := make([]impact.CompanyID, len(cohorts))
	for i, c := range cohorts {
		companies[i] = c.Company
	}
	settings, err := f.Settings(ctx, companies)
	if err != nil {
		return err
	}
	return read(ctx, members, settings)
}
