package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The history of the companies that are read, and a range that begins and ends
// within a month of it.
const (
	seedFrom, seedTo   = "2024-06-01", "2026-06-01"
	rangeFrom, rangeTo = "2025-02-14", "2026-05-20"
)

// readers is how many connections read at the same time.
const readers = 100

// seed fills the companies that are read, once.
func (b *bench) seed(ctx context.Context) error {
	if b.readKey != "" {
		return nil
	}
	for _, events := range b.companies() {
		b.say("  seeding %s with %d events", company(events), events)
		start := time.Now()
		if _, err := b.server.command(ctx, "seed", "--company", company(events), "--events", strconv.Itoa(events),
			"--from", seedFrom, "--to", seedTo); err != nil {
			return err
		}
		b.say("  seeded at %.0f events/s", float64(events)/time.Since(start).Seconds())
	}
	if _, err := b.settle(ctx); err != nil {
		return err
	}
	// What would otherwise be done in the background of the first reads.
	if err := b.pg.maintain(ctx); err != nil {
		return err
	}
	var err error
	b.readKey, err = b.server.createKey(ctx, company(b.plan.small))
	return err
}

// companies are those that are read, by how many events they have.
func (b *bench) companies() []int {
	if b.plan.huge == 0 {
		return []int{b.plan.small, b.plan.big}
	}
	return []int{b.plan.small, b.plan.big, b.plan.huge}
}

// company is the key of the company with so many events.
func company(events int) string {
	text := strconv.Itoa(events)
	text, millions := strings.CutSuffix(text, "000000")
	if millions {
		return "bench-" + text + "m"
	}
	return "bench-" + strings.TrimSuffix(text, "000") + "k"
}

// question is something to read of a company.
type question struct {
	what    string
	name    string // of its profile
	metrics bool
	request func(company string, uncached bool) []byte
	want    string
	limit   float64 // of the median, uncached, with one connection, in ms; 0 is none
}

// What a large company's figures are made of, one by one, and what is analysed of it.
const (
	askSROI      = `sroi { ratio }`
	askVIS       = `vis { score }`
	askRetention = `retention(period: "2024-06-01/2025-05-31", intervals: 12) { rows { size retained rates } }`
	askFunnel    = `funnel(period: "` + seedFrom + `/` + seedTo + `", window: 90, steps: [{activity: ENROLMENT}, {activity: SESSION},
		{activity: OUTCOME}, {activity: COURSE_DONE}, {activity: JOB}]) { steps { people conversion medianDays } }`
)

func (b *bench) questions() ([]question, error) {
	overview, err := os.ReadFile(b.overview)
	if err != nil {
		return nil, err
	}
	get := func(what, name, path string, limit float64) question {
		return question{what: what, name: name, metrics: limit > 0, limit: limit, want: `"success":true`, request: func(company string, uncached bool) []byte {
			return []byte("GET " + fmt.Sprintf(path, company) + " HTTP/1.1\r\nHost: bench\r\n" + b.readHeaders(uncached) + "\r\n")
		}}
	}
	ask := func(what, name, query string, limit float64) question {
		return question{what: what, name: name, limit: limit, want: `{"data":{"company":{`, request: func(company string, uncached bool) []byte {
			body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"key": company}})
			if err != nil {
				panic(err) // strings are always marshalled
			}
			return []byte("POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: " +
				strconv.Itoa(len(body)) + "\r\n" + b.readHeaders(uncached) + "\r\n" + string(body))
		}}
	}
	one := func(what, name, fields string, limit float64) question {
		return ask(what, name, "query($key: ID!) { company(key: $key) { "+fields+" } }", limit)
	}
	return []question{
		get("/v1/metrics, all time", "metrics", "/v1/metrics/%s", 20),
		get("/v1/metrics, a range", "range", "/v1/metrics/%s?start="+rangeFrom+"&end="+rangeTo, 20),
		get("/v1/cohort/…/all", "cohort", "/v1/cohort/%s/all", 0),
		ask("GraphQL Overview", "overview", string(overview), 0),
		one("GraphQL sroi", "sroi", askSROI, 20),
		one("GraphQL vis", "vis", askVIS, 20),
		one("a 12 x 12 retention matrix", "retention", askRetention, 50),
		one("a funnel of five steps", "funnel", askFunnel, 50),
	}, nil
}

