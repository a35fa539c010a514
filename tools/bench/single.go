package main

import (
	"context"
	"fmt"
	"time"
)

// single compares single events with requests that do nothing.
func (b *bench) single(ctx context.Context) error {
	const connections = 128
	companies := demoCompanies[:]
	accounts, err := b.accounts(ctx, demoKey, companies...)
	if err != nil {
		return err
	}
	noop := b.singles("/debug/noop", demoKey, companies, nil)
	ingest := b.singles("/webhooks/ingest", demoKey, companies, accounts)
	if _, err := b.do(ctx, "warm-up-noop", connections, b.plan.warm, noop); err != nil {
		return err
	}
	if _, err := b.do(ctx, "warm-up-single", connections, b.plan.warm, ingest); err != nil {
		return err
	}

	var nothing, stored []*result
	var folding []time.Duration
	var commits []float64
	const batches = "SELECT count(*) FROM batch"
	for range b.plan.rounds {
		if _, err := b.settle(ctx); err != nil {
			return err
		}
		r, err := b.do(ctx, "noop", connections, b.plan.round, noop)
		if err != nil {
			return err
		}
		nothing = append(nothing, r)
		before, err := b.pg.number(ctx, batches)
		if err != nil {
			return err
		}
		if r, err = b.do(ctx, "single", connections, b.plan.round, ingest); err != nil {
			return err
		}
		stored = append(stored, r)
		fold, err := b.settle(ctx)
		if err != nil {
			return err
		}
		folding = append(folding, fold)
		after, err := b.pg.number(ctx, batches)
		if err != nil {
			return err
		}
		commits = append(commits, float64(after-before)/r.took.Seconds())
	}
	probe, err := probeDisk(b.temp, time.Second)
	if err != nil {
		return err
	}

	without, with := sumUp(nothing...), sumUp(stored...)
	t := &table{
		title: "Single events, durably, against a handler that does nothing",
		about: fmt.Sprintf("The same bodies from the same generator over %d keep-alive connections, each sending when its last "+
			"request is answered; POST /debug/noop and POST /webhooks/ingest in turn, %d rounds of %s each after a warm-up. "+
			"Medians of the rounds; the worst maximum; the ratio is the median of the rounds' ratios.", connections, b.plan.rounds, b.plan.round),
		head: append([]string{"to"}, loadHead...),
	}
	t.row(append([]string{"/debug/noop"}, without.cells()...)...)
	t.row(append([]string{"/webhooks/ingest"}, with.cells()...)...)
	t.notef("Commits: %.0f/s, of %.0f events each; folded %.0f ms after the last answer.", median(commits), with.rate/median(commits),
		median(folding).Seconds()*1000)
	t.notef("The disk: one thread that writes 8 kB and calls fdatasync gets %.0f/s, p50 %s ms, p99 %s ms.", probe.rate(),
		ms(probe.percentile(0.50)), ms(probe.percentile(0.99)))
	b.report.tables = append(b.report.tables, t)
	b.report.atLeast("single events: rate against noop", ratioOf(each(stored, (*result).rate), each(nothing, (*result).rate)), 0.40, 0.60)
	b.report.atMost("single events: p99", with.p99.Seconds()*1000, 50, "ms")
	return nil
}

// steady sends single events at the rate that the load scripts do.
func (b *bench) steady(ctx context.Context) error {
	const connections, rate = 128, 1000
	companies := demoCompanies[:]
	accounts, err := b.accounts(ctx, demoKey, companies...)
	if err != nil {
		return err
	}
	ingest := b.singles("/webhooks/ingest", demoKey, companies, accounts)
	load := func(d time.Duration) (*result, error) {
		return b.during(ctx, "steady", d, func() *result { return openLoop(ctx, b.server.addr, connections, rate, d, ingest) })
	}
	if _, err := load(b.plan.warm); err != nil {
		return err
	}
	r, err := load(b.plan.steady)
	if err != nil {
		return err
	}
	f := sumUp(r)
	t := &table{
		title: "Single events at 1,000 a second",
		about: fmt.Sprintf("Sent when due for %s, whatever the answers do, over at most %d connections. Latency counts from the "+
			"moment a request was due, so waits of the generator are in it.", b.plan.steady, connections),
		head: append([]string{"to"}, loadHead...),
	}
	t.row(append([]string{"/webhooks/ingest"}, f.cells()...)...)
	t.notef("The generator itself was late: p99 %s ms.", ms(f.late))
	b.report.tables = append(b.report.tables, t)
	b.report.atMost("1,000 events/s: p95", f.p95.Seconds()*1000, 10, "ms")
	b.report.atMost("1,000 events/s: p99", f.p99.Seconds()*1000, 25, "ms")
	b.report.none("1,000 events/s: errors", int64(f.errors))
	return nil
}
