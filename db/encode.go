package db

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/impactql/impactql/impact"
)

// eventColumns are the columns of table event that [appendEvent] writes, in its
// order; received_at takes its default, the start of the transaction.
const eventColumns = "company_id, key, batch_id, occurred_at, kind, type, programme, participant, volunteer, session," +
	" duration_ms, score, score_raw, score_scale, confidence, dimension, status, from_volunteer, mood, level," +
	" points, amount, currency, department, attributes, source, payload"

// linkColumns follow the columns of a batch in which some event has links.
const linkColumns = ", alias, slot, supersedes, supersedes_key, revised_at, amends"

// appendEvent appends one row in COPY's text format, without the line's end.
func appendEvent(b []byte, e *impact.Event, batch int64) []byte {
	b = strconv.AppendInt(b, int64(e.Company), 10)
	b = append(b, '\t')
	b = hex.AppendEncode(b, e.Key[:])
	b = append(b, '\t')
	b = strconv.AppendInt(b, batch, 10)
	b = append(b, '\t')
	b = appendTime(b, e.OccurredAt)
	b = appendText(b, e.Kind.String())
	b = appendText(b, e.Type)
	b = appendText(b, e.Programme)
	b = appendOptional(b, e.Participant)
	b = appendOptional(b, e.Volunteer)
	b = appendOptional(b, e.Session)
	b = appendInt(b, e.DurationMS, e.DurationMS != 0)
	scored := e.ScoreScale != impact.ScaleNone
	b = appendInt(b, int64(e.Score), scored)
	if scored {
		b = append(b, '\t')
		b = strconv.AppendFloat(b, e.ScoreRaw, 'g', -1, 64)
	} else {
		b = append(b, null...)
	}
	b = appendInt(b, int64(e.ScoreScale), scored)
	b = appendInt(b, int64(e.Confidence), e.HasConfidence)
	b = appendOptional(b, e.Dimension.String())
	b = appendOptional(b, e.Status.String())
	if e.FromVolunteer {
		b = append(b, "\tt"...)
	} else {
		b = append(b, null...)
	}
	b = appendOptional(b, e.Mood)
	b = appendOptional(b, e.Level)
	b = appendInt(b, e.Points, e.Points != 0)
	b = appendOptional(b, e.Amount)
	b = appendOptional(b, e.Currency)
	b = appendOptional(b, e.Department)
	b = appendOptional(b, string(e.Attributes))
	b = appendOptional(b, e.Source)
	b = append(b, '\t')
	return appendEscaped(b, e.Raw)
}

// appendLinks appends [linkColumns] to a row; l may be nil.
func appendLinks(b []byte, l *impact.Links) []byte {
	if l == nil {
		l = new(impact.Links)
	}
	for _, k := range [...]impact.Key{l.Alias, l.Slot, l.Supersedes, l.SupersedesKey} {
		if k == (impact.Key{}) {
			b = append(b, null...)
		} else {
			b = hex.AppendEncode(append(b, '\t'), k[:])
		}
	}
	if l.RevisedAt.IsZero() {
		b = append(b, null...)
	} else {
		b = appendTime(append(b, '\t'), l.RevisedAt)
	}
	return appendInt(b, int64(l.Amends), l.Amends != 0)
}

const null = "\t\\N"

func appendInt(b []byte, x int64, present bool) []byte {
	if !present {
		return append(b, null...)
	}
	return strconv.AppendInt(append(b, '\t'), x, 10)
}

func appendOptional(b []byte, s string) []byte {
	if s == "" {
		return append(b, null...)
	}
	return appendText(b, s)
}

func appendText(b []byte, s string) []byte { return appendEscaped(append(b, '\t'), s) }

// appendEscaped escapes what COPY's text format gives a meaning.
func appendEscaped[S string | []byte](b []byte, s S) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		var esc byte
		switch s[i] {
		case '\\':
			esc = '\\'
		case '\n':
			esc = 'n'
		case '\r':
			esc = 'r'
		case '\t':
			esc = 't'
		default:
			continue
		}
		b = append(b, s[from:i]...)
		b = append(b, '\\', esc)
		from = i + 1
	}
	return append(b, s[from:]...)
}

// appendTime writes t in UTC, to the microsecond, which is all that Postgres keeps, in the
// format that the time package writes fastest.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().Truncate(time.Microsecond).AppendFormat(b, time.RFC3339Nano)
}
