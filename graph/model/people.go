package model

import (
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// VolunteerConnection is a page of volunteers.
type VolunteerConnection struct {
	Nodes []*Volunteer
	more  bool
}

// NewVolunteerConnection is a roster as the graph shows it.
// explained is of the person at a place.
func NewVolunteerConnection(r *impact.Roster, explained func(place int) Explained) *VolunteerConnection {
	c := &VolunteerConnection{Nodes: make([]*Volunteer, len(r.People)), more: r.More}
	for i, p := range r.People {
		c.Nodes[i] = &Volunteer{p, explained(i)}
	}
	return c
}

// Edges are the volunteers with their cursors.
func (c *VolunteerConnection) Edges() []*VolunteerEdge {
	edges := make([]*VolunteerEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &VolunteerEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *VolunteerConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.more}
	if n := len(c.Nodes); n > 0 {
		end := Cursor(c.Nodes[n-1].of.Cursor)
		p.EndCursor = &end
	}
	return p
}

// VolunteerEdge is a volunteer in a page.
type VolunteerEdge struct{ Node *Volunteer }

// Cursor is what stands for their place in the list.
func (e *VolunteerEdge) Cursor() string { return Cursor(e.Node.of.Cursor) }

// Volunteer is somebody who volunteered.
type Volunteer struct {
	of        *impact.Person
	explained Explained
}

// Key is the one that events name.
func (v *Volunteer) Key() string { return v.of.Key }

// Vis is their score.
func (v *Volunteer) Vis() *VIS {
	return &VIS{
		VIS: &v.of.VIS, events: v.explained.Events,
		explain: func() *impact.Explanation { return v.of.ExplainVIS(v.explained.Company) },
	}
}

// Hours are those given.
func (v *Volunteer) Hours() decimal.Decimal { return v.of.Hours }

// Sessions are those held, and what was logged.
func (v *Volunteer) Sessions() int64 { return v.of.Sessions }

// ParticipantsMet is how many.
func (v *Volunteer) ParticipantsMet() int64 { return v.of.Met }

// Months are those in which they did something.
func (v *Volunteer) Months() []*VolunteerMonth {
	months := make([]*VolunteerMonth, len(v.of.Months))
	for i := range v.of.Months {
		months[i] = &VolunteerMonth{&v.of.Months[i]}
	}
	return months
}

// Programmes are those in which they were active.
func (v *Volunteer) Programmes() []string { return v.of.Programmes }

// VolunteerMonth is a month of a volunteer.
type VolunteerMonth struct{ of *impact.PersonMonth }

// Month is its first day.
func (m *VolunteerMonth) Month() impact.Day { return m.of.Month }

// Hours are those given.
func (m *VolunteerMonth) Hours() decimal.Decimal { return m.of.Hours }

// Sessions are those held, and what was logged.
func (m *VolunteerMonth) Sessions() int64 { return m.of.Sessions }

// ParticipantsMet is how many.
func (m *VolunteerMonth) ParticipantsMet() int64 { return m.of.Met }

// ParticipantConnection is a page of participants.
type ParticipantConnection struct {
	Nodes []*Participant
	more  bool
}

// NewParticipantConnection is a roster as the graph shows it.
func NewParticipantConnection(r *impact.Roster) *ParticipantConnection {
	c := &ParticipantConnection{Nodes: make([]*Participant, len(r.People)), more: r.More}
	for i, p := range r.People {
		c.Nodes[i] = &Participant{p}
	}
	return c
}

// Edges are the participants with their cursors.
func (c *ParticipantConnection) Edges() []*ParticipantEdge {
	edges := make([]*ParticipantEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &ParticipantEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *ParticipantConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.more}
	if n := len(c.Nodes); n > 0 {
		end := Cursor(c.Nodes[n-1].of.Cursor)
		p.EndCursor = &end
	}
	return p
}

// ParticipantEdge is a participant in a page.
type ParticipantEdge struct{ Node *Participant }

// Cursor is what stands for their place in the list.
func (e *ParticipantEdge) Cursor() string { return Cursor(e.Node.of.Cursor) }

// Participant is somebody who took part.
type Participant struct{ of *impact.Person }

// Key is the one that events name.
func (p *Participant) Key() string { return p.of.Key }

// Hours are those received.
func (p *Participant) Hours() decimal.Decimal { return p.of.Hours }

// VolunteersMet is how many.
func (p *Participant) VolunteersMet() int64 { return p.of.Met }

// Ratings is how many they gave.
func (p *Participant) Ratings() int64 { return p.of.Ratings.N }

const scorePlaces = 4

// MeanRating is null without ratings.
func (p *Participant) MeanRating() decimal.NullDecimal {
	n := p.of.Ratings.N
	if n == 0 {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(decimal.NewFromInt(p.of.Ratings.Sum).DivRound(decimal.NewFromInt(n*int64(impact.One)), scorePlaces))
}

// Assessments are those there are, by dimension.
func (p *Participant) Assessments() []*ParticipantAssessment {
	list := []*ParticipantAssessment{}
	for _, d := range impact.Dimensions {
		if a := &p.of.Assessed[d]; a.N > 0 {
			list = append(list, &ParticipantAssessment{
				Dimension: d.String(), Count: int64(a.N),
				First: a.First.Decimal().Round(scorePlaces), Last: a.Last.Decimal().Round(scorePlaces),
			})
		}
	}
	return list
}

// ParticipantAssessment is how somebody was assessed in a dimension.
type ParticipantAssessment struct {
	Dimension   string
	Count       int64
	First, Last decimal.Decimal
}

// Months are those in which they received time or rated.
func (p *Participant) Months() []*ParticipantMonth {
	months := make([]*ParticipantMonth, len(p.of.Months))
	for i := range p.of.Months {
		months[i] = &ParticipantMonth{&p.of.Months[i]}
	}
	return months
}

// Programmes are those in which they were active.
func (p *Participant) Programmes() []string { return p.of.Programmes }

// ParticipantMonth is a month of a participant.
type ParticipantMonth struct{ of *impact.PersonMonth }

// Month is its first day.
func (m *ParticipantMonth) Month() impact.Day { return m.of.Month }

// Hours are those received.
func (m *ParticipantMonth) Hours() decimal.Decimal { return m.of.Hours }
