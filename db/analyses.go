package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// analysis is a sort of questions about the members of cohorts that are answered by who
// was in sets: as the rollups say, or as of an instant the log.
type analysis[Q, A any] struct {
	cohort  func(*Q) impact.CohortQuestion // whose members, when, and whether explained
	inquire func([]Q, []*impact.Members) *inquiry[A]
	among   func(A) *impact.Among
	kept    func(*Figures) *cache[analysisOf, A]
}

// analysisOf is a question as a key: its company, and all of it as text.
type analysisOf struct {
	company  impact.CompanyID
	question string
}

// inquiry is questions in the making. Members are nil where there is no such cohort;
// of such nothing is asked.
type inquiry[A any] struct {
	presence presence
	take     func(ask int, bucket impact.Day, people *roaring.Bitmap)
	answer   func(question int, k int64) (A, error) // once everything is taken
}

var retentions = analysis[impact.RetentionQuestion, *impact.Retention]{
	cohort: func(q *impact.RetentionQuestion) impact.CohortQuestion {
		return impact.CohortQuestion{Company: q.Company, Key: q.Cohort, Filter: q.Filter, AsOf: q.AsOf, Explained: q.Explained}
	},
	inquire: newRetentions,
	among:   func(r *impact.Retention) *impact.Among { return &r.Among },
	kept:    func(f *Figures) *cache[analysisOf, *impact.Retention] { return &f.retentions },
}

func newRetentions(questions []impact.RetentionQuestion, members []*impact.Members) *inquiry[*impact.Retention] {
	in := new(inquiry[*impact.Retention])
	var ask []*roaring.Bitmap
	add := func(q *impact.RetentionQuestion, programme string) []*roaring.Bitmap {
		ranges := q.Ranges()
		for _, r := range ranges {
			in.presence = append(in.presence, presenceOf{company: q.Company, programme: programme, set: impact.SetParticipants, days: r})
			ask = append(ask, roaring.New())
		}
		return ask[len(ask)-len(ranges):]
	}
	active, whole := make([][]*roaring.Bitmap, len(questions)), make([][]*roaring.Bitmap, len(questions)) // by range
	for i := range questions {
		q := &questions[i]
		if members[i] == nil {
			continue
		}
		active[i] = add(q, q.Programme)
		if q.Programme != impact.AllProgrammes {
			whole[i] = add(q, impact.AllProgrammes)
		}
	}
	in.take = func(i int, _ impact.Day, people *roaring.Bitmap) { ask[i].Or(people) }
	in.answer = func(i int, k int64) (*impact.Retention, error) {
		return questions[i].Answer(active[i], whole[i], members[i], k)
	}
	return in
}

var funnels = analysis[impact.FunnelQuestion, *impact.Funnel]{
	cohort: func(q *impact.FunnelQuestion) impact.CohortQuestion {
		return impact.CohortQuestion{Company: q.Company, Key: q.Cohort, Filter: q.Filter, AsOf: q.AsOf, Explained: q.Explained}
	},
	inquire: newFunnels,
	among:   func(f *impact.Funnel) *impact.Among { return &f.Among },
	kept:    func(f *Figures) *cache[analysisOf, *impact.Funnel] { return &f.funnels },
}

func newFunnels(questions []impact.FunnelQuestion, members []*impact.Members) *inquiry[*impact.Funnel] {
	in := new(inquiry[*impact.Funnel])
	type step struct{ question, step int }
	var of []step
	needs := make([]int, len(questions))
	for i, q := range questions {
		if members[i] == nil {
			continue
		}
		for n, s := range q.Needs() {
			set, _ := s.Activity.Set()
			in.presence = append(in.presence, presenceOf{q.Company, s.Programme, set, q.Days(), true})
			of = append(of, step{i, n})
			needs[i]++
		}
	}
	days := make([]map[impact.Day][]*roaring.Bitmap, len(questions))
	in.take = func(i int, day impact.Day, people *roaring.Bitmap) {
		q := of[i].question
		if days[q] == nil {
			days[q] = make(map[impact.Day][]*roaring.Bitmap)
		}
		if days[q][day] == nil {
			days[q][day] = make([]*roaring.Bitmap, needs[q])
		}
		days[q][day][of[i].step] = people
	}
	in.answer = func(i int, k int64) (*impact.Funnel, error) {
		list := make([]impact.Presence, 0, len(days[i]))
		for day, steps := range days[i] {
			list = append(list, impact.Presence{Day: day, Steps: steps})
		}
		slices.SortFunc(list, func(a, b impact.Presence) int { return cmp.Compare(a.Day, b.Day) })
		return questions[i].Answer(list, members[i], k)
	}
	return in
}

