package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// valueMapLines is how many outcomes the value map has that is simulated.
const valueMapLines = 20

// valueMap measures what is asked of a value map: its ratio, what moves it and how sure it is.
func (b *bench) valueMap(ctx context.Context) error {
	key, err := b.server.createKey(ctx, demoCompanies[0])
	if err != nil {
		return err
	}
	asks := []struct{ what, name, fields string }{
		{"the ratio alone", "ratio", ``},
		{"one-way sensitivity", "oneway", `sensitivity { oneWay(first: 100) { variable swing } }`},
		{"a grid of 20 by 20", "grid", `sensitivity { grid(x: "/outcomes/0/proxy", y: "/outcomes/1/deadweight", steps: 20) { ratios } }`},
		{"break-even of each parameter", "breakeven", `sensitivity { breakEven(first: 100) { variable breakEven } }`},
		{"10,000 draws", "montecarlo", `uncertainty { monteCarlo { p10 p50 p90 } }`},
		{"all of these", "all", `sensitivity { oneWay(first: 100) { variable swing }
			grid(x: "/outcomes/0/proxy", y: "/outcomes/1/deadweight", steps: 20) { ratios }
			breakEven(first: 100) { variable breakEven } } uncertainty { monteCarlo { p10 p50 p90 } }`},
	}
	t := &table{
		title: fmt.Sprintf("A value map of %d lines", valueMapLines),
		about: fmt.Sprintf("`simulateSroi`, one connection, %d rounds of %s: each line lasts five years.", b.plan.rounds, b.plan.read),
		head:  []string{"", "requests/s", "p50 ms", "p99 ms", "errors", "CPU µs: server"},
	}
	for _, ask := range asks {
		request := simulation(key, ask.fields)
		var rounds []*result
		for round := range b.plan.rounds + 1 {
			r, err := b.do(ctx, "valuemap-"+ask.name, 1, b.plan.read, repeats(request, `{"data":{"simulateSroi":{"ratio":`, `"errors":`))
			if err != nil {
				return err
			}
			if round > 0 {
				rounds = append(rounds, r)
			}
		}
		f := sumUp(rounds...)
		t.row(ask.what, number(f.rate), ms(f.p50), ms(f.p99), strconv.Itoa(f.errors), us(f.cpu.server))
		b.report.atMost(fmt.Sprintf("a value map of %d lines, %s: p50", valueMapLines, ask.what), f.p50.Seconds()*1000, 50, "ms")
	}
	b.report.tables = append(b.report.tables, t)
	return nil
}

// simulation is a request for the fields of a value map.
func simulation(key, fields string) []byte {
	var outcomes strings.Builder
	for line := range valueMapLines {
		fmt.Fprintf(&outcomes, `{name: "outcome %d", quantity: "%d", proxy: "%d.50", deadweight: "0.%02d", displacement: "0.05", `+
			`attribution: "0.2", dropOff: "0.1", duration: 5} `, line, 10+line, 100*(line+1), 10+line)
	}
	query := `{ simulateSroi(valueMap: {inputs: [{name: "staff", amount: "20000"}], outcomes: [` + outcomes.String() + `]}) { ratio ` + fields + ` } }`
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		panic(err) // strings are always marshalled
	}
	return appendPost(nil, "/graphql", key, body)
}
