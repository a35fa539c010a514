package model

import "github.com/impactql/impactql/impact"

// MethodologyOf is the methodology with an id that a figure carries.
func MethodologyOf(id string) *impact.Methodology { return impact.MethodologyByID(id) }

// ParameterDefault is the default of a parameter, nil where it is live.
func ParameterDefault(p *impact.Parameter) *string {
	if p.Default == "" {
		return nil
	}
	return &p.Default
}
