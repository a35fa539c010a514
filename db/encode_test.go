package db

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// decodeCopy reads lines of COPY's text format as its documentation says, and reports
// whether they are well-formed. A nil field is a null.
func decodeCopy(data []byte) (rows [][][]byte, ok bool) {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		var row [][]byte
		for field := range bytes.SplitSeq(line, []byte("\t")) {
			if string(field) == `\N` {
				row = append(row, nil)
				continue
			}
			text := []byte{}
			for i := 0; i < len(field); i++ {
				c := field[i]
				switch {
				case c == '\r':
					return nil, false
				case c != '\\':
				case i+1 == len(field):
					return nil, false
				default:
					i++
					at := strings.IndexByte(`bfnrtv\`, field[i])
					if at < 0 {
						return nil, false
					}
					c = "\b\f\n\r\t\v\\"[at]
				}
				text = append(text, c)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return rows, true
}

func FuzzAppendEscaped(f *testing.F) {
	for _, s := range []string{"", nasty, `\N`, `\.`, "\\", "\\\\", "\n", "\r\n", "\t", "a\\tb", strings.Repeat("x\n", 50), "\x00\xff"} {
		f.Add(s, "x")
		f.Add("x", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		line := appendEscaped(appendText(appendEscaped(nil, a), b), "")
		if !bytes.Equal(line, appendEscaped(append(appendEscaped([]byte(nil), []byte(a)), '\t'), []byte(b))) {
			t.Error("text and bytes differ")
		}
		rows, ok := decodeCopy(line)
		if !ok || len(rows) != 1 || len(rows[0]) != 2 || string(rows[0][0]) != a || string(rows[0][1]) != b {
			t.Fatalf("%q and %q came back as %q", a, b, rows)
		}
	})
}

// FuzzAppendEvent: whatever an event holds, its row has every column, and the texts
// come back.
func FuzzAppendEvent(f *testing.F) {
	f.Add(nasty, nasty, nasty, []byte(nasty), int64(1763028000123456789), 7.3, int64(-5), true)
	f.Add("", "", "", []byte(nil), int64(0), 0.0, int64(0), false)
	columns := strings.Count(eventColumns, ",") + 1
	f.Fuzz(func(t *testing.T, typ, who, department string, raw []byte, at int64, score float64, n int64, flag bool) {
		e := &impact.Event{
			Company: impact.CompanyID(n), Type: typ, Programme: who, Participant: who, Volunteer: department, Session: typ, OccurredAt: time.Unix(0, at),
			DurationMS: n, ScoreRaw: score, HasConfidence: flag, FromVolunteer: flag, Mood: who, Level: typ, Points: n, Amount: who, Currency: typ,
			Department: department, Attributes: impact.Attributes(typ), Source: who, Raw: raw,
		}
		if flag {
			e.ScoreScale, e.Kind, e.Status, e.Dimension = impact.ScaleFive, impact.KindDirectory, impact.StatusPlaced, impact.Language
		}
		line := append(appendEvent(nil, e, n), '\n')
		line = appendEvent(line, e, n)
		rows, ok := decodeCopy(line)
		if !ok || len(rows) != 2 || len(rows[0]) != columns {
			t.Fatalf("%q", line)
		}
		for i, want := range map[int]string{5: typ, 6: who, 7: who, 8: department, 9: typ, 23: department, 24: typ, 25: who, 26: string(raw)} {
			got := rows[1][i]
			if optional := i >= 7 && i < 26; string(got) != want || (got == nil) != (optional && want == "") {
				t.Errorf("column %d is %q, want %q", i, got, want)
			}
		}
	})
}
