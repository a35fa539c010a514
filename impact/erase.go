package impact

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// EraseRequest asks for a person to be removed from all that is kept of a company.
type EraseRequest struct {
	Company CompanyID
	Person  string // their key
	By      string // who asks, for the record
	// Limit is up to how many events a company may have; 0 is any number.
	Limit    int64
	Progress func(events int64) // that were looked at or counted anew; may be nil
}

// Erasure says what was done to remove a person, not who it was.
type Erasure struct {
	ID        int64
	At        time.Time
	By        string `db:"actor"`
	Deleted   int64  // events of which only the identity was left
	Struck    int64  // events of others, which the person was struck out of
	Mentions  int64  // events that named the person in their raw form only
	Conflicts int64  // bodies kept apart that were deleted
	Rejects   int64  // rejected events that were deleted
}

// Empty reports whether there was nothing of the person.
func (e *Erasure) Empty() bool {
	return e.Deleted+e.Struck+e.Mentions+e.Conflicts+e.Rejects == 0
}

// Fate is what an erasure does to an event.
type Fate uint8

// The fates.
const (
	FateKept    Fate = iota
	FateDeleted      // it was the person's own
	FateStruck       // it is somebody else's too, who keeps it
)

// FateOf is what becomes of an event when somebody is erased. An event is either
// somebody's own account (what they said, achieved, were assessed on; volunteers' hours)
// and goes with them, or it stays with the person struck out: a meeting (session, match,
// event attended) that another person was at, or another person's own account.
func FateOf(e *Event, person string) Fate {
	participant, volunteer := e.Participant == person, e.Volunteer == person
	if !participant && !volunteer {
		return FateKept
	}
	other := e.Participant
	if participant {
		other = e.Volunteer
	}
	if other == "" || other == person {
		return FateDeleted
	}
	switch e.Kind {
	case KindSession, KindMatch, KindEventAttended:
		return FateStruck
	case KindVolunteerHours:
		if volunteer {
			return FateDeleted
		}
		return FateStruck
	case KindFeedback:
		if e.FromVolunteer == volunteer {
			return FateDeleted
		}
		return FateStruck
	case KindUnknown, KindCheckin, KindMilestone, KindOutcome, KindCourse, KindEnrollment, KindPlacement,
		KindDonation, KindDirectory, numKinds:
	}
	if participant {
		return FateDeleted
	}
	return FateStruck
}

// Strike takes a person out of an event that stays.
func (e *Event) Strike(person string) {
	if e.Participant == person {
		e.Participant = ""
		e.Level = "" // the participant's own
	}
	if e.Volunteer == person {
		e.Volunteer = ""
	}
}

// Mentions reports whether a text names a person: their key, in any case if it is an
// e-mail address, and not as part of a longer one; a short key only where a text is that
// key and nothing else. The texts of raw JSON are looked at
// as they are meant, names of members too, and within the data_base64 of a CloudEvent; what
// is no JSON is looked at as it stands.
func Mentions(raw []byte, person string) bool {
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	encoded := false // the token before was the name of data_base64
	for {
		token, err := d.ReadToken()
		if err != nil {
			break
		}
		if token.Kind() != '"' {
			encoded = false
			continue
		}
		text := token.String()
		if tells(text, person) {
			return true
		}
		if encoded {
			if data, err := base64.StdEncoding.DecodeString(text); err == nil && Mentions(data, person) {
				return true
			}
		}
		encoded = strings.EqualFold(strings.ReplaceAll(text, "_", ""), "database64")
	}
	rest := strings.TrimSpace(string(raw[d.InputOffset():]))
	if encoded { // cut off within the data
		text := strings.TrimLeft(rest, ": \t\r\n\"")
		data, _ := base64.StdEncoding.DecodeString(text[:len(text)/4*4]) // as far as it is base64
		if Mentions(data, person) {
			return true
		}
	}
	return rest != "" && tells(string(raw), person)
}

// distinctive is from how many bytes on a key within a longer text is taken for a name:
// "10" within "10 minutes" is none.
const distinctive = 6

