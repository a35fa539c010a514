package impact_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

func usd(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// settingsWith has the versions name, day, value in turn; the value "" is the default.
func settingsWith(t *testing.T, list ...string) *impact.Settings {
	t.Helper()
	s := new(impact.Settings)
	for i := 0; i < len(list); i += 3 {
		from := on(list[i+1])
		c := impact.SettingChange{Name: impact.SettingName(list[i]), From: &from, Value: &list[i+2]}
		if list[i+2] == "" {
			c.Value = nil
		}
		if err := c.Check(on("2030-01-01")); err != nil {
			t.Fatal(err)
		}
		if err := s.AddVersion(impact.SettingVersion{Name: c.Name, From: *c.From, Value: c.Value}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func on(date string) impact.Day {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return impact.Date(t.Date())
}

func days(from, to string) impact.Range { return impact.Range{From: on(from), To: on(to) + 1} }

// The value of a day is that of the latest version up to it.
func TestSettingOfADay(t *testing.T) {
	t.Parallel()
	s := settingsWith(t, "hourlyValue", "2024-02-29", "40", "hourlyValue", "2025-07-01", "", "hourlyValue", "2026-01-01", "50.5")
	p := s.SROI(impact.DefaultSROI, impact.Question{})
	for day, want := range map[string]string{
		"2023-12-31": "33.49", "2024-02-28": "29.95", "2024-02-29": "40", "2025-06-30": "40",
		"2025-07-01": "29.95", "2025-12-31": "29.95", "2026-01-01": "50.5", "2199-12-31": "50.5",
	} {
		if got := p.HourlyRate(on(day)); !got.Equal(usd(want)) {
			t.Errorf("%s: %s, want %s", day, got, want)
		}
	}
}

func TestProgrammeCosts(t *testing.T) {
	t.Parallel()
	s := &impact.Settings{Costs: []impact.ProgrammeCost{
		{Programme: "buddy", Range: days("2025-01-01", "2025-12-31"), Amount: usd("365")},
		{Programme: "buddy", Range: days("2025-06-01", "2025-06-30"), Amount: usd("100")},
		{Programme: "kintell", Range: days("2024-12-31", "2025-01-02"), Amount: usd("1")},
		{Programme: "*", Range: days("2025-01-01", "2025-01-01"), Amount: usd("0.0001")},
	}}
	for _, tt := range []struct{ programme, from, to, want string }{
		{"*", "1970-01-01", "2199-12-31", "466.000100"},
		{"buddy", "1970-01-01", "2199-12-31", "465.000000"},
		{"kintell", "2025-01-01", "2025-12-31", "0.666667"},
		{"kintell", "2024-01-01", "2024-12-31", "0.333333"},
		{"buddy", "2025-06-30", "2025-07-01", "5.333333"}, // two of 365 days, one of 30
		{"buddy", "2024-01-01", "2024-12-31", "0.000000"},
		{"none", "2025-01-01", "2025-12-31", "0.000000"},
	} {
		if got := s.ProgrammeCosts(tt.programme, days(tt.from, tt.to)).FloatString(6); got != tt.want {
			t.Errorf("%s of %s to %s: %s, want %s", tt.programme, tt.from, tt.to, got, tt.want)
		}
	}
	if got := (*impact.Settings)(nil).ProgrammeCosts("*", impact.AllTime); got.Sign() != 0 {
		t.Errorf("costs of no settings: %s", got)
	}
}

// Hours are worth what their own day says, whichever way the range and the rollups
// are cut: against the oracle, which looks at every event for itself.
func TestInvestmentIsSplitAtEffectiveDates(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		w := newWorld(seed, 400)
		cells := w.cells()
		rng := rand.New(rand.NewPCG(seed, 11))
		var list []string
		day := impact.Date(2019, 6, 1)
		for day < impact.Date(2025, 12, 1) {
			list = append(list, "hourlyValue", day.String(), []string{"", "17.25", "100", "0", "31.81"}[rng.IntN(5)])
			day += impact.Day(1 + rng.IntN(300))
		}
		settings := settingsWith(t, list...)
		settings.Costs = []impact.ProgrammeCost{
			{Programme: "buddy", Range: days("2020-12-30", "2023-01-03"), Amount: usd("1000")},
			{Programme: "*", Range: days("2021-01-01", "2021-12-31"), Amount: usd("77.77")},
		}
		for range 12 {
			from := impact.Date(2019+rng.IntN(6), time.Month(1+rng.IntN(12)), 1+rng.IntN(28))
			to := from + impact.Day(rng.IntN(1200))
			programme := []string{"*", "buddy", "kintell"}[rng.IntN(3)]
			q := impact.Question{Programme: programme, Range: impact.Range{From: from, To: to + 1}, Parts: impact.PartsOverview}
			r, err := readWith(settings, cells, q)
			if err != nil {
				t.Fatal(err)
			}
			p := settings.SROI(impact.DefaultSROI, q)
			want := settings.ProgrammeCosts(programme, q.Range)
			for _, e := range newOracle(w, programme, from.String(), to.String()).in {
				if e.Volunteer != "" && (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) {
					rate := p.HourlyRate(impact.DayAt(e.OccurredAt, w.cal.Location)).Rat()
					want = plus(want, times(frac(e.DurationMS, 3_600_000), rate))
				}
			}
			if got := r.Figures().SROI.Investment.StringFixed(2); got != want.FloatString(2) {
				t.Errorf("seed %d, %s of %s: investment %s, want %s", seed, programme, q.Range, got, want.FloatString(2))
			}
		}
	}
}

func TestVISWeightsOfTheLastDay(t *testing.T) {
	t.Parallel()
	s := settingsWith(t, "visWeights", "2025-07-01", "hours=1,quality=0,outcomeLift=0,placement=0")
	if p := s.VIS(impact.DefaultVIS, days("2025-01-01", "2025-06-30")); p.Hours != 300_000 {
		t.Errorf("the range before: %+v", p)
	}
	if p := s.VIS(impact.DefaultVIS, days("2025-01-01", "2025-07-01")); p.Hours != impact.One || p.Quality != 0 || p.ID != "teei-vis-1.0" {
		t.Errorf("the range with the first day: %+v", p)
	}
}

func TestSettingChangeCheck(t *testing.T) {
	t.Parallel()
	today := on("2025-11-13")
	const none = "none"
	for _, tt := range []struct {
		name, from, value string
		want              string // the canonical value, or a pointer and a piece of the message
	}{
		{"hourlyValue", "2020-01-01", "031.80", "31.8"},
		{"hourlyValue", "2199-12-31", "31", "31"},
		{"hourlyValue", "", "-1", "/value USD"},
		{"hourlyValue", "", "1e3", "/value USD"},
		{"hourlyValue", "", "1.001", "/value 2 places"},
		{"activityWeights", "", "match=1,eventAttended=2,skillShare=3,feedback=4,milestone=5,checkin=6.5",
			"match=1,eventAttended=2,skillShare=3,feedback=4,milestone=5,checkin=6.5"},
		{"activityWeights", "", "match=1", "/value once each"},
		{"activityWeights", "", "match=1,match=2", "/value repeated"},
		{"visWeights", "", "placement=0.15,hours=.3,quality=0.3,outcomeLift=0.25", "hours=0.3,quality=0.3,outcomeLift=0.25,placement=0.15"},
		{"visWeights", "", "placement=0.25,hours=.3,quality=0.3,outcomeLift=0.25", "/weights sum to 1"},
		{"visWeights", "", "placement=-1,hours=1,quality=1,outcomeLift=0", "/value 0 to 1"},
		{"visWeights", "2025-11-14", "placement=0,hours=1,quality=0,outcomeLift=0", "/validFrom set ahead"},
		{"sroiMethodology", "", "teei-1.0", "teei-1.0"},
		{"sroiMethodology", "", "teei-9", "/value teei-1.0"},
		{"visMethodology", "", "teei-1.0", "/value teei-vis-1.0"},
		{"peerGroup", "", "Retail-EU", "retail-eu"},
		{"peerGroup", "", "a group", "/value 1 to 100"},
		{"peerGroup", "2025-11-14", "retail", "/validFrom set ahead"},
		{"timeZone", "", "Europe/Oslo", "Europe/Oslo"},
		{"timeZone", "", "Local", "/value IANA"},
		{"timeZone", "", "../etc/passwd", "/value IANA"},
		{"timeZone", "2025-01-01", "UTC", "/validFrom at once"},
		{"weekStart", "", "sunday", "SUNDAY"},
		{"weekStart", "", "someday", "/value MONDAY"},
		{"fiscalYearStart", "", "04", "4"},
		{"fiscalYearStart", "", "13", "/value 1 to 12"},
		{"minGroup", "", "10", "10"},
		{"minGroup", "", "2", "/value 3 to 1000"},
		{"nonsense", "", "1", " hourlyValue, activityWeights"},
		{"programmeCost", "", "1", " needs a line"},
		{"visWeights", "", none, none},
	} {
		c := impact.SettingChange{Name: impact.SettingName(tt.name)}
		if tt.from != "" {
			day := on(tt.from)
			c.From = &day
		}
		if tt.value != none {
			c.Value = &tt.value
		}
		err := c.Check(today)
		if e, ok := errors.AsType[*impact.Error](err); ok {
			pointer, message, _ := strings.Cut(tt.want, " ")
			if e.Code != impact.CodeInvalid || e.Pointer != pointer || !strings.Contains(e.Message, message) {
				t.Errorf("%s %s: %v, want %s", tt.name, tt.value, err, tt.want)
			}
			continue
		}
		if err != nil || tt.want != none && *c.Value != tt.want {
			t.Errorf("%s %s: %v %v, want %s", tt.name, tt.value, c.Value, err, tt.want)
		}
		if c.Name.IsDated() != (c.From != nil) {
			t.Errorf("%s from %v", tt.name, c.From)
		}
	}
}
