package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// result is what a load came to.
type result struct {
	took      time.Duration
	latencies []time.Duration // of the requests answered as they should be; sorted
	late      []time.Duration // how long after it was due each request of an open loop was sent; sorted
	refused   int             // answered that there is no room for now
	failed    int
	err       error // the first
	cpu       cpuTimes
}

func failure(err error) *result { return &result{failed: 1, err: err} }

func (r *result) fail(err error) {
	r.failed++
	r.err = cmp.Or(r.err, err)
}

func (r *result) add(other *result) {
	r.latencies = append(r.latencies, other.latencies...)
	r.late = append(r.late, other.late...)
	r.refused += other.refused
	r.failed += other.failed
	r.err = cmp.Or(r.err, other.err)
}

func (r *result) sort() {
	slices.Sort(r.latencies)
	slices.Sort(r.late)
}

// rate is good answers per second.
func (r *result) rate() float64 {
	if r.took == 0 {
		return 0
	}
	return float64(len(r.latencies)) / r.took.Seconds()
}

// offered is how many requests a second there were, sent within d.
func (r *result) offered(d time.Duration) float64 {
	return float64(len(r.latencies)+r.refused+r.failed) / d.Seconds()
}

func (r *result) percentile(p float64) time.Duration { return percentile(r.latencies, p) }

// percentile is the smallest value that a share p of the sorted values does not
// exceed; 0 if there are none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median is the middle value, the mean of the middle two of an even number of
// values, and 0 of none.
func median[T ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// figures sum up rounds: the medians, the worst of the maxima and all errors.
type figures struct {
	rate                     float64
	lowest, highest          float64 // rate
	p50, p95, p99, max, late time.Duration
	errors                   int
	cpu                      cpuTimes // per good answer
}

func sumUp(rounds ...*result) figures {
	middle := func(p float64) time.Duration {
		return median(each(rounds, func(r *result) time.Duration { return r.percentile(p) }))
	}
	rates := each(rounds, (*result).rate)
	f := figures{
		rate: median(rates), lowest: slices.Min(rates), highest: slices.Max(rates),
		p50: middle(0.50), p95: middle(0.95), p99: middle(0.99),
	}
	answers := 0
	for _, r := range rounds {
		f.max = max(f.max, r.percentile(1))
		f.late = max(f.late, percentile(r.late, 0.99))
		f.errors += r.failed
		f.cpu = f.cpu.plus(r.cpu)
		answers += len(r.latencies)
	}
	f.cpu = f.cpu.per(answers)
	return f
}

// ratioOf is the median of a round's rate to that of the round beside it: what
// else the machine does meanwhile falls on both.
func ratioOf(rates, others []float64) float64 {
	ratios := make([]float64, len(rates))
	for i := range rates {
		ratios[i] = rates[i] / others[i]
	}
	return median(ratios)
}

func each[S, T any](list []S, f func(S) T) []T {
	out := make([]T, len(list))
	for i, x := range list {
		out[i] = f(x)
	}
	return out
}