// tells reports whether a text names a person.
func tells(text, person string) bool {
	if len(person) < distinctive && !strings.Contains(person, "@") {
		return text == person
	}
	if strings.Contains(person, "@") {
		text, person = strings.ToLower(text), strings.ToLower(person)
	}
	for from := 0; ; {
		at := strings.Index(text[from:], person)
		if at < 0 {
			return false
		}
		at += from
		if !continues(text, at-1, -1) && !continues(text, at+len(person), 1) {
			return true
		}
		from = at + 1
	}
}

// continues reports whether a key goes on at i, in the direction of step: with a letter or
// a digit, or with a full stop before one. Ids are often made of keys that are joined by
// other characters.
func continues(text string, i, step int) bool {
	if i < 0 || i >= len(text) {
		return false
	}
	if text[i] == '.' {
		i += step
	}
	return i >= 0 && i < len(text) && (text[i] == '@' || unicode.IsLetter(rune(text[i])) || unicode.IsDigit(rune(text[i])))
}

// Render writes an event anew, from its normalised form alone: what stays of the raw
// form of an event that somebody was erased from. Taken in again it is the same event.
func Render(e *Event) []byte {
	b := append([]byte(`{"erased":true,"type":`), quoted(e.Type)...)
	b = append(b, `,"timestamp":"`...)
	b = e.OccurredAt.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","data":{"programId":`...)
	b = append(b, quoted(e.Programme)...)
	text := func(name, value string) {
		if value != "" {
			b = append(append(b, `,"`+name+`":`...), quoted(value)...)
		}
	}
	number := func(name string, value float64) {
		b = strconv.AppendFloat(append(b, `,"`+name+`":`...), value, 'g', -1, 64)
	}
	text("participantId", e.Participant)
	text("volunteerId", e.Volunteer)
	text("sessionId", e.Session)
	if e.Kind == KindVolunteerHours {
		number("hours", float64(e.DurationMS)/3_600_000)
	} else if e.DurationMS != 0 {
		number("duration", float64(e.DurationMS)/1000)
	}
	switch e.ScoreScale {
	case ScaleNone:
	case ScaleFive: // webhooks take ratings on 0..1
		number("rating", e.Score.Float())
	case ScaleHundred:
		number("finalScore", e.ScoreRaw)
	case ScaleUnit:
		if e.Kind != KindOutcome {
			number("rating", e.ScoreRaw)
			break
		}
		number("score", e.ScoreRaw)
	case ScaleTen:
		number("score", e.ScoreRaw)
	}
	if e.HasConfidence {
		number("confidence", e.Confidence.Float())
	}
	text("dimension", e.Dimension.String())
	for _, said := range statusWords(e) {
		text(said[0], said[1])
	}
	if e.Kind == KindCourse && e.Status == StatusStarted {
		number("progressPercent", 0)
	}
	if e.FromVolunteer {
		text("fromRole", "volunteer")
	}
	text("mood", e.Mood)
	text("languageLevel", e.Level)
	if e.Points != 0 {
		number("points", float64(e.Points))
	}
	if e.Amount != "" {
		b = append(append(b, `,"amount":`...), e.Amount...)
		text("currency", e.Currency)
	}
	text("department", e.Department)
	if e.Attributes != "" {
		b = append(append(b, `,"attributes":`...), e.Attributes...)
	}
	return append(b, "}}"...)
}

// statusWords says an event's status as sources do.
func statusWords(e *Event) [][2]string {
	switch {
	case e.Kind == KindEnrollment && e.Status == StatusCompleted:
		return [][2]string{{"status", "completed"}}
	case e.Kind == KindEnrollment && e.Status == StatusEnded:
		return [][2]string{{"status", "withdrawn"}}
	case e.Kind == KindEnrollment:
		return [][2]string{{"status", "enrolled"}}
	case e.Kind == KindPlacement && e.Status == StatusPlaced:
		return [][2]string{{"placementType", "job_placement"}}
	case e.Kind == KindPlacement && e.Status == StatusStarted:
		return [][2]string{{"placementType", "internship"}}
	case e.Kind == KindPlacement:
		return [][2]string{{"status", "ended"}}
	}
	return nil
}

func quoted(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s) // invalid UTF-8 is replaced
	return b
}
