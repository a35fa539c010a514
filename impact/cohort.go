package impact

// Cohort is the figures of a group of participants over the reading, which needs
// [PartsCohort].
//
//   - ParticipantCount = members active as participants in the range.
//   - CompletionRate is over the enrolments of members, as in [Reading.Metrics].
//   - SROI is the company's for everybody, else [Reading.SROIOf] of the members.
//   - AvgVIS is [Reading.AvgVIS] of the members.
//
// A cohort other than everybody that is withheld, see [Reading.Withheld], or has fewer
// than k active members, is suppressed: it keeps its names and parameters, every figure
// is zero and the ratio null.
func (r *Reading) Cohort(m Members, sroi SROIParams, vis VISParams) Cohort {
	c := Cohort{Key: m.Key, Name: m.Name}
	if m.People == nil {
		c.ParticipantCount = r.total.Count(SetParticipants)
		c.SROI = r.SROI(sroi)
		c.Basis = r.Basis()
	} else {
		c.ParticipantCount = int64(m.People.AndCardinality(r.total.Members(SetParticipants)))
		if m.Withheld || c.ParticipantCount < r.Settings.K() {
			c.Suppressed, c.ParticipantCount = true, 0
			c.SROI = SROI{
				Methodology:     sroi.ID,
				Status:          FigureInsufficientData,
				ImprovementMode: sroi.Mode,
				Baseline:        sroi.Baseline,
			}
			return c
		}
		c.SROI = r.SROIOf(m.People, sroi)
		c.Basis = r.basisOf(m.People)
	}
	c.CompletionRate = r.completionRate(m.People)
	c.AvgVIS = r.AvgVIS(m.People, vis)
	return c
}
