package model

import "github.com/impactql/impactql/impact"

// Methodology is a released formula.
type Methodology struct {
	ID      string
	Formula string
}

// MethodologyOf is the methodology with an id that a figure carries.
func MethodologyOf(id string) *Methodology {
	switch id {
	case impact.DefaultSROI.ID:
		return &Methodology{id, "(150 integration + 500 language + 300 job readiness, x 0.8 below a confidence of 0.7) / " +
			"(volunteer hours x hourly value + programme costs)"}
	case impact.DefaultVIS.ID:
		return &Methodology{id, "0.30 hours + 0.30 quality + 0.25 outcome lift + 0.15 placement"}
	}
	return &Methodology{ID: id}
}
