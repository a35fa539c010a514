package impact

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Settings are what a company chose, as far as figures depend on it. They are data
// like the event log: a figure is a function of both.
//
// What is dated holds from a day on, until the next version: the value of a day is
// that of the latest version with From up to it. Hours and counts take the value of
// the day on which they happened, to which end a reading is cut into segments; what
// can hold for a whole figure only (weights of a score, a default methodology) is
// that of the last day of its range. The calendar and MinGroup hold for every day at
// once. A nil *Settings are those of a company that chose nothing.
type Settings struct {
	Version  int64 // rises by 1 with every change; 0 before the first
	Calendar Calendar
	MinGroup int64 // k: groups of fewer people are suppressed

	HourlyValue     []Dated[decimal.Decimal] // USD
	ActivityWeights []Dated[ActivityWeights]
	VISWeights      []Dated[VISWeights]
	SROIMethodology []Dated[string]
	VISMethodology  []Dated[string]
	PeerGroups      []Dated[string]

	Costs    []ProgrammeCost  // in the order they were added
	Versions []SettingVersion // of all that is dated, by name and day
}

// DefaultMinGroup is k where a company chose none.
const DefaultMinGroup = 5

// Dated is a value that holds from a day on. A nil value is the default again.
type Dated[V any] struct {
	From  Day
	Value *V
}

// At is the value of a day, or nil where the default holds. Versions are by day.
func At[V any](versions []Dated[V], day Day) *V {
	at, found := slices.BinarySearchFunc(versions, day, func(v Dated[V], d Day) int { return int(v.From - d) })
	if found {
		at++
	}
	if at == 0 {
		return nil
	}
	return versions[at-1].Value
}

// SettingVersion is a version of a dated setting as it is stored.
type SettingVersion struct {
	Name  SettingName
	From  Day
	Value *string // in the text form of the setting; nil is the default again
}

// ProgrammeCost is what a programme cost over some days, beside the volunteers' time.
type ProgrammeCost struct {
	ID        int64
	Programme string // or [AllProgrammes]: the company's, of no programme
	Range     Range
	Amount    decimal.Decimal // USD
	Note      string
}

// Share is what the cost adds to a range, in USD: each of its days bears the same.
func (c *ProgrammeCost) Share(r Range) *big.Rat {
	days := c.Range.Clip(r)
	if days.To <= days.From {
		return new(big.Rat)
	}
	share := big.NewRat(int64(days.To-days.From), int64(c.Range.To-c.Range.From))
	return share.Mul(share, c.Amount.Rat())
}

// ProgrammeCosts is what a range bears of a programme's costs, in USD. Costs of no
// programme are in those of [AllProgrammes] alone: they are not shared out.
func (s *Settings) ProgrammeCosts(programme string, r Range) *big.Rat {
	sum := new(big.Rat)
	if s == nil {
		return sum
	}
	for i := range s.Costs {
		if c := &s.Costs[i]; programme == AllProgrammes || c.Programme == programme {
			sum.Add(sum, c.Share(r))
		}
	}
	return sum
}

// SROI is p with the company's hourly values and the costs of the question.
func (s *Settings) SROI(p SROIParams, q Question) SROIParams {
	if s != nil {
		p.OwnHourly = s.HourlyValue
		p.ProgrammeCosts = s.ProgrammeCosts(q.Programme, q.Range)
	}
	return p
}

// VIS is p with the company's weights for a range: those of its last day.
func (s *Settings) VIS(p VISParams, r Range) VISParams {
	if s == nil {
		return p
	}
	if w := At(s.VISWeights, r.To-1); w != nil {
		p.Hours, p.Quality, p.OutcomeLift, p.Placement = w.Hours, w.Quality, w.OutcomeLift, w.Placement
	}
	return p
}

// Activity is what activities are worth on a day.
func (s *Settings) Activity(day Day) ActivityWeights {
	if s != nil {
		if w := At(s.ActivityWeights, day); w != nil {
			return *w
		}
	}
	return DefaultActivityWeights
}

// DefaultSROIMethodology is the id of the methodology that a range is valued by
// where a question names none: that of its last day.
func (s *Settings) DefaultSROIMethodology(r Range) string {
	if s != nil {
		if id := At(s.SROIMethodology, r.To-1); id != nil {
			return *id
		}
	}
	return DefaultSROI.ID
}

// DefaultVISMethodology is likewise that of scores.
func (s *Settings) DefaultVISMethodology(r Range) string {
	if s != nil {
		if id := At(s.VISMethodology, r.To-1); id != nil {
			return *id
		}
	}
	return DefaultVIS.ID
}

// PeerGroup is the group of companies that a range is compared with: that of its last
// day; empty where the company is in none.
func (s *Settings) PeerGroup(r Range) string {
	if s != nil {
		if group := At(s.PeerGroups, r.To-1); group != nil {
			return *group
		}
	}
	return ""
}

// K is the size from which a group's figures are told.
func (s *Settings) K() int64 {
	if s == nil || s.MinGroup == 0 {
		return DefaultMinGroup
	}
	return s.MinGroup
}

