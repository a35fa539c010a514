package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// arrayEvents is how many events an array has.
const arrayEvents = 1000

// array compares arrays of events with `psql \copy` of the rows that they became.
func (b *bench) array(ctx context.Context) error {
	// The copies are another company's: the same keys under another prefix of the
	// unique index, so that both parts of it grow alike in one table.
	const company, copies = "bench-array", "bench-copy"
	key, err := b.server.createKey(ctx, company, copies)
	if err != nil {
		return err
	}
	accounts, err := b.accounts(ctx, key, company)
	if err != nil {
		return err
	}
	c, err := b.newCopier(ctx, company, copies)
	if err != nil {
		return err
	}
	defer os.Remove(c.file)
	if err := b.pg.checkpoint(ctx); err != nil {
		return err
	}

	rows := b.plan.bodies * arrayEvents
	var arrays []*result
	var arrayRates, copyRates []float64
	var folding []time.Duration
	for round := range b.plan.rounds + 1 {
		since, err := b.pg.run(ctx, "SELECT now()")
		if err != nil {
			return err
		}
		load := b.arrays(key, accounts[0], b.plan.bodies)
		r, err := b.during(ctx, "array", 2*time.Second, func() *result {
			return closedLoop(ctx, b.server.addr, b.arrayConnections, 0, load)
		})
		if err != nil {
			return err
		}
		fold, err := b.settle(ctx)
		if err != nil {
			return err
		}
		took, err := c.copy(ctx, since)
		if err != nil {
			return err
		}
		b.say("  %-34s %9.0f rows/s by array, %.0f rows/s by copy", "array", r.rate()*arrayEvents, float64(rows)/took.Seconds())
		if round > 0 { // the first is the warm-up
			arrays = append(arrays, r)
			folding = append(folding, fold)
			arrayRates = append(arrayRates, r.rate()*arrayEvents)
			copyRates = append(copyRates, float64(rows)/took.Seconds())
		}
	}
	if n, err := b.pg.rows(ctx, copies); err != nil {
		return err
	} else if want := int64(rows * (b.plan.rounds + 1)); n != want {
		return fmt.Errorf("copied %d of %d rows", n, want)
	}

	f := sumUp(arrays...)
	t := &table{
		title: `Arrays of events against psql \copy`,
		about: fmt.Sprintf("Bodies of %s events over %d connections, %s events a round; then the rows that they became, in the same "+
			`order, by \copy in one transaction into the same table with the same keys, under another company so that the unique index `+
			`has as much to do. Median and range of %d rounds in turn, after a warm-up of both; the ratio is the median of the rounds' ratios. The array's time ends with the last `+
			"acknowledgement; folding runs at the same time.", count(arrayEvents), b.arrayConnections, count(int64(rows)), b.plan.rounds),
		head: []string{"by", "rows/s", "lowest", "highest", "p50 ms", "p99 ms", "CPU µs/row: server", "Postgres", "generator"},
	}
	cpu := f.cpu.per(arrayEvents)
	t.row("/webhooks/ingest", number(median(arrayRates)), number(f.lowest*arrayEvents), number(f.highest*arrayEvents), ms(f.p50), ms(f.p99),
		us(cpu.server), us(cpu.postgres), us(cpu.bench))
	copied := summary(copyRates)
	t.row(`psql \copy`, number(copied.median), number(copied.lowest), number(copied.highest), "", "", "", "", "")
	t.notef("Folded %.0f ms after the last answer.", median(folding).Seconds()*1000)
	b.report.tables = append(b.report.tables, t)
	b.report.atLeast(`arrays: rate against psql \copy`, ratioOf(arrayRates, copyRates), 0.5, 0)
	return nil
}

// arrays sends n bodies, made beforehand, that the connections share out.
func (b *bench) arrays(key string, to *account, n int) func() caller {
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = appendPost(nil, "/webhooks/ingest", key, b.events.array(arrayEvents, to.company, time.Now()))
	}
	all := `"stored":` + strconv.Itoa(arrayEvents) + ","
	var next atomic.Int64
	return func() caller {
		return caller{
			request: func() []byte {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return nil
				}
				return requests[i]
			},
			answered: func(status int, body []byte, err error) error {
				err = expect(status, body, err, all)
				to.settle(arrayEvents, err)
				return err
			},
		}
	}
}

// copier loads one company's rows once more as another's.
type copier struct {
	pg       *postgres
	columns  string // that the server writes too: received_at has its default
	from, to int64
	file     string
}

func (b *bench) newCopier(ctx context.Context, from, to string) (*copier, error) {
	c := &copier{pg: b.pg, file: filepath.Join(b.temp, "event.copy")}
	var err error
	if c.columns, err = b.pg.run(ctx, "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns"+
		" WHERE table_name = 'event' AND column_name NOT IN ('company_id', 'received_at')"); err != nil {
		return nil, err
	}
	const id = "SELECT id FROM company WHERE key = '%s'"
	if c.from, err = b.pg.number(ctx, fmt.Sprintf(id, from)); err != nil {
		return nil, err
	}
	c.to, err = b.pg.number(ctx, fmt.Sprintf(id, to))
	return c, err
}

// copy writes the rows received since then to a file, in the order in which they
// lie in the table, and times loading it.
func (c *copier) copy(ctx context.Context, since string) (time.Duration, error) {
	if _, err := c.pg.run(ctx,
		"SET max_parallel_workers_per_gather = 0", "SET synchronize_seqscans = off", "SET enable_indexscan = off", "SET enable_bitmapscan = off",
		fmt.Sprintf(`\copy (SELECT %d, %s FROM event WHERE company_id = %d AND received_at > '%s') TO '%s'`, c.to, c.columns, c.from, since, c.file),
	); err != nil {
		return 0, err
	}
	return c.pg.copyIn(ctx, "company_id, "+c.columns, c.file)
}
