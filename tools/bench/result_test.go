package main

import (
	"errors"
	"testing"
	"time"
)

func upTo(n int) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = time.Duration(i + 1)
	}
	return list
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		n    int
		p    float64
		want time.Duration
	}{
		{0, 0.5, 0}, {1, 0.5, 1}, {1, 0.99, 1}, {1, 1, 1}, {2, 0.5, 1}, {3, 0.5, 2},
		{100, 0.99, 99}, {101, 0.99, 100}, {100, 0.95, 95}, {100, 1, 100}, {100, 0, 1},
	} {
		if got := percentile(upTo(tc.n), tc.p); got != tc.want {
			t.Errorf("percentile(1..%d, %g) = %d, want %d", tc.n, tc.p, got, tc.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 4}, 4}, {[]float64{9, 1, 4, 2}, 3},
	} {
		if got := median(tc.values); got != tc.want {
			t.Errorf("median(%v) = %g, want %g", tc.values, got, tc.want)
		}
	}
}

func TestSumUp(t *testing.T) {
	t.Parallel()
	f := sumUp(
		&result{took: time.Second, latencies: upTo(100), cpu: cpuTimes{server: 100}},
		&result{took: time.Second, latencies: upTo(300), failed: 2, err: errors.New("refused"), cpu: cpuTimes{server: 700}},
		&result{took: time.Second, latencies: upTo(200), late: upTo(100), cpu: cpuTimes{server: 400, postgres: 600}},
	)
	want := figures{
		rate: 200, lowest: 100, highest: 300, p50: 100, p95: 190, p99: 198, max: 300, late: 99, errors: 2,
		cpu: cpuTimes{server: 2, postgres: 1},
	}
	if f != want {
		t.Errorf("sumUp: %+v, want %+v", f, want)
	}
}

// A round that something else slowed counts with the round beside it.
func TestRatioOf(t *testing.T) {
	t.Parallel()
	if got := ratioOf([]float64{50, 20, 45}, []float64{100, 40, 100}); got != 0.5 {
		t.Errorf("ratioOf: %g, want 0.5", got)
	}
}
