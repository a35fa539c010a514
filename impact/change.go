package impact

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// SettingName names a setting, in every API and in the database.
type SettingName string

// The settings. Each has a text form:
//
//	hourlyValue      USD an hour, such as 31.80                                   dated
//	activityWeights  match=10,eventAttended=5,skillShare=15,...: USD each         dated
//	visWeights       hours=0.3,quality=0.3,outcomeLift=0.25,placement=0.15        dated
//	sroiMethodology  the id of a methodology                                      dated
//	visMethodology   likewise                                                     dated
//	peerGroup        a key: the companies of one compare figures; default none    dated
//	timeZone         an IANA name, such as Europe/Oslo                            at once
//	weekStart        MONDAY to SUNDAY                                             at once
//	fiscalYearStart  a month, 1 to 12                                             at once
//	minGroup         people, 3 to 1000                                            at once
const (
	SettingHourlyValue     SettingName = "hourlyValue"
	SettingActivityWeights SettingName = "activityWeights"
	SettingVISWeights      SettingName = "visWeights"
	SettingSROIMethodology SettingName = "sroiMethodology"
	SettingVISMethodology  SettingName = "visMethodology"
	SettingPeerGroup       SettingName = "peerGroup"

	SettingTimeZone    SettingName = "timeZone"
	SettingWeekStart   SettingName = "weekStart"
	SettingFiscalStart SettingName = "fiscalYearStart"
	SettingMinGroup    SettingName = "minGroup"

	SettingProgrammeCost SettingName = "programmeCost" // a list of lines, see [SettingChange.Cost]
)

// SettingNames lists the settings that have a text form: the dated, then the others.
var SettingNames = []SettingName{
	SettingHourlyValue, SettingActivityWeights, SettingVISWeights, SettingSROIMethodology, SettingVISMethodology, SettingPeerGroup,
	SettingTimeZone, SettingWeekStart, SettingFiscalStart, SettingMinGroup,
}

// IsDated reports whether the setting holds from a day on.
func (n SettingName) IsDated() bool {
	return slices.Index(SettingNames, n) < 6 && n != SettingProgrammeCost
}

// SettingChange is a change of one setting, by exactly one of the ways below.
type SettingChange struct {
	Name SettingName
	// From is the first day of a dated setting's new version; nil is today. A version
	// of that very day is replaced.
	From *Day
	// Value is the new value in the setting's text form; nil is the default.
	Value *string
	// Remove takes the version of From away, as if it had never been; of a cost, the
	// line Cost.ID.
	Remove bool
	// Cost is a line to add to the programme costs, or to remove.
	Cost *ProgrammeCost
}

// Bounds of settings.
const (
	minMinGroup = 3
	maxMinGroup = 1000
	maxNote     = 200 // bytes
)

// Check makes the change canonical, or says with an [Error] of [CodeInvalid] what is
// wrong with it. Pointers are into the change: /validFrom, /value or a field of a cost.
func (c *SettingChange) Check(today Day) error {
	if c.Name == SettingProgrammeCost {
		return c.checkCost()
	}
	if !slices.Contains(SettingNames, c.Name) {
		names := make([]string, len(SettingNames))
		for i, n := range SettingNames {
			names[i] = string(n)
		}
		return Errorf(CodeInvalid, "unknown setting %q: use %s", shortened(string(c.Name)), strings.Join(names, ", "))
	}
	if !c.Name.IsDated() {
		switch {
		case c.From != nil:
			return invalidAt("/validFrom", "%s holds for every day at once: leave the date out", c.Name)
		case c.Remove:
			return invalidAt("/value", "%s has no versions to remove: set it to another value", c.Name)
		}
	}
	if c.Name.IsDated() && c.From == nil {
		if c.Remove {
			return invalidAt("/validFrom", "say which version to remove, by its first day")
		}
		c.From = &today
	}
	if c.From != nil {
		if *c.From < MinDay || *c.From >= MaxDay {
			return invalidAt("/validFrom", "use a date of the years %d..%d", minYear, maxYear)
		}
		if *c.From > today && !c.Remove && c.Name != SettingHourlyValue && c.Name != SettingActivityWeights {
			return invalidAt("/validFrom", "%s holds for whole figures, by their last day, so it cannot be set ahead: "+
				"use a day up to %s, and make the change when it is due", c.Name, today)
		}
	}
	if c.Value == nil || c.Remove {
		return nil
	}
	text, err := canonicalSetting(c.Name, *c.Value)
	if err != nil {
		return err
	}
	c.Value = &text
	return nil
}

func (c *SettingChange) checkCost() error {
	line := c.Cost
	switch {
	case line == nil:
		return invalidAt("", "a change of programmeCost needs a line")
	case c.Remove:
		return nil
	case line.Programme != AllProgrammes && !ValidKey(line.Programme):
		return invalidAt("/programme", "use 1 to %d of the characters A-Z a-z 0-9 _ . @ : -, or leave it out for costs of no programme", MaxKey)
	case line.Range.From < MinDay || line.Range.To > MaxDay:
		return invalidAt("/from", "use dates of the years %d..%d", minYear, maxYear)
	case line.Range.To <= line.Range.From:
		return invalidAt("/to", "the last day lies before the first: swap them")
	case len(line.Note) > maxNote || !utf8.ValidString(line.Note) || strings.ContainsRune(line.Note, 0):
		return invalidAt("/note", "use at most %d bytes of UTF-8", maxNote)
	}
	if !moneyForm.MatchString(line.Amount.String()) {
		return invalidAt("/amount", "use an amount from 0 to 999999999999 with at most 2 places")
	}
	return nil
}

