package impact_test

import (
	"math/big"
	"testing"

	"github.com/impactql/impactql/impact"
)

const hour = 3_600_000 // milliseconds

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no number: " + s)
	}
	return r
}

func points(integration, language, jobReadiness string) map[impact.Dimension]*big.Rat {
	return map[impact.Dimension]*big.Rat{
		impact.Integration:  rat(integration),
		impact.Language:     rat(language),
		impact.JobReadiness: rat(jobReadiness),
	}
}

// sroiText is a ratio as people read it: investment, value, ratio.
func sroiText(s impact.SROI) [3]string {
	ratio := string(s.Status)
	if s.Ratio.Valid {
		ratio = s.Ratio.Decimal.StringFixed(2)
	}
	return [3]string{s.Investment.StringFixed(2), s.SocialValue.StringFixed(2), ratio}
}

func TestSROITeei1(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hours      map[int]int64
		costs      int64
		points     map[impact.Dimension]*big.Rat
		confidence *big.Rat
		want       [3]string
	}{
		"methodology: 500 hours and costs": {
			map[int]int64{2025: 500 * hour}, 5000, points(".6", ".4", ".5"), rat(".85"),
			[3]string{"19975.00", "440.00", "0.02"},
		},
		"methodology: 100 hours and costs": {
			map[int]int64{2025: 100 * hour}, 500, points(".3", ".5", ".4"), rat(".85"),
			[3]string{"3495.00", "415.00", "0.12"},
		},
		"methodology: no costs": {
			map[int]int64{2025: 100 * hour}, 0, points(".5", ".3", ".4"), rat(".85"),
			[3]string{"2995.00", "345.00", "0.12"},
		},
		"methodology: low confidence": {
			map[int]int64{2025: 100 * hour}, 0, points(".5", ".3", ".4"), rat(".5"),
			[3]string{"2995.00", "276.00", "0.09"},
		},
		"confidence of exactly 0.7 is enough": {
			map[int]int64{2025: 100 * hour}, 0, points(".5", ".3", ".4"), rat(".7"),
			[3]string{"2995.00", "345.00", "0.12"},
		},
		"no confidence counts as 0.85": {
			map[int]int64{2025: 100 * hour}, 0, points(".5", ".3", ".4"), nil,
			[3]string{"2995.00", "345.00", "0.12"},
		},
		"each year has its rate": {
			map[int]int64{2019: hour, 2020: hour, 2021: hour, 2022: hour, 2023: hour, 2024: hour}, 0, points("1", "0", "0"), nil,
			[3]string{"183.68", "150.00", "0.82"}, // 29.95 28.54 29.95 31.80 33.49 29.95
		},
		"nothing invested": {
			nil, 0, points(".5", ".3", ".4"), rat(".85"),
			[3]string{"0.00", "345.00", "INSUFFICIENT_DATA"},
		},
		"less than half a cent invested": {
			map[int]int64{2025: 600}, 0, points(".5", ".3", ".4"), nil, // 0.00499...
			[3]string{"0.00", "345.00", "INSUFFICIENT_DATA"},
		},
		"negative costs": {
			nil, -10, points(".5", ".3", ".4"), nil,
			[3]string{"-10.00", "345.00", "INSUFFICIENT_DATA"},
		},
		"no improvement is a ratio of 0": {
			map[int]int64{2025: hour}, 0, nil, nil,
			[3]string{"29.95", "0.00", "0.00"},
		},
		"half a cent is rounded away from zero": {
			map[int]int64{2025: hour}, 0, points("0", "1/100000", "0"), nil, // 0.005 exactly
			[3]string{"29.95", "0.01", "0.00"},
		},
		"thirds are not rounded before the end": {
			map[int]int64{2025: hour}, 0, points("0", "0", "50/3000000"), nil, // 0.005 exactly
			[3]string{"29.95", "0.01", "0.00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := make(map[impact.Day]int64)
			for year, ms := range tt.hours {
				given[impact.Date(year, 7, 1)] = ms
			}
			got := impact.SROITeei1(impact.SROIInput{
				VolunteerMS: given,
				Improvement: tt.points,
				Confidence:  tt.confidence,
				Costs:       big.NewRat(tt.costs, 1),
			}, impact.DefaultSROI)
			if sroiText(got) != tt.want {
				t.Errorf("got investment, value, ratio %v, want %v", sroiText(got), tt.want)
			}
			if got.Methodology != "teei-1.0" || got.ImprovementMode != "MEAN" || got.Baseline != "ASSUMED" {
				t.Errorf("the figure does not say what made it: %+v", got)
			}
		})
	}
}

// One participant is assessed twice in language and once in integration, another
// once in language, below the baseline.
func TestSROIImprovement(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	c.Add(session(60, "2022-05-01"), 0, 9)
	c.Add(assessment(impact.Language, .4, "2022-01-01"), 0, 0)
	c.Add(assessment(impact.Language, .8, "2022-06-01"), 0, 0)
	c.Add(assessment(impact.Integration, .5, "2022-06-01"), 0, 0)
	c.Add(assessment(impact.Language, .1, "2022-03-01"), 1, 0)
	r := impact.NewReading(impact.Question{}, []impact.Segment{{From: impact.Date(2022, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)

	for _, tt := range []struct {
		baseline              impact.Baseline
		mode                  impact.ImprovementMode
		language, integration string
		value                 string
	}{
		// (.4+.8+.1)/3 - .3
		{impact.BaselineAssumed, impact.ImprovementMean, "0.1333", "0.2000", "96.67"},
		// (.6-.3), and nothing of .1-.3
		{impact.BaselineAssumed, impact.ImprovementSum, "0.3000", "0.2000", "180.00"},
		// ((.6-.4) + (.1-.3)) / 2
		{impact.BaselineMeasured, impact.ImprovementMean, "0.0000", "0.2000", "30.00"},
		// .6-.4
		{impact.BaselineMeasured, impact.ImprovementSum, "0.2000", "0.2000", "130.00"},
	} {
		t.Run(string(tt.baseline)+" "+string(tt.mode), func(t *testing.T) {
			t.Parallel()
			p := impact.DefaultSROI
			p.Baseline, p.Mode = tt.baseline, tt.mode
			got := r.SROI(p)
			if s := got.Improvement[impact.Language].StringFixed(4); s != tt.language {
				t.Errorf("language %s, want %s", s, tt.language)
			}
			if s := got.Improvement[impact.Integration].StringFixed(4); s != tt.integration {
				t.Errorf("integration %s, want %s", s, tt.integration)
			}
			if want := (got.SocialValue.StringFixed(2)); want != tt.value {
				t.Errorf("value %s, want %s", want, tt.value)
			}
			if s := got.Investment.StringFixed(2); s != "31.80" {
				t.Errorf("investment %s, want one hour of 2022, 31.80", s)
			}
			if got.Baseline != tt.baseline || got.ImprovementMode != tt.mode {
				t.Errorf("the figure does not say what made it: %+v", got)
			}
		})
	}
}
