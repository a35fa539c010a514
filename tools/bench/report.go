package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// report is what a run found.
type report struct {
	quick    bool
	complete bool // nothing was left out, whatever it showed
	machine  *table
	targets  *table
	tables   []*table
	notes    []string
	errors   int   // requests that failed
	broken   int64 // events lost, doubled or miscounted
}

// table is a table and what is to be said about it.
type table struct {
	title, about string
	head         []string
	rows         [][]string
	notes        []string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) notef(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *report) target(what, measured, target string, met bool) {
	outcome := "missed"
	if met {
		outcome = "met"
	}
	r.targets.row(what, measured, target, outcome)
}

// atLeast records a ratio and its target; wish is a higher one, or 0.
func (r *report) atLeast(what string, ratio, target, wish float64) {
	text := fmt.Sprintf("≥ %.2f", target)
	r.target(what, fmt.Sprintf("%.2f", ratio), text, ratio >= target)
	if wish > 0 {
		r.target(what+", wish", fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≥ %.2f", wish), ratio >= wish)
	}
}

func (r *report) atMost(what string, x, target float64, unit string) {
	r.target(what, strings.TrimSpace(fmt.Sprintf("%.2f %s", x, unit)), strings.TrimSpace(fmt.Sprintf("≤ %g %s", target, unit)), x <= target)
}

// none records something of which there must be none.
func (r *report) none(what string, n int64) {
	r.target(what, count(n), "0", n == 0)
	r.broken += n
}

// failed is an error if something went wrong, as opposed to slowly.
func (r *report) failed() error {
	if r.errors == 0 && r.broken == 0 {
		return nil
	}
	return fmt.Errorf("%d requests failed; %d events lost, doubled, miscounted or refused", r.errors, r.broken)
}

// parts are the tables in the order of the page.
func (r *report) parts() []*table {
	return append([]*table{r.machine, r.targets}, r.tables...)
}

func (r *report) text(w io.Writer) {
	for _, t := range r.parts() {
		fmt.Fprintf(w, "\n%s\n\n", t.title)
		tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.head}, t.rows...) {
			if len(row) > 0 {
				fmt.Fprintln(tab, "  "+strings.Join(row, "\t"))
			}
		}
		_ = tab.Flush() // of w, where the next line fails as well
		for _, note := range t.notes {
			fmt.Fprintln(w, "  "+note)
		}
	}
	for _, note := range r.notes {
		fmt.Fprintln(w, "\n"+note)
	}
}

func (r *report) markdown(w io.Writer) {
	fmt.Fprint(w, "# Benchmarks\n\nWritten by `make bench BENCHFLAGS='-out docs/benchmarks.md'`; do not edit. The server, its embedded Postgres and "+
		"the load generator share one machine and its cores. Postgres's settings are those that impactql ships: every acknowledged event is "+
		"on disk.\n")
	if r.quick {
		fmt.Fprint(w, "\nA `-quick` run: too short to trust.\n")
	}
	for _, t := range r.parts() {
		fmt.Fprintf(w, "\n## %s\n\n", t.title)
		if t.about != "" {
			fmt.Fprintf(w, "%s\n\n", t.about)
		}
		t.markdown(w)
		for _, note := range t.notes {
			fmt.Fprintf(w, "\n%s\n", note)
		}
	}
	for _, note := range r.notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

func (t *table) markdown(w io.Writer) {
	widths := make([]int, len(t.head))
	lines := append([][]string{t.head}, t.rows...)
	for _, row := range lines {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width-1)
		if right := i > 0 && len(t.head) > 2; right {
			rule[i] += ":"
		} else {
			rule[i] += "-"
		}
	}
	for _, row := range slices.Insert(lines, 1, rule) {
		for i, cell := range row {
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		fmt.Fprintln(w, "|")
	}
}

// loadHead heads the cells of figures.
var loadHead = []string{
	"requests/s", "lowest", "highest", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors", "CPU µs/request: server", "Postgres", "generator",
}

func (f figures) cells() []string {
	return []string{
		number(f.rate), number(f.lowest), number(f.highest), ms(f.p50), ms(f.p95), ms(f.p99), ms(f.max), strconv.Itoa(f.errors),
		us(f.cpu.server), us(f.cpu.postgres), us(f.cpu.bench),
	}
}

// spread is how far measurements of the same thing lie apart.
type spread struct{ median, lowest, highest float64 }

func summary(values []float64) spread {
	return spread{median(values), slices.Min(values), slices.Max(values)}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000) }

func us(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1e6) }

func number(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return count(int64(x + 0.5))
}

// count writes n with commas between the thousands.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