// canonicalSetting is the one spelling of a value.
func canonicalSetting(name SettingName, text string) (string, error) {
	text = strings.TrimSpace(text)
	switch name {
	case SettingHourlyValue:
		v, err := parseMoney(text)
		return v.String(), err
	case SettingActivityWeights:
		w, err := parseActivityWeights(text)
		return w.String(), err
	case SettingVISWeights:
		w, err := parseVISWeights(text)
		return w.String(), err
	case SettingSROIMethodology:
		return oneOf(text, SROIMethodologies)
	case SettingVISMethodology:
		return oneOf(text, VISMethodologies)
	case SettingPeerGroup:
		if !ValidKey(text) {
			return "", invalidAt("/value", "a peer group is 1 to %d of the characters A-Z a-z 0-9 _ . @ : -; the default is none", MaxKey)
		}
		return strings.ToLower(text), nil
	case SettingTimeZone:
		loc, err := time.LoadLocation(text)
		if err != nil || text == "" || strings.EqualFold(text, "local") {
			return "", invalidAt("/value", "unknown time zone %q: use an IANA name such as Europe/Oslo", shortened(text))
		}
		return loc.String(), nil
	case SettingWeekStart:
		d, err := ParseWeekday(text)
		return strings.ToUpper(d.String()), err
	case SettingFiscalStart:
		n, ok := number(text, 1, 12)
		if !ok {
			return "", invalidAt("/value", "the fiscal year starts in a month, 1 to 12")
		}
		return strconv.Itoa(n), nil
	case SettingMinGroup:
		n, ok := number(text, minMinGroup, maxMinGroup)
		if !ok {
			return "", invalidAt("/value", "the smallest group to tell of has %d to %d people", minMinGroup, maxMinGroup)
		}
		return strconv.Itoa(n), nil
	case SettingProgrammeCost:
	}
	return "", invalidAt("/value", "%s has no value", name)
}

// SROIMethodologies and VISMethodologies are the ids that a company can choose from.
var (
	SROIMethodologies = methodologyIDs(FigureSROI)
	VISMethodologies  = methodologyIDs(FigureVIS)
)

func oneOf(text string, list []string) (string, error) {
	if !slices.Contains(list, text) {
		return "", invalidAt("/value", "unknown methodology %q: use %s", shortened(text), strings.Join(list, ", "))
	}
	return text, nil
}

// ParseWeekday reads MONDAY to SUNDAY, in any case.
func ParseWeekday(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String(), text) {
			return d, nil
		}
	}
	return 0, invalidAt("/value", "the week starts on a day from MONDAY to SUNDAY")
}

var moneyForm = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,2})?$`)

func parseMoney(text string) (decimal.Decimal, error) {
	if !moneyForm.MatchString(text) {
		return decimal.Zero, invalidAt("/value", "use an amount in USD from 0 to 999999999999 with at most 2 places, such as 31.80")
	}
	return decimal.NewFromString(text)
}

func parseActivityWeights(text string) (w ActivityWeights, err error) {
	err = parsePairs(text, map[string]func(string) error{
		"match": moneyInto(&w.Match), "eventAttended": moneyInto(&w.EventAttended), "skillShare": moneyInto(&w.SkillShare),
		"feedback": moneyInto(&w.Feedback), "milestone": moneyInto(&w.Milestone), "checkin": moneyInto(&w.Checkin),
	})
	return w, err
}

func moneyInto(to *decimal.Decimal) func(string) error {
	return func(text string) (err error) {
		*to, err = parseMoney(text)
		return err
	}
}

var weightForm = regexp.MustCompile(`^(0|1|[01]?\.[0-9]{1,6})$`)

func parseVISWeights(text string) (w VISWeights, err error) {
	into := func(to *Micro) func(string) error {
		return func(text string) error {
			if !weightForm.MatchString(text) {
				return invalidAt("/value", "a weight is a number from 0 to 1 with at most 6 places")
			}
			d, err := decimal.NewFromString(text)
			*to = Micro(d.Shift(6).IntPart())
			return err
		}
	}
	if err := parsePairs(text, map[string]func(string) error{
		"hours": into(&w.Hours), "quality": into(&w.Quality), "outcomeLift": into(&w.OutcomeLift), "placement": into(&w.Placement),
	}); err != nil {
		return w, err
	}
	p := DefaultVIS
	p.Hours, p.Quality, p.OutcomeLift, p.Placement = w.Hours, w.Quality, w.OutcomeLift, w.Placement
	return w, p.Validate()
}

// parsePairs reads name=value,name=value: every name once.
func parsePairs(text string, into map[string]func(string) error) error {
	left := make(map[string]bool, len(into))
	for name := range into {
		left[name] = true
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !left[name] {
			return invalidAt("/value", "unknown or repeated name %q: give %s, once each", shortened(name), namesOf(into))
		}
		delete(left, name)
		if err := into[name](strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return invalidAt("/value", "give %s, once each, as name=value,name=value", namesOf(into))
	}
	return nil
}

func namesOf(into map[string]func(string) error) string {
	names := make([]string, 0, len(into))
	for n := range into {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func invalidAt(pointer, format string, args ...any) error {
	e := Errorf(CodeInvalid, format, args...)
	e.Pointer = pointer
	return e
}
