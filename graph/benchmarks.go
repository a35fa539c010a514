package graph

import (
	"context"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// besides are the benchmarks that groups ask for: cohorts of a company, a period and a
// programme share one.
type besides struct {
	places    map[besideAt]int
	errs      map[besideAt]error // of the benchmarks that cannot be
	questions []impact.BenchmarkQuestion
	answers   []*impact.Benchmark
}

type besideAt struct {
	company impact.CompanyID
	scope
}

func newBesides() *besides {
	return &besides{places: make(map[besideAt]int), errs: make(map[besideAt]error)}
}

func (b *besides) ask(q *request, c *impact.Company, s scope) {
	at := besideAt{c.ID, s}
	if _, asked := b.places[at]; asked {
		return
	}
	r := q.rangeOf(c, s.period)
	err := impact.CheckBenchmark(r, c.Today(q.now))
	if s.asOf != 0 {
		err = &impact.Error{Code: impact.CodeInvalid, Pointer: "/asOf", Message: "what other companies did is known as it is now: leave asOf out"}
	}
	if err != nil {
		b.errs[at] = err
		return
	}
	b.places[at] = len(b.questions)
	b.questions = append(b.questions, impact.BenchmarkQuestion{Company: c.ID, Programme: s.programme, Range: r})
}

func (b *besides) read(ctx context.Context, r Reader) (err error) {
	if len(b.questions) == 0 {
		return nil
	}
	if b.answers, err = r.Benchmarks(ctx, b.questions); err != nil {
		return err
	}
	return miscounted("Benchmarks", len(b.answers), len(b.questions))
}

// of is the benchmark of a company.
func (b *besides) of(c *model.Company, s scope) func() (*impact.Benchmark, error) {
	return func() (*impact.Benchmark, error) {
		at := besideAt{c.Company.ID, s}
		if err := b.errs[at]; err != nil {
			return nil, err
		}
		place, ok := b.places[at]
		if !ok {
			return nil, errNotAsked
		}
		return b.answers[place], nil
	}
}
