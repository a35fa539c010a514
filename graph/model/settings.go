package model

import (
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Settings are a company's settings as they hold on a day.
type Settings struct {
	of  *impact.Settings
	day impact.Day
}

// SettingsAt are settings as they hold on a day.
func SettingsAt(s *impact.Settings, day impact.Day) *Settings { return &Settings{s, day} }

// Version rises with each change.
func (s *Settings) Version() int64 { return s.of.Version }

// At is the day.
func (s *Settings) At() impact.Day { return s.day }

// HourlyValue is what a volunteer's hour is worth.
func (s *Settings) HourlyValue() decimal.Decimal {
	return s.of.SROI(impact.DefaultSROI, impact.Question{}).HourlyRate(s.day)
}

// ActivityWeights are what activities are worth.
func (s *Settings) ActivityWeights() *impact.ActivityWeights {
	w := s.of.Activity(s.day)
	return &w
}

func (s *Settings) today() impact.Range { return impact.Range{From: s.day, To: s.day + 1} }

// VisWeights are the weights of a score.
func (s *Settings) VisWeights() *VISWeights {
	p := s.of.VIS(impact.DefaultVIS, s.today())
	return &VISWeights{p.Hours.Decimal(), p.Quality.Decimal(), p.OutcomeLift.Decimal(), p.Placement.Decimal()}
}

// VISWeights are weights as numbers.
type VISWeights struct{ Hours, Quality, OutcomeLift, Placement decimal.Decimal }

// SroiMethodology is the default methodology of returns.
func (s *Settings) SroiMethodology() string { return s.of.DefaultSROIMethodology(s.today()) }

// VisMethodology is the default methodology of scores.
func (s *Settings) VisMethodology() string { return s.of.DefaultVISMethodology(s.today()) }

// PeerGroup is nil for none.
func (s *Settings) PeerGroup() *string {
	if group := s.of.PeerGroup(s.today()); group != "" {
		return &group
	}
	return nil
}

// ProgrammeCosts are all lines of costs.
func (s *Settings) ProgrammeCosts() []*ProgrammeCost {
	list := make([]*ProgrammeCost, len(s.of.Costs))
	for i := range s.of.Costs {
		list[i] = &ProgrammeCost{&s.of.Costs[i]}
	}
	return list
}

// TimeZone is the zone's IANA name.
func (s *Settings) TimeZone() string { return s.of.Calendar.Location.String() }

// WeekStart is the first day of weeks.
func (s *Settings) WeekStart() time.Weekday { return s.of.Calendar.WeekStart }

// FiscalYearStart is a month.
func (s *Settings) FiscalYearStart() int { return int(max(s.of.Calendar.FiscalStart, time.January)) }

// MinGroup is k.
func (s *Settings) MinGroup() int64 { return s.of.K() }

// ProgrammeCost is a line of costs.
type ProgrammeCost struct{ of *impact.ProgrammeCost }

// ID is the line's number.
func (c *ProgrammeCost) ID() string { return strconv.FormatInt(c.of.ID, 10) }

// Programme is nil for the company's own.
func (c *ProgrammeCost) Programme() *string {
	if c.of.Programme == impact.AllProgrammes {
		return nil
	}
	return &c.of.Programme
}

// From is the first day.
func (c *ProgrammeCost) From() impact.Day { return c.of.Range.From }

// To is the last day.
func (c *ProgrammeCost) To() impact.Day { return c.of.Range.To - 1 }

// Amount is in USD.
func (c *ProgrammeCost) Amount() decimal.Decimal { return c.of.Amount }

// Note is what it was for.
func (c *ProgrammeCost) Note() string { return c.of.Note }

// SettingVersion is a version of a dated setting.
type SettingVersion struct{ of impact.SettingVersion }

// SettingVersions are all versions of dated settings.
func SettingVersions(s *impact.Settings) []*SettingVersion {
	list := make([]*SettingVersion, len(s.Versions))
	for i, v := range s.Versions {
		list[i] = &SettingVersion{v}
	}
	return list
}

// Name is the setting's.
func (v *SettingVersion) Name() string { return string(v.of.Name) }

// ValidFrom is the first day.
func (v *SettingVersion) ValidFrom() impact.Day { return v.of.From }

// Value is nil for the default.
func (v *SettingVersion) Value() *string { return v.of.Value }

// AuditConnection is a page of the audit log.
type AuditConnection struct {
	Nodes       []*AuditEntry
	HasNextPage bool
}

// NewAuditConnection is a page of up to first of the entries.
func NewAuditConnection(entries []*impact.AuditEntry, first int) *AuditConnection {
	c := &AuditConnection{HasNextPage: len(entries) > first, Nodes: []*AuditEntry{}}
	for _, e := range entries[:min(first, len(entries))] {
		c.Nodes = append(c.Nodes, &AuditEntry{e})
	}
	return c
}

// Edges are the changes with their cursors.
func (c *AuditConnection) Edges() []*AuditEdge {
	edges := make([]*AuditEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &AuditEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *AuditConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Nodes); n > 0 {
		end := c.Nodes[n-1].cursor()
		p.EndCursor = &end
	}
	return p
}

// AuditEdge is a change in a page.
type AuditEdge struct{ Node *AuditEntry }

// Cursor is what stands for the change's place in the list.
func (e *AuditEdge) Cursor() string { return e.Node.cursor() }

// AuditEntry is a change.
type AuditEntry struct{ of *impact.AuditEntry }

func (e *AuditEntry) cursor() string { return Cursor(strconv.FormatInt(e.of.ID, 10)) }

// At is when.
func (e *AuditEntry) At() string { return e.of.At.UTC().Format(time.RFC3339) }

// Actor is who.
func (e *AuditEntry) Actor() string { return e.of.Actor }

// Setting is what.
func (e *AuditEntry) Setting() string { return e.of.Subject }

// ValidFrom is the version's first day.
func (e *AuditEntry) ValidFrom() *impact.Day { return e.of.From }

// From is what was there.
func (e *AuditEntry) From() *string { return e.of.Old }

// To is what is there now.
func (e *AuditEntry) To() *string { return e.of.New }

// Version is that of the settings after it.
func (e *AuditEntry) Version() int64 { return e.of.Version }

// MarshalWeekday writes MONDAY to SUNDAY.
func MarshalWeekday(d time.Weekday) graphql.Marshaler {
	return graphql.MarshalString(strings.ToUpper(d.String()))
}

// UnmarshalWeekday reads them.
func UnmarshalWeekday(v any) (time.Weekday, error) {
	s, _ := v.(string)
	return impact.ParseWeekday(s)
}

// SettingsInput is what to change; nil is left as it is.
type SettingsInput struct {
	HourlyValue          *HourlyValueInput
	ActivityWeights      *ActivityWeightsInput
	VisWeights           *VISWeightsInput
	SroiMethodology      *MethodologyInput
	VisMethodology       *MethodologyInput
	PeerGroup            *PeerGroupInput
	RemoveVersions       []*SettingVersionInput
	AddProgrammeCosts    []*ProgrammeCostInput
	RemoveProgrammeCosts []string
	TimeZone             *string
	WeekStart            *time.Weekday
	FiscalYearStart      *int
	MinGroup             *int
}

// HourlyValueInput is a version of the value of an hour.
type HourlyValueInput struct {
	Value     *decimal.Decimal
	ValidFrom *impact.Day
}

// ActivityWeightsInput is a version of the worth of activities.
type ActivityWeightsInput struct {
	Match, EventAttended, SkillShare, Feedback, Milestone, Checkin decimal.Decimal

	ValidFrom *impact.Day
}

// VISWeightsInput is a version of the weights of scores.
type VISWeightsInput struct {
	Hours, Quality, OutcomeLift, Placement decimal.Decimal

	ValidFrom *impact.Day
}

// MethodologyInput is a version of a default methodology.
type MethodologyInput struct {
	ID        *string
	ValidFrom *impact.Day
}

// PeerGroupInput is a version of the peer group.
type PeerGroupInput struct {
	Group     *string
	ValidFrom *impact.Day
}

// SettingVersionInput names a version.
type SettingVersionInput struct {
	Name      string
	ValidFrom impact.Day
}

// ProgrammeCostInput is a line of costs.
type ProgrammeCostInput struct {
	Programme *string
	From, To  impact.Day
	Amount    decimal.Decimal
	Note      *string
}
