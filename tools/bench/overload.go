package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// overload asks for five times what the server can do: it must go on doing that.
func (b *bench) overload(ctx context.Context) error {
	const usual, many, times = 128, 2_000, 5
	companies := demoCompanies[:]
	accounts, err := b.accounts(ctx, demoKey, companies...)
	if err != nil {
		return err
	}
	if _, err := b.do(ctx, "warm-up-overload", usual, b.plan.warm, b.singles("/webhooks/ingest", demoKey, companies, accounts)); err != nil {
		return err
	}
	var peaks, overloads []*result
	var ratios, before, after []float64
	for range b.plan.rounds {
		if _, err := b.settle(ctx); err != nil {
			return err
		}
		peak, err := b.do(ctx, "peak", usual, b.plan.round, b.singles("/webhooks/ingest", demoKey, companies, accounts))
		if err != nil {
			return err
		}
		flood := func(d time.Duration) (*result, error) {
			return b.during(ctx, "overload", d, func() *result {
				return overload(ctx, b.server.addr, many, int(times*peak.rate()), d, patient(b.singles("/webhooks/ingest", demoKey, companies, nil), accounts))
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
		peaks, overloads = append(peaks, peak), append(overloads, over)
		ratios = append(ratios, over.rate()/peak.rate())
		before, after = append(before, first), append(after, flooded)
	}
	normal, flooded := sumUp(peaks...), sumUp(overloads...)
	refused := median(each(overloads, func(r *result) float64 { return float64(r.refused) / r.took.Seconds() }))
	t := &table{
		title: "Five times too much",
		about: fmt.Sprintf("Single events over %d connections, each when its last is answered; then five times that rate, over %s connections, "+
			"as far as the generator, which has the same cores, can send it. Only events answered 200 count, and latency is theirs.", usual, count(many)),
		head: append([]string{"load"}, loadHead...),
	}
	t.row(append([]string{"what it can do"}, normal.cells()...)...)
	t.row(append([]string{"five times that"}, flooded.cells()...)...)
	t.notef("Sent: %s/s, of which refused with 503: %s/s.", number(flooded.rate+refused), number(refused))
	t.notef("Most memory resident: %.0f MB in the first %s of it, %.0f MB in the next %s.",
		median(before), b.plan.warm, median(after), b.plan.round)
	b.report.tables = append(b.report.tables, t)
	b.report.atLeast("overload: events stored, against the peak", median(ratios), 0.90, 0)
	b.report.atMost("overload: p99 of those stored", flooded.p99.Seconds()*1000, 500, "ms")
	b.report.atMost("overload: resident memory gained", median(after)-median(before), 32, "MB")
	return nil
}

// patient takes 503 for an answer. What was refused was not stored.
func patient(callers func() caller, accounts []*account) func() caller {
	return func() caller {
		c := callers()
		request, which := c.request, -1
		c.request = func() []byte {
			which = (which + 1) % len(accounts)
			return request()
		}
		c.answered = func(status int, body []byte, err error) error {
			if err == nil && status == http.StatusServiceUnavailable {
				return errRefused
			}
			err = expect(status, body, err, `"status":"stored"`)
			accounts[which].settle(1, err)
			return err
		}
		return c
	}
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