func (b *bench) readHeaders(uncached bool) string {
	headers := "Authorization: Bearer " + b.readKey + "\r\n"
	if uncached {
		headers += "Cache-Control: no-cache\r\n"
	}
	return headers
}

// reads compares the same questions about a small and a large company.
func (b *bench) reads(ctx context.Context) error {
	if err := b.seed(ctx); err != nil {
		return err
	}
	questions, err := b.questions()
	if err != nil {
		return err
	}
	small, big := company(b.plan.small), company(b.plan.big)
	t := &table{
		title: fmt.Sprintf("Reads of a company with %s events and of one with %s", count(int64(b.plan.small)), count(int64(b.plan.big))),
		about: fmt.Sprintf("Each connection asks again when it is answered; the two companies in turn, %d rounds of %s each, medians of "+
			"the rounds. As served: figures are kept until the company's data changes. Uncached: with `Cache-Control: no-cache`, so that "+
			"every request reads the rollups. The history is of %s to %s, the range %s to %s.",
			b.plan.rounds, b.plan.read, seedFrom, seedTo, rangeFrom, rangeTo),
		head: []string{
			"", "connections", small + ": requests/s", "p50 ms", "p99 ms", big + ": requests/s", "p50 ms", "p99 ms",
			"p50 ratio", "errors", "CPU µs of " + big + ": server", "Postgres",
		},
	}
	for _, mode := range []struct {
		name        string
		connections int
		uncached    bool
	}{
		{"as served", readers, false}, {"uncached", 1, true}, {"uncached", 8, true},
	} {
		for _, q := range questions {
			name := fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(mode.name, " ", "-"), q.name, mode.connections)
			s, l, err := b.compare(ctx, name, mode.connections, q, mode.uncached)
			if err != nil {
				return err
			}
			ratio := l.p50.Seconds() / s.p50.Seconds()
			t.row(q.what+", "+mode.name, strconv.Itoa(mode.connections), number(s.rate), ms(s.p50), ms(s.p99), number(l.rate), ms(l.p50), ms(l.p99),
				fmt.Sprintf("%.2f", ratio), strconv.Itoa(s.errors+l.errors), us(l.cpu.server), us(l.cpu.postgres))
			what := fmt.Sprintf("%s, %s, %d connections", q.what, mode.name, mode.connections)
			if mode.connections != 8 {
				b.report.atMost(what+": p50 ratio", ratio, 1.5, "")
			}
			if q.limit > 0 && mode.uncached && mode.connections == 1 {
				b.report.atMost(what+": p50 of "+big, l.p50.Seconds()*1000, q.limit, "ms")
			}
			if q.metrics && !mode.uncached {
				b.report.atMost(what+": p99, the larger", max(s.p99, l.p99).Seconds()*1000, 25, "ms")
			}
		}
	}
	b.report.tables = append(b.report.tables, t)
	if b.plan.huge > 0 {
		return b.hugeReads(ctx, questions)
	}
	return nil
}

// hugeReads asks the questions that have a limit about a company ten times as large,
// for which the limits are half as much again.
func (b *bench) hugeReads(ctx context.Context, questions []question) error {
	huge := company(b.plan.huge)
	t := &table{
		title: fmt.Sprintf("Reads of a company with %s events", count(int64(b.plan.huge))),
		about: fmt.Sprintf("Uncached, one connection, %d rounds of %s.", b.plan.rounds, b.plan.read),
		head:  []string{"", "requests/s", "p50 ms", "p99 ms", "errors", "CPU µs: server", "Postgres"},
	}
	for _, q := range questions {
		if q.limit == 0 {
			continue
		}
		var rounds []*result
		for round := range b.plan.rounds + 1 {
			r, err := b.do(ctx, "huge-"+q.name, 1, b.plan.read, repeats(q.request(huge, true), q.want, `"errors":`))
			if err != nil {
				return err
			}
			if round > 0 {
				rounds = append(rounds, r)
			}
		}
		f := sumUp(rounds...)
		t.row(q.what, number(f.rate), ms(f.p50), ms(f.p99), strconv.Itoa(f.errors), us(f.cpu.server), us(f.cpu.postgres))
		b.report.atMost(q.what+", uncached: p50 of "+huge, f.p50.Seconds()*1000, 1.5*q.limit, "ms")
	}
	b.report.tables = append(b.report.tables, t)
	return nil
}

