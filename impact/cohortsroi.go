package impact

import (
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// basisOf is the numbers of a set of participants: the time that named volunteers gave in
// sessions with them, what they were assessed at and who was placed. What the log does
// not keep by person is not there: counts of events, the company's other hours and its
// costs.
func (r *Reading) basisOf(members *roaring.Bitmap) *Basis {
	b := &Basis{Question: r.Question, Settings: r.Settings, pooled: poolOf(r.total, members), members: true}
	for _, s := range r.Segments {
		segment := basisSegment{from: s.From}
		for who, sums := range s.Participants.All() {
			if sums.MS != 0 && members.Contains(who) {
				segment.ms += sums.MS
			}
		}
		b.segments = append(b.segments, segment)
	}
	placed := r.total.Members(SetPlaced)
	b.People.Placed = int64(placed.AndCardinality(members))
	k, others := r.Settings.K(), int64(placed.GetCardinality())-b.People.Placed
	b.fewPlaced = 0 < b.People.Placed && b.People.Placed < k || 0 < others && others < k
	return b
}

// SROIBy is the cohort's ratio by a methodology; nil if it would tell of fewer than k
// people. Of everybody it is the company's. The empty id is the company's default if that
// is one that every cohort can have, teei-1.0 or teei-npv-1.0, and else teei-1.0, so that
// the cohorts of a list are of one methodology. Errors, of [CodeInvalid]: one of [FindMethodology]; the methodology takes what a cohort
// does not have.
func (c *Cohort) SROIBy(id string) (*LiveSROI, error) {
	b := c.Basis
	if id == "" {
		if id = b.Settings.DefaultSROIMethodology(b.Range); id != IDNPV {
			id = IDTeei1
		}
	}
	if _, err := FindMethodology(id, FigureSROI); err != nil {
		return nil, err
	}
	switch {
	case id == IDTeei1:
		return &LiveSROI{SROI: c.SROI}, nil
	case id == IDSVI:
		return nil, notOfACohort(id, "is worked out from the company's value map")
	case id == IDActivity && b.members:
		return nil, notOfACohort(id, "counts events, which are not kept by person")
	case id == IDActivity && b.Range == AllTime:
		return nil, &Error{CodeInvalid, "/period", "the months that " + id + " counts are those of a period: give one, or ask for the company's `sroi`"}
	case id == IDNPV && b.fewPlaced:
		return nil, nil //nolint:nilnil // withheld
	}
	return b.SROI(id, nil, AllTime)
}

// CheckCohortVIS reports, likewise, a methodology by which cohorts have no score:
// teei-vis-1.0 alone, which the empty id is too, is a score of each volunteer, of which a
// cohort's is the mean.
func CheckCohortVIS(id string) error {
	if id == "" {
		return nil
	}
	if _, err := FindMethodology(id, FigureVIS); err != nil {
		return err
	}
	if id != IDVis1 {
		return notOfACohort(id, "scores a company and not each of its volunteers")
	}
	return nil
}

func notOfACohort(id, why string) error {
	return &Error{CodeInvalid, "/methodology", fmt.Sprintf("%s %s: name another methodology, or ask for the figure of the company", id, why)}
}