// Cut is the range in pieces, in order, within which neither hours nor activities
// change their worth but at turns of years, when the default rates do.
func (s *Settings) Cut(r Range) []Range {
	cuts := s.cuts(r)
	if len(cuts) == 0 {
		return []Range{r}
	}
	pieces := make([]Range, 0, len(cuts)+1)
	for _, day := range cuts {
		pieces = append(pieces, Range{r.From, day})
		r.From = day
	}
	return append(pieces, r)
}

// Segment is the first day of a year within the range, by which a [Segment] of a
// reading is known.
func (r Range) Segment(year int) Day { return max(r.From, Date(year, 1, 1)) }

func (s *Settings) cuts(r Range) (cuts []Day) {
	if s == nil {
		return nil
	}
	add := func(day Day) {
		if r.From < day && day < r.To {
			cuts = append(cuts, day)
		}
	}
	for _, v := range s.HourlyValue {
		add(v.From)
	}
	for _, v := range s.ActivityWeights {
		add(v.From)
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// AddVersion takes up a stored version; versions of a setting come by day. The error
// is of a text that no version of this program wrote.
func (s *Settings) AddVersion(v SettingVersion) error {
	var err error
	switch v.Name {
	case SettingHourlyValue:
		s.HourlyValue, err = dated(s.HourlyValue, v, parseMoney)
	case SettingActivityWeights:
		s.ActivityWeights, err = dated(s.ActivityWeights, v, parseActivityWeights)
	case SettingVISWeights:
		s.VISWeights, err = dated(s.VISWeights, v, parseVISWeights)
	case SettingSROIMethodology:
		s.SROIMethodology, err = dated(s.SROIMethodology, v, anyText)
	case SettingVISMethodology:
		s.VISMethodology, err = dated(s.VISMethodology, v, anyText)
	case SettingPeerGroup:
		s.PeerGroups, err = dated(s.PeerGroups, v, anyText)
	case SettingTimeZone, SettingWeekStart, SettingFiscalStart, SettingMinGroup, SettingProgrammeCost:
	}
	s.Versions = append(s.Versions, v)
	return err
}

func dated[V any](list []Dated[V], v SettingVersion, parse func(string) (V, error)) ([]Dated[V], error) {
	if v.Value == nil {
		return append(list, Dated[V]{From: v.From}), nil
	}
	value, err := parse(*v.Value)
	return append(list, Dated[V]{v.From, &value}), err
}

func anyText(s string) (string, error) { return s, nil }

// ActivityWeights are what one activity is worth by teei-activity-1.0, USD.
type ActivityWeights struct{ Match, EventAttended, SkillShare, Feedback, Milestone, Checkin decimal.Decimal }

// DefaultActivityWeights are those of teei-activity-1.0. They must not be changed.
var DefaultActivityWeights = ActivityWeights{
	Match: decimal.NewFromInt(10), EventAttended: decimal.NewFromInt(5), SkillShare: decimal.NewFromInt(15),
	Feedback: decimal.NewFromInt(8), Milestone: decimal.NewFromInt(20), Checkin: decimal.NewFromInt(3),
}

// String is the text form.
func (w ActivityWeights) String() string {
	return pairs("match", w.Match, "eventAttended", w.EventAttended, "skillShare", w.SkillShare,
		"feedback", w.Feedback, "milestone", w.Milestone, "checkin", w.Checkin)
}

// Decimal is the value exactly.
func (m Micro) Decimal() decimal.Decimal { return m.decimal() }

// VISWeights are the weights of a VIS; they sum to 1.
type VISWeights struct{ Hours, Quality, OutcomeLift, Placement Micro }

// String is the text form.
func (w VISWeights) String() string {
	return pairs("hours", w.Hours.decimal(), "quality", w.Quality.decimal(),
		"outcomeLift", w.OutcomeLift.decimal(), "placement", w.Placement.decimal())
}

// pairs writes names and decimals in turn.
func pairs(list ...any) string {
	var b strings.Builder
	for i := 0; i+1 < len(list); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(list[i].(string))
		b.WriteByte('=')
		b.WriteString(list[i+1].(decimal.Decimal).String())
	}
	return b.String()
}

// TextAt is the value of a setting on a day, in its text form.
func (s *Settings) TextAt(name SettingName, day Day) string {
	r := Range{day, day + 1}
	switch name {
	case SettingHourlyValue:
		return s.SROI(DefaultSROI, Question{}).HourlyRate(day).String()
	case SettingActivityWeights:
		return s.Activity(day).String()
	case SettingVISWeights:
		p := s.VIS(DefaultVIS, r)
		return VISWeights{p.Hours, p.Quality, p.OutcomeLift, p.Placement}.String()
	case SettingSROIMethodology:
		return s.DefaultSROIMethodology(r)
	case SettingVISMethodology:
		return s.DefaultVISMethodology(r)
	case SettingPeerGroup:
		return s.PeerGroup(r)
	case SettingTimeZone:
		return s.Calendar.Location.String()
	case SettingWeekStart:
		return strings.ToUpper(s.Calendar.WeekStart.String())
	case SettingFiscalStart:
		return strconv.Itoa(int(max(s.Calendar.FiscalStart, time.January)))
	case SettingMinGroup:
		return strconv.FormatInt(s.K(), 10)
	case SettingProgrammeCost:
	}
	return ""
}
