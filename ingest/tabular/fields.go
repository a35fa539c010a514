package tabular

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/impactql/impactql/impact"
)

// form is how a cell becomes a JSON value.
type form uint8

const (
	formText form = iota
	formPerson
	formNumber
	formTime
	formScore
)

// fields are the canonical fields that a column can be mapped to.
var fields = map[string]form{
	"timestamp": formTime, "completedAt": formTime, "activityDate": formTime,
	"sessionId": formText, "matchId": formText, "programId": formText,
	"participantId": formPerson, "volunteerId": formPerson, "userId": formPerson,
	"durationMinutes": formNumber, "duration": formNumber, "hours": formNumber,
	"points": formNumber, "progressPercent": formNumber, "amount": formNumber,
	"rating": formScore, "score": formScore, "finalScore": formScore, "confidence": formScore,
	"languageLevel": formText, "mood": formText, "milestone": formText, "dimension": formText,
	"courseId": formText, "status": formText, "cohortId": formText, "placementType": formText,
	"activityType": formText, "eventType": formText, "currency": formText,
	"department": formText, "division": formText, "fromRole": formText,
}

var fieldNames = strings.Join(slices.Sorted(maps.Keys(fields)), ", ")

// hoursType is a type that is known by its hours, not by its name.
const hoursType = "session.created"

// Scale is a scale that scores are given on.
type Scale struct{ lo, hi float64 }

var scales = map[string]Scale{"0-1": {0, 1}, "1-5": {1, 5}, "0-10": {0, 10}, "0-100": {0, 100}}

const scaleNames = "0-1, 1-5, 0-10, 0-100"

// ParseScale reads a scale by its bounds.
func ParseScale(name string) (Scale, error) {
	s, ok := scales[name]
	if !ok {
		return s, fmt.Errorf("unknown scale %q: use %s", name, scaleNames)
	}
	return s, nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Scale) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScale(string(text))
	return err
}

// String is the scale's name.
func (s Scale) String() string { return fmt.Sprintf("%g-%g", s.lo, s.hi) }

// target is the scale on which the webhook takes a field of a type.
func target(field, typ string) (Scale, bool) {
	switch field {
	case "rating", "confidence":
		return scales["0-1"], true
	case "finalScore":
		return scales["0-100"], true
	case "score":
		if m, _ := impact.KindOf(typ); m.Kind == impact.KindOutcome {
			return scales["0-1"], true
		}
		return scales["0-10"], true
	}
	return Scale{}, false
}
