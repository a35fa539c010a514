package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// floodEvents is how many events a body of the flood has: enough that offering them costs the
// generator, which has the server's cores, a small part of what storing them costs.
const floodEvents = 200

// overload asks for five times what the server can store: it must go on storing that.
func (b *bench) overload(ctx context.Context) error {
	const usual, many, times = 16, 2_000, 5
	companies := demoCompanies[:]
	accounts, err := b.accounts(ctx, demoKey, companies...)
	if err != nil {
		return err
	}
	peak := func(d time.Duration) (*result, error) {
		return b.do(ctx, "peak", usual, d, b.floods(accounts))
	}
	if _, err := peak(b.plan.warm); err != nil {
		return err
	}
	var peaks, floods, crowds []*result
	var ratios, offers, before, after []float64
	for range b.plan.rounds {
		if _, err := b.settle(ctx); err != nil {
			return err
		}
		most, err := peak(b.plan.round)
		if err != nil {
			return err
		}
		flood := func(d time.Duration) (*result, error) {
			return b.during(ctx, "overload", d, func() *result {
				return overload(ctx, b.server.addr, many, int(times*most.rate()), d, b.floods(accounts))
			})
		}
		if err := b.server.forgetPeak(); err != nil {
			return err
		}
		if _, err := flood(b.plan.warm); err != nil { // the connections themselves take memory
			return err
		}
		first, err := b.server.peakMB()
		if err != nil {
			return err
		}
		if err := b.server.forgetPeak(); err != nil {
			return err
		}
		over, err := flood(b.plan.round)
		if err != nil {
			return err
		}
		flooded, err := b.server.peakMB()
		if err != nil {
			return err
		}
		if _, err := b.settle(ctx); err != nil {
			return err
		}
		crowd, err := b.do(ctx, "crowd", many, b.plan.warm, patient(b.singles("/webhooks/ingest", demoKey, companies, nil), accounts))
		if err != nil {
			return err
		}
		peaks, floods, crowds = append(peaks, most), append(floods, over), append(crowds, crowd)
		ratios = append(ratios, over.rate()/most.rate())
		offers = append(offers, over.offered(b.plan.round)/most.rate())
		before, after = append(before, first), append(after, flooded)
	}
	normal, flooded, crowded := sumUp(peaks...), sumUp(floods...), sumUp(crowds...)
	t := &table{
		title: "Five times too much",
		about: fmt.Sprintf("Bodies of %d events over %d connections, each when its last is answered; then five times the events that this stored, "+
			"when due, over %s connections. Only events answered 200 count, and latency is theirs. Below, for comparison, single events over as many "+
			"connections, each when its last is answered, which is all that the generator can send of them.", floodEvents, usual, count(many)),
		head: []string{
			"load", "offered events/s", "refused events/s", "stored events/s", "lowest", "highest", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors",
			"CPU µs/event stored: server", "Postgres", "generator",
		},
	}
	row := func(load string, rounds []*result, f figures, d time.Duration, events int) {
		n := float64(events)
		offered := median(each(rounds, func(r *result) float64 { return r.offered(d) })) * n
		refused := median(each(rounds, func(r *result) float64 { return float64(r.refused) / d.Seconds() })) * n
		cpu := f.cpu.per(events)
		t.row(load, number(offered), number(refused), number(f.rate*n), number(f.lowest*n), number(f.highest*n),
			ms(f.p50), ms(f.p95), ms(f.p99), ms(f.max), strconv.Itoa(f.errors), us(cpu.server), us(cpu.postgres), us(cpu.bench))
	}
	row("what it can do", peaks, normal, b.plan.round, floodEvents)
	row("five times that", floods, flooded, b.plan.round, floodEvents)
	row("single events", crowds, crowded, b.plan.warm, 1)
	t.notef("Most memory resident: %.0f MB in the first %s of the flood, %.0f MB in the next %s. The generator was late: p99 %s ms.",
		median(before), b.plan.warm, median(after), b.plan.round, ms(flooded.late))
	b.report.tables = append(b.report.tables, t)
	b.report.atLeast("overload: events offered, against the peak", median(offers), 4.5, 0)
	b.report.atLeast("overload: events stored, against the peak", median(ratios), 0.90, 0)
	b.report.atMost("overload: p99 of those stored", flooded.p99.Seconds()*1000, 500, "ms")
	b.report.atMost("overload: resident memory gained", median(after)-median(before), 32, "MB")
	return nil
}

