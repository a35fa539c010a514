package impact

import "time"

// ParseBounds reads the queries start and end of /v1 as days of a company, both
// included. Each is empty, which leaves its end open; a date, which is that day of
// the company; or an RFC 3339 instant, which stands for the whole day on which it
// falls there. An instant that falls a day outside the years 1970..2199 there, as
// 1970-01-01T00:00:00Z does in New York, means the nearest day within.
//
// An [Error] of [CodeInvalid] points to /start or /end.
func ParseBounds(start, end string, cal Calendar) (Range, error) {
	r := AllTime
	if start != "" {
		first, ok := parseBound(start, cal)
		if !ok {
			return Range{}, badBound("/start", start)
		}
		r.From = first
	}
	if end != "" {
		last, ok := parseBound(end, cal)
		if !ok {
			return Range{}, badBound("/end", end)
		}
		r.To = last + 1
	}
	if r.To <= r.From || backwards(start, end) {
		return Range{}, &Error{CodeInvalid, "/end", "end lies before start: swap them"}
	}
	return r, nil
}

func parseBound(s string, cal Calendar) (Day, bool) {
	if day, ok := parseDay(s); ok {
		return day, true
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < minYear || t.Year() > maxYear {
		return 0, false
	}
	return min(max(DayAt(t, cal.Location), MinDay), MaxDay-1), true
}

// backwards reports instants of which the second lies before the first, within a day too.
func backwards(start, end string) bool {
	from, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return false
	}
	to, err := time.Parse(time.RFC3339, end)
	return err == nil && to.Before(from)
}

func badBound(pointer, s string) error {
	e := Errorf(CodeInvalid, "cannot read %q: use a date such as 2025-11-13 or an instant such as "+
		"2025-11-13T10:00:00Z, with years 1970..2199", shortened(s))
	e.Pointer = pointer
	return e
}
