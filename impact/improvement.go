package impact

import (
	"math/big"

	"github.com/RoaringBitmap/roaring/v2"
)

// SROI is the company's ratio over the reading, which needs [PartsSROI], and
// [PartAssessments] unless it is by [ImprovementMean] and [BaselineAssumed].
//
// The investment is the time of the tally volunteer_time in each segment at its
// rate, and the programme costs of the parameters. The confidence is
// the mean over all assessments of integration, language and job_readiness; one
// that states none counts as p.NoConfidence, and so does the mean of no
// assessment. The improvement in each of the three dimensions, in points of 0..1:
//
//	ASSUMED,  MEAN  max(0, mean of all scores - 0.3); every assessment weighs the same
//	ASSUMED,  SUM   sum over participants of max(0, own mean score - 0.3)
//	MEASURED, MEAN  max(0, mean over participants of (own mean score - own baseline))
//	MEASURED, SUM   sum over participants of max(0, own mean score - own baseline)
//
// where a participant's own baseline is their first score within the range if
// they were assessed there at least twice, else 0.3, and their mean score is over
// all their scores in the range, the first among them. No assessment is no
// improvement. See [SROITeei1] for the ratio itself.
func (r *Reading) SROI(p SROIParams) SROI {
	in := SROIInput{Costs: p.ProgrammeCosts}
	in.VolunteerMS = make(map[Day]int64, len(r.Segments))
	for _, s := range r.Segments {
		in.VolunteerMS[s.From] += s.Tallies[MeasureVolunteerTime].Sum
	}
	pooled := poolAll(r.total)
	in.Confidence = pooled.confidence(p.NoConfidence)
	in.Improvement = r.improvement(pooled, nil, p)
	return SROITeei1(in, p)
}

// SROIOf is the ratio of a set of participants; the reading needs [PartsCohort].
// The investment is the time that named volunteers gave in sessions with members,
// by segment; hours logged without a participant and programme costs are the
// company's and not shared out. Improvement and confidence are over the members'
// assessments, as in [Reading.SROI].
func (r *Reading) SROIOf(members *roaring.Bitmap, p SROIParams) SROI {
	var in SROIInput
	in.VolunteerMS = make(map[Day]int64, len(r.Segments))
	for _, s := range r.Segments {
		for who, sums := range s.Participants.All() {
			if sums.MS != 0 && members.Contains(who) {
				in.VolunteerMS[s.From] += sums.MS
			}
		}
	}
	pooled := poolOf(r.total, members)
	in.Confidence = pooled.confidence(p.NoConfidence)
	in.Improvement = r.improvement(pooled, members, p)
	return SROITeei1(in, p)
}

func (r *Reading) improvement(pooled *pool, members *roaring.Bitmap, p SROIParams) map[Dimension]*big.Rat {
	by := make(map[Dimension]*big.Rat, len(sroiDimensions))
	for _, d := range sroiDimensions {
		if p.Mode == ImprovementMean && p.Baseline == BaselineAssumed {
			by[d] = pooled.scores[d].mean()
			if by[d] != nil {
				by[d] = floor0(by[d].Sub(by[d], p.BaselineScore.rat()))
			}
			continue
		}
		by[d] = r.ownImprovement(d, members, p)
	}
	return by
}

// ownImprovement adds up or averages the participants' improvements. Scores are
// kept apart by how often their owners were assessed, so that the sum stays exact
// and cheap for a million participants.
func (r *Reading) ownImprovement(d Dimension, members *roaring.Bitmap, p SROIParams) *big.Rat {
	gains := make(map[int32]*gain)
	var people int64
	for who, sums := range r.total.Assessments.All() {
		a := &sums[d]
		if a.N == 0 || members != nil && !members.Contains(who) {
			continue
		}
		people++
		baseline := p.BaselineScore
		if p.Baseline == BaselineMeasured && a.N >= 2 {
			baseline = a.First
		}
		if p.Mode == ImprovementSum && a.Sum <= int64(a.N)*int64(baseline) {
			continue
		}
		g := gains[a.N]
		if g == nil {
			g = new(gain)
			gains[a.N] = g
		}
		g.scores += a.Sum
		g.baselines += int64(baseline)
	}
	total := new(big.Rat)
	for n, g := range gains {
		total.Add(total, big.NewRat(g.scores, int64(n)))
		total.Sub(total, ratInt(g.baselines))
	}
	total.Quo(total, ratInt(int64(One)))
	if p.Mode == ImprovementMean && people > 0 {
		total.Quo(total, ratInt(people))
	}
	return floor0(total)
}

// gain sums up, in millionths, participants who were assessed equally often.
type gain struct{ scores, baselines int64 }

func floor0(x *big.Rat) *big.Rat {
	if x.Sign() < 0 {
		return new(big.Rat)
	}
	return x
}

// pool is the assessments of a group, thrown together per dimension.
type pool struct{ scores, confidences [numDimensions]Tally }

// poolAll is the pool of everybody, from the tallies alone.
func poolAll(c *Cell) *pool {
	var p pool
	for _, d := range Dimensions {
		p.scores[d] = c.Tallies[MeasureScore(d)]
		p.confidences[d] = c.Tallies[MeasureConfidence(d)]
	}
	return &p
}

func poolOf(c *Cell, members *roaring.Bitmap) *pool {
	var p pool
	for who, sums := range c.Assessments.All() {
		if !members.Contains(who) {
			continue
		}
		for d := range sums {
			p.scores[d].add(int64(sums[d].N), sums[d].Sum)
			p.confidences[d].add(int64(sums[d].ConfidenceN), sums[d].ConfidenceSum)
		}
	}
	return &p
}

// confidence is the mean confidence of the assessments that a ratio is made of;
// nil where there are none.
func (p *pool) confidence(absent Micro) *big.Rat {
	var all Tally
	for _, d := range sroiDimensions {
		all.add(p.scores[d].N, p.confidences[d].Sum)
		all.Sum += (p.scores[d].N - p.confidences[d].N) * int64(absent)
	}
	return all.mean()
}
