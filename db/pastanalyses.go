package db

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// past answers by the log, in one go for each instant. Nothing is kept: few ask for the
// same again, and an answer holds who its people are.
func (a *analysis[Q, A]) past(ctx context.Context, p *pasts, questions []Q) ([]A, error) {
	answers := make([]A, len(questions))
	cohorts := a.cohorts(questions)
	err := p.eachInstant(ctx, len(questions), func(i int) (impact.CompanyID, impact.AsOf) { return cohorts[i].Company, cohorts[i].AsOf },
		func(int, erased) bool { return false },
		func(tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, places []int) error {
			asked := make([]Q, len(places))
			for n, i := range places {
				asked[n] = questions[i]
			}
			got, err := a.known(ctx, tx, log, asked, erased, p.limit)
			if err != nil {
				return err
			}
			for n, i := range places {
				answers[i] = got[n]
			}
			return nil
		})
	return answers, err
}

// known answers as [pastLog.cohorts] does.
func (a *analysis[Q, A]) known(
	ctx context.Context, tx *sqlx.Tx, l *pastLog, questions []Q, erased map[impact.CompanyID]erased, limit int,
) ([]A, error) {
	cohorts := a.cohorts(questions)
	people := make(pastPeople)
	m, err := l.membership(ctx, tx, cohorts, people, limit)
	if err != nil {
		return nil, err
	}
	settings := l.withheldBy(erased)
	in := a.inquire(questions, m.members)
	if len(in.presence) > 0 {
		b := newPastBook(nil, append(m.presence(), in.presence...), settings, people)
		if err := b.read(ctx, tx, l, limit); err != nil {
			return nil, err
		}
		m.attend(b)
		for ask, of := range in.presence {
			b.each(of, func(day impact.Day, people *roaring.Bitmap) { in.take(ask, day, people) })
		}
	}
	answers, err := in.answers(ctx, m.resolve(), func(i int) int64 { return settings[cohorts[i].Company].K() })
	if err != nil {
		return nil, err
	}
	var numbered []explainedPeople
	for i, of := range cohorts {
		if m.members[i] == nil {
			continue
		}
		among := a.among(answers[i])
		among.ErasedSince = erased[of.Company].Since
		if of.Explained && among.Members != nil {
			numbered = append(numbered, explainedPeople{of.Company, &among.Members})
		}
	}
	return answers, people.asNumbered(ctx, tx, numbered)
}