// Retentions answers questions in their order, by a constant number of statements for all
// of them; nil where there is no such cohort. Those with AsOf are answered from the log, in
// one go for each instant; their errors are those of [Figures.Figures]. The answers are shared
// and must not be changed. Like [Figures.Cohorts] it keeps none of a filter; nor any that is
// explained, which holds its members.
func (f *Figures) Retentions(ctx context.Context, questions []impact.RetentionQuestion) ([]*impact.Retention, error) {
	return retentions.read(ctx, f, questions)
}

// Funnels is [Figures.Retentions] of funnels. The questions have passed their Check.
func (f *Figures) Funnels(ctx context.Context, questions []impact.FunnelQuestion) ([]*impact.Funnel, error) {
	return funnels.read(ctx, f, questions)
}

func (a *analysis[Q, A]) read(ctx context.Context, f *Figures, questions []Q) ([]A, error) {
	return apart(questions, func(q Q) impact.AsOf { return a.cohort(&q).AsOf },
		func(now []Q) ([]A, error) { return a.current(ctx, f, now) },
		func(then []Q) ([]A, error) { return a.past(ctx, f.pasts, then) })
}

func (a *analysis[Q, A]) cohorts(questions []Q) []impact.CohortQuestion {
	cohorts := make([]impact.CohortQuestion, len(questions))
	for i := range questions {
		cohorts[i] = a.cohort(&questions[i])
	}
	return cohorts
}

// current answers from the cache, and by the rollups what is not kept.
func (a *analysis[Q, A]) current(ctx context.Context, f *Figures, questions []Q) ([]A, error) {
	of := make(map[analysisOf]Q, len(questions))
	keys := make([]analysisOf, len(questions))
	for i := range questions {
		cohort := a.cohort(&questions[i])
		if cohort.Filter != "" || cohort.Explained {
			return a.live(ctx, f, questions)
		}
		keys[i] = analysisOf{cohort.Company, fmt.Sprintf("%#v", questions[i])}
		of[keys[i]] = questions[i]
	}
	return cached(ctx, f.versions, a.kept(f), keys, func(k analysisOf) impact.CompanyID { return k.company },
		func(ctx context.Context, missing []analysisOf) ([]A, error) {
			asked := make([]Q, len(missing))
			for i, k := range missing {
				asked[i] = of[k]
			}
			return a.live(ctx, f, asked)
		})
}

// live answers by the rollups, in turn.
func (a *analysis[Q, A]) live(ctx context.Context, f *Figures, questions []Q) ([]A, error) {
	select {
	case f.reading <- struct{}{}:
		defer func() { <-f.reading }()
	case <-ctx.Done():
		return nil, wrap(ctx.Err(), "wait to read")
	}
	cohorts := a.cohorts(questions)
	members, err := f.store.members(ctx, cohorts)
	if err != nil {
		return nil, err
	}
	companies := make([]impact.CompanyID, len(cohorts))
	for i, c := range cohorts {
		companies[i] = c.Company
	}
	settings, err := f.Settings(ctx, companies)
	if err != nil {
		return nil, err
	}
	in := a.inquire(questions, members)
	if err := in.presence.read(ctx, f.store, in.take); err != nil {
		return nil, err
	}
	answers, err := in.answers(ctx, members, func(i int) int64 { return settings[i].K() })
	for i := range answers {
		if members[i] != nil && !cohorts[i].Explained {
			a.among(answers[i]).Members = nil // only explanations ask for them, and they may be many
		}
	}
	return answers, err
}

// answers are in the order of questions; none where there is no such cohort.
func (in *inquiry[A]) answers(ctx context.Context, members []*impact.Members, k func(question int) int64) ([]A, error) {
	answers := make([]A, len(members))
	for i := range members {
		if members[i] == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, wrap(err, "work out analyses")
		}
		answer, err := in.answer(i, k(i))
		if err != nil {
			return nil, err
		}
		answers[i] = answer
	}
	return answers, nil
}
