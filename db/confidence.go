package db

import (
	"context"

	"github.com/impactql/impactql/impact"
)

// Confidences answers questions in their order, from the sums per person, by a constant
// number of statements for all of them. Those of one programme and range share a reading.
// The questions have passed their Check. Nothing is kept: the same is seldom asked twice.
func (f *Figures) Confidences(ctx context.Context, questions []impact.ConfidenceQuestion) ([]*impact.RatioInterval, error) {
	place := make(map[impact.Question]int)
	var asked []impact.Question
	of := make([]int, len(questions))
	for i, q := range questions {
		question := impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range, Parts: impact.PartsConfidence}
		at, ok := place[question]
		if !ok {
			at = len(asked)
			place[question] = at
			asked = append(asked, question)
		}
		of[i] = at
	}
	readings, err := f.read(ctx, asked)
	if err != nil {
		return nil, err
	}
	answers := make([]*impact.RatioInterval, len(questions))
	for i := range questions {
		if err := ctx.Err(); err != nil {
			return nil, wrap(err, "work out intervals")
		}
		answers[i] = readings[of[i]].Confidence(&questions[i])
	}
	return answers, nil
}
