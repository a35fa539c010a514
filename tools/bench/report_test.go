package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	tab := table{title: "T", head: []string{"to", "ms", "n"}}
	tab.row("/x…", "1.25", "10,000")
	tab.row("y", "", "2")
	var b strings.Builder
	tab.markdown(&b)
	const want = `| to  | ms   | n      |
| --- | ---: | -----: |
| /x… | 1.25 | 10,000 |
| y   |      | 2      |
`
	if b.String() != want {
		t.Errorf("markdown:\n%s\nwant\n%s", &b, want)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	newReport := func() *report {
		return &report{machine: &table{title: "Machine"}, targets: &table{title: "Targets", head: []string{"what", "measured", "target", "outcome"}}}
	}
	slow := newReport()
	slow.atLeast("ratio", 0.45, 0.4, 0.6)
	slow.atMost("p99", 51, 50, "ms")
	if err := slow.failed(); err != nil {
		t.Errorf("a missed target fails the run: %v", err)
	}
	var page strings.Builder
	slow.text(&page)
	for _, want := range []string{
		"ratio        0.45      ≥ 0.40   met\n", "ratio, wish  0.45      ≥ 0.60   missed\n", "p99          51.00 ms  ≤ 50 ms  missed\n",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, &page)
		}
	}

	lost := newReport()
	lost.none("lost", 0)
	if err := lost.failed(); err != nil {
		t.Errorf("nothing lost: %v", err)
	}
	lost.none("lost", 1)
	if lost.failed() == nil {
		t.Error("a lost event does not fail the run")
	}
	refused := newReport()
	refused.errors++
	if refused.failed() == nil {
		t.Error("a failed request does not fail the run")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 12345678: "12,345,678"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
	for x, want := range map[float64]string{0.25: "0.2", 9.96: "10.0", 1234.5: "1,235"} {
		if got := number(x); got != want {
			t.Errorf("number(%g) = %q, want %q", x, got, want)
		}
	}
	if got := ms(1234567 * time.Nanosecond); got != "1.23" {
		t.Errorf("ms: %q", got)
	}
	if got := us(12_345 * time.Nanosecond); got != "12.3" {
		t.Errorf("us: %q", got)
	}
}
