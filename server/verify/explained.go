package verify

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/impactql/impactql/impact"
)

// answer is the figures of a part as readers tell them, and how these are explained; nil is
// withheld.
type answer struct {
	figures     figures
	explanation *impact.Explanation
}

// judgeParts judges figures of everybody, or of a cohort by a key or a filter. It returns
// all of them.
func (r *run) judgeParts(c *claim, cohort string, parts []part, answers []answer) (all pair) {
	for i := range parts {
		want, got := parts[i].figures(), answers[i].figures
		if got == nil {
			continue
		}
		r.judge(c, want, got)
		r.judgeExplanation(c, cohort, parts[i], answers[i])
		all.want, all.got = append(all.want, want...), append(all.got, got...)
	}
	return all
}

// judgeExplanation judges an explanation that is told: what it gives by what the log says,
// what its formula makes of that by what is published, its hash, and that few people add
// to none of its numbers. That of everybody is never withheld.
func (r *run) judgeExplanation(c *claim, cohort string, want part, got answer) {
	x := got.explanation
	if x == nil {
		if c.explained && cohort == "" {
			r.differ(c.period, c.programme, "explained "+want.prefix+want.methodology, "told", "withheld")
		}
		return
	}
	if few := want.fewest; 0 < few && few < r.least() {
		r.differ(c.period, c.programme, "explained "+want.prefix+want.methodology, "withheld", fmt.Sprintf("told of %d people", few))
	}
	x.Cohort = cohort // as it was asked for
	name, given := "explained "+want.prefix, sheetOf(x)
	r.judgeSheets(c, name, want.sheet, given)
	r.judgeOne(c, name+"names", fmt.Sprint(len(want.sheet)), fmt.Sprint(len(x.Parameters)+len(x.Inputs))) // none twice
	recomputed, published := make(sheet), make(sheet)
	for _, f := range formulas[want.methodology](want.prefix, given) {
		recomputed[f.name] = f.value
	}
	for _, f := range got.figures {
		published[f.name] = f.value
	}
	r.judgeSheets(c, "by its explanation ", recomputed, published)
	r.judgeOne(c, name+"hash", r.hash(c, want.methodology, x), x.Hash())
}

func (r *run) judgeSheets(c *claim, prefix string, want, got sheet) {
	const none = "nothing"
	all := maps.Clone(got)
	maps.Copy(all, want)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r.judgeOne(c, prefix+name, or(want[name], none), or(got[name], none))
	}
}

// hash is that of the text which the documentation describes, of an explanation of what is
// claimed.
func (r *run) hash(c *claim, methodology string, x *impact.Explanation) string {
	programme := c.programme
	if programme == impact.AllProgrammes || methodology == impact.IDFunnel { // whose steps have programmes
		programme = ""
	}
	rows := [][]string{
		{"impactql-explain/1"},
		{"methodology", methodology},
		{"formula", x.Formula},
		{"company", r.ledger.Company.Key},
		{"programme", programme},
		{"start", c.days.From.String()},
		{"end", (c.days.To - 1).String()},
	}
	if x.Cohort != "" {
		rows = append(rows, []string{"cohort", x.Cohort})
	}
	for _, p := range x.Parameters {
		rows = append(rows, []string{"parameter", p.Name, p.Value, p.Unit, p.Source})
	}
	for _, in := range x.Inputs {
		rows = append(rows, []string{"input", in.Name, in.Value, in.Unit, in.Source, string(in.EvidenceGrade)})
	}
	var text strings.Builder
	for _, row := range rows {
		for i, field := range row {
			for _, escape := range [...][2]string{{`\`, `\\`}, {"\t", `\t`}, {"\n", `\n`}, {"\r", `\r`}} {
				field = strings.ReplaceAll(field, escape[0], escape[1])
			}
			row[i] = field
		}
		text.WriteString(strings.Join(row, "\t") + "\n")
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text.String())))
}
