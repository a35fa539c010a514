package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// importRate is how many events a second the file is made for: more than an import beside
// live traffic takes in.
const importRate = 25_000

// imports sends single events at the rate that the load scripts do, without and with an
// import of a long file beside them.
func (b *bench) imports(ctx context.Context) error {
	const company = "bench-import"
	const connections, rate, rounds = 128, 1_000, 3
	companies := demoCompanies[:]
	accounts, err := b.accounts(ctx, demoKey, companies...)
	if err != nil {
		return err
	}
	key, err := b.server.createKey(ctx, company)
	if err != nil {
		return err
	}
	imported, err := b.accounts(ctx, key, company)
	if err != nil {
		return err
	}
	lines := importRate * int(b.plan.beside.Seconds()+1) * rounds
	file, err := b.history(company, lines)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	imported[0].unsure.Add(int64(lines)) // it is stopped on its way

	ingest := b.singles("/webhooks/ingest", demoKey, companies, accounts)
	live := func(name string) (*result, error) {
		return b.during(ctx, name, b.plan.beside, func() *result {
			return openLoop(ctx, b.server.addr, connections, rate, b.plan.beside, ingest)
		})
	}
	if _, err := live("warm-up-import"); err != nil {
		return err
	}
	var alone, beside []*result
	var rates []float64
	for range rounds {
		if _, err := b.settle(ctx); err != nil {
			return err
		}
		r, err := live("without-import")
		if err != nil {
			return err
		}
		alone = append(alone, r)
		took, err := b.whileImporting(ctx, company, file, func() (err error) {
			r, err = live("with-import")
			return err
		})
		if err != nil {
			return err
		}
		beside, rates = append(beside, r), append(rates, took)
	}
	without, with := sumUp(alone...), sumUp(beside...)
	t := &table{
		title: "An import beside live events",
		about: fmt.Sprintf("Single events at %s a second, sent when due, latency counted from then; without and with `impactql import` of a file of "+
			"NDJSON that runs all the while, in turn, %d rounds of %s each after a warm-up. Medians of the rounds; the worst maximum.",
			count(rate), rounds, b.plan.beside),
		head: append([]string{"live events"}, loadHead...),
	}
	t.row(append([]string{"alone"}, without.cells()...)...)
	t.row(append([]string{"beside an import"}, with.cells()...)...)
	t.notef("Imported: %s events/s. The processor time of the import itself is in none of the columns. In the table of what was lost or doubled "+
		"the lines of its file, which it was stopped amidst, are those without an answer.", number(median(rates)))
	b.report.tables = append(b.report.tables, t)
	b.report.atMost("live p99 beside an import, of that without", with.p99.Seconds()/without.p99.Seconds(), 1.5, "")
	return nil
}

// whileImporting runs f while the file is being imported, which goes on where it was
// stopped before, and returns how many events a second were.
func (b *bench) whileImporting(ctx context.Context, company, file string, f func() error) (rate float64, err error) {
	before, err := b.pg.rows(ctx, company)
	if err != nil {
		return 0, err
	}
	ended, stop, err := b.server.start("import", "--company="+company, file)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	start := before
	for start == before {
		select {
		case <-ended:
			return 0, errors.New("the import ended before it stored anything")
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if start, err = b.pg.rows(ctx, company); err != nil {
			return 0, err
		}
	}
	since := time.Now()
	if err := f(); err != nil {
		return 0, err
	}
	end, err := b.pg.rows(ctx, company)
	if err != nil {
		return 0, err
	}
	select {
	case <-ended:
		return 0, errors.New("the import ended before the load did")
	default:
	}
	return float64(end-start) / time.Since(since).Seconds(), nil
}

// history writes a file of new events of the company.
func (b *bench) history(company string, lines int) (path string, err error) {
	path = filepath.Join(b.temp, "history.ndjson")
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(file)
	var line []byte
	for range lines {
		line = append(b.events.append(line[:0], company, time.Now()), '\n')
		_, _ = w.Write(line) // Flush tells
	}
	return path, errors.Join(w.Flush(), file.Close())
}