func (b *bench) compare(ctx context.Context, name string, connections int, q question, uncached bool) (small, big figures, err error) {
	var rounds [2][]*result
	for round := range b.plan.rounds + 1 {
		for i, events := range []int{b.plan.small, b.plan.big} {
			d := b.plan.read
			if round == 0 {
				d /= 4 // the warm-up
			}
			callers := repeats(q.request(company(events), uncached), q.want, `"errors":`)
			r, err := b.do(ctx, name+"-"+company(events), connections, d, callers)
			if err != nil {
				return small, big, err
			}
			if round > 0 {
				rounds[i] = append(rounds[i], r)
			}
		}
	}
	return sumUp(rounds[0]...), sumUp(rounds[1]...), nil
}

// mixed reads a company while events come in for it.
func (b *bench) mixed(ctx context.Context) error {
	if err := b.seed(ctx); err != nil {
		return err
	}
	questions, err := b.questions()
	if err != nil {
		return err
	}
	const rate, senders = 1000, 128
	const samples, samplers = 200, 16
	big := company(b.plan.big)
	accounts, err := b.accounts(ctx, b.readKey, big)
	if err != nil {
		return err
	}
	q := questions[0]
	read := repeats(q.request(big, false), q.want, "")
	write := b.singles("/webhooks/ingest", b.readKey, []string{big}, accounts)
	version := fmt.Sprintf("SELECT version FROM company WHERE key = '%s'", big)
	before, err := b.pg.number(ctx, version)
	if err != nil {
		return err
	}
	var writes, sampled *result
	reads, err := b.during(ctx, "mixed", b.plan.mixed, func() (r *result) {
		var all sync.WaitGroup
		all.Go(func() { writes = openLoop(ctx, b.server.addr, senders, rate, b.plan.mixed, write) })
		all.Go(func() { sampled = openLoop(ctx, b.server.addr, samplers, samples, b.plan.mixed, read) })
		all.Go(func() { r = closedLoop(ctx, b.server.addr, readers, b.plan.mixed, read) })
		all.Wait()
		return r
	})
	if err != nil {
		return err
	}
	b.count("mixed, events", writes)
	b.count("mixed, reads when due", sampled)
	after, err := b.pg.number(ctx, version)
	if err != nil {
		return err
	}
	fold, err := b.settle(ctx)
	if err != nil {
		return err
	}
	w := sumUp(writes)
	t := &table{
		title: "Reads while 1,000 events a second arrive",
		about: fmt.Sprintf("Single events when due, into the company with %s events, for %s; %d connections that ask again when they are "+
			"answered, and take all the processor time there is; and %d reads a second when due, which show how often a reader meets figures "+
			"that are being read anew, where the others, all waiting at once, make that look rare.",
			count(int64(b.plan.big)), b.plan.mixed, readers, samples),
		head: append([]string{"to"}, loadHead[:len(loadHead)-3]...),
	}
	row := func(what string, f figures) { t.row(append([]string{what}, f.cells()[:len(loadHead)-3]...)...) }
	row(q.what, sumUp(reads))
	row(q.what+", when due", sumUp(sampled))
	row("/webhooks/ingest, when due", w)
	t.notef("The company's data changed its version %.1f times a second. Folded %.0f ms after the last answer. The generator of events was "+
		"late: p99 %s ms.", float64(after-before)/writes.took.Seconds(), fold.Seconds()*1000, ms(w.late))
	b.report.tables = append(b.report.tables, t)
	return nil
}
