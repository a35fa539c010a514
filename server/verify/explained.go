package verify

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"

	"github.com/impactql/impactql/impact"
)

// scored are the dimensions of the inputs of teei-vis-1.0 and of teei-1.0.
var (
	scoredVIS  = []impact.Dimension{impact.Confidence, impact.Belonging, impact.WellBeing, impact.JobReadiness}
	scoredTeei = []impact.Dimension{impact.Integration, impact.Language, impact.JobReadiness}
)

// exact is a number of an explanation, in lowest terms.
func (f *figures) exact(name string, x *big.Rat) { f.say(name, x.RatString()) }

// whole are the inputs of explanations that are counts.
func (f *figures) whole(prefix string, counts map[string]int64, names ...string) {
	for _, name := range names {
		f.exact(prefix+name, ratio(counts[name], 1))
	}
}

var (
	kindNames = func() (names []string) {
		for k := impact.KindUnknown; k <= impact.KindDirectory; k++ {
			names = append(names, "count."+k.String())
		}
		return names
	}()
	metricsCounts = append([]string{"time", "participants", "volunteers", "known", "enrolments", "enrolmentsCompleted"}, kindNames...)
	visCounts     = []string{"time", "volunteers", "improved", "assessedTwice", "placed", "jobReady"}
)

// explained are the inputs by the log of the explanations of metrics, of the score by
// teei-vis-1.0 and of the ratio by teei-1.0.
func (a *account) explained(h *history) (list figures) {
	participants, volunteers, placed := a.counts()
	ms := sumOf(a.time)
	counts := map[string]int64{
		"time": ms, "participants": participants, "volunteers": volunteers, "known": int64(len(h.known)),
		"enrolments": int64(len(h.enrolled)), "enrolmentsCompleted": int64(len(h.finished)), "placed": placed,
	}
	for k, n := range a.kinds {
		counts["count."+k.String()] = n
	}
	list.say("explained metrics hash", documented)
	list.whole("explained metrics ", counts, metricsCounts...)
	if ms == 0 {
		counts["volunteers"] = 0
	}
	for p := range a.everybody {
		gain, again := p.gain()
		if again {
			counts["assessedTwice"]++
		}
		if gain > 0 {
			counts["improved"]++
		}
		if p.ready {
			counts["jobReady"]++
		}
	}
	list.say("explained vis hash", documented)
	list.whole("explained vis ", counts, visCounts...)
	list.exact("explained vis rating.sum", ratio(a.ratings, million))
	list.exact("explained vis rating.count", ratio(a.rated, 1))
	for _, d := range scoredVIS {
		list.scores("explained vis score."+d.String(), a, d, false)
	}
	list.say("explained sroi hash", documented)
	list.exact("explained sroi time", ratio(ms, 1))
	for _, d := range scoredTeei {
		list.scores("explained sroi score."+d.String(), a, d, false)
		list.scores("explained sroi confidence."+d.String(), a, d, true)
	}
	return list
}

// scores are the sum and the number of the scores in a dimension, or of the confidences
// that were stated.
func (f *figures) scores(name string, a *account, d impact.Dimension, confidence bool) {
	var sum, n int64
	for p := range a.everybody {
		s := &p.assessed[d]
		if confidence {
			sum, n = sum+s.certain, n+s.stated
		} else {
			sum, n = sum+s.sum, n+s.n
		}
	}
	f.exact(name+".sum", ratio(sum, million))
	f.exact(name+".count", ratio(n, 1))
}

// explainedBy are the same as readers explain them.
func explainedBy(f *impact.Figures, company string) (list figures, err error) {
	live, err := f.Basis.SROI(impact.IDTeei1, nil, impact.AllTime)
	if err != nil {
		return nil, err
	}
	metrics, vis, sroi := f.ExplainMetrics(company), f.ExplainVIS(company), live.Explain(company, f.Question)
	list.say("explained metrics hash", hashOf(metrics))
	list.inputs("explained metrics ", metrics, metricsCounts...)
	list.say("explained vis hash", hashOf(vis))
	list.inputs("explained vis ", vis, visCounts...)
	list.inputs("explained vis ", vis, "rating.sum", "rating.count")
	for _, d := range scoredVIS {
		list.inputs("explained vis ", vis, "score."+d.String()+".sum", "score."+d.String()+".count")
	}
	list.say("explained sroi hash", hashOf(sroi))
	list.inputs("explained sroi ", sroi, "time")
	for _, d := range scoredTeei {
		for _, of := range [...]string{"score.", "confidence."} {
			list.inputs("explained sroi ", sroi, of+d.String()+".sum", of+d.String()+".count")
		}
	}
	return list, nil
}

// inputs are those of an explanation by name, 0 if they are not there; one that is told by
// days is added up.
func (f *figures) inputs(prefix string, x *impact.Explanation, names ...string) {
	for _, name := range names {
		sum := new(big.Rat)
		for _, in := range x.Inputs {
			if in.Name == name || strings.HasPrefix(in.Name, name+"[") {
				sum = plus(sum, numeral(in.Value))
			}
		}
		f.exact(prefix+name, sum)
	}
}

const documented = "that of the documented text"

// hashOf says whether the hash of an explanation is that of the text which the
// documentation describes.
func hashOf(x *impact.Explanation) string {
	programme := x.Programme
	if programme == impact.AllProgrammes {
		programme = ""
	}
	rows := [][]string{
		{"impactql-explain/1"}, {"methodology", x.Methodology}, {"formula", x.Formula}, {"company", x.Company}, {"programme", programme},
		{"start", x.Range.From.String()}, {"end", (x.Range.To - 1).String()},
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
	if hash := fmt.Sprintf("%x", sha256.Sum256([]byte(text.String()))); hash != x.Hash() {
		return x.Hash()
	}
	return documented
}