// floods sends bodies of floodEvents, each connection to one account; 503 is an answer, after which the same body is
// sent again, as senders do.
func (b *bench) floods(accounts []*account) func() caller {
	all := `"stored":` + strconv.Itoa(floodEvents) + ","
	var made int
	return func() caller {
		to := accounts[made%len(accounts)]
		made++
		body := b.events.template(floodEvents, to, "/webhooks/ingest")
		refused := false
		return caller{
			request: func() []byte {
				if refused {
					return body.request
				}
				return body.next()
			},
			answered: func(status int, answer []byte, err error) error {
				err = accept(to, floodEvents, status, answer, err, all)
				refused = errors.Is(err, errRefused)
				return err
			},
		}
	}
}

// patient sends single events, as the callers do, to the accounts in turn; 503 is an answer.
func patient(callers func() caller, accounts []*account) func() caller {
	return func() caller {
		c := callers()
		request, which := c.request, -1
		c.request = func() []byte {
			which = (which + 1) % len(accounts)
			return request()
		}
		c.answered = func(status int, body []byte, err error) error {
			return accept(accounts[which], 1, status, body, err, `"status":"stored"`)
		}
		return c
	}
}

// accept is expect for requests that may be refused for now, which stores nothing.
func accept(to *account, events int64, status int, body []byte, err error, text string) error {
	if err == nil && status == http.StatusServiceUnavailable {
		return errRefused
	}
	err = expect(status, body, err, text)
	to.settle(events, err)
	return err
}

// stream sends one long body of lines and looks at the server's memory.
func (b *bench) stream(ctx context.Context) error {
	accounts, err := b.accounts(ctx, demoKey, demoCompanies[0])
	if err != nil {
		return err
	}
	var added, rates []float64
	for range b.plan.rounds {
		if _, err := b.settle(ctx); err != nil {
			return err
		}
		before, err := b.server.residentMB()
		if err != nil {
			return err
		}
		if err := b.server.forgetPeak(); err != nil {
			return err
		}
		start := time.Now()
		stored, err := b.sendStream(ctx, accounts[0].company)
		if err != nil {
			return err
		}
		took := time.Since(start)
		accounts[0].settle(stored, nil)
		peak, err := b.server.peakMB()
		if err != nil {
			return err
		}
		b.say("  %-34s %9s events/s  resident %.0f MB before, at most %.0f MB", "stream", number(float64(stored)/took.Seconds()), before, peak)
		added, rates = append(added, peak-before), append(rates, float64(stored)/took.Seconds())
	}
	t := &table{
		title: "A stream of lines",
		about: fmt.Sprintf("%s bytes of NDJSON in one request, %d rounds.", count(int64(b.plan.stream)), b.plan.rounds),
		head:  []string{"", "events/s", "MB resident gained, at most"},
	}
	t.row("/webhooks/ingest", number(median(rates)), fmt.Sprintf("%.0f", median(added)))
	b.report.tables = append(b.report.tables, t)
	b.report.atMost("stream: resident memory gained", median(added), 32, "MB")
	return nil
}

func (b *bench) sendStream(ctx context.Context, company string) (stored int64, err error) {
	r, w := io.Pipe()
	go func() {
		var line []byte
		for sent := 0; sent < b.plan.stream; sent += len(line) {
			line = append(b.events.append(line[:0], company, time.Now()), '\n')
			if _, err := w.Write(line); err != nil {
				return
			}
		}
		_ = w.Close() // it cannot fail
	}()
	defer r.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.server.addr+"/webhooks/ingest", r)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("X-API-Key", demoKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var answer struct{ Stored, Lines int64 }
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK || answer.Stored != answer.Lines {
		return 0, fmt.Errorf("%s %.300s", resp.Status, body)
	}
	return answer.Stored, nil
}
