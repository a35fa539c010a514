package tabular

import (
	"strings"
	"time"
)

// layoutOf is a date format as package time writes it.
func layoutOf(format string) (layout string, ok bool) {
	layout = strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "HH", "15", "mm", "04", "ss", "05").Replace(format)
	for _, part := range []string{"2006", "01", "02"} {
		if strings.Count(layout, part) != 1 {
			return "", false
		}
	}
	return layout, true
}

// localLayouts are ISO 8601 without an offset, and with a space, which exports like.
var localLayouts = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}

// moment is a time as the webhook takes it. What names no offset is in loc, days apart,
// which the webhook takes to be of the company: with a zone of the mapping's own they
// are midnight there.
func (c *converter) moment(text string) (string, bool) {
	local := localLayouts
	switch {
	case c.mapping.layout != "":
		local = []string{c.mapping.layout}
	default:
		if strings.Trim(text, "0123456789.") == "" { // Unix time
			return text, true
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.Format(time.RFC3339Nano), true
			}
		}
		if day, err := time.ParseInLocation(time.DateOnly, text, c.location); err == nil {
			if c.mapping.location == nil {
				return text, true
			}
			return day.Format(time.RFC3339), true
		}
	}
	for _, layout := range local {
		t, err := time.ParseInLocation(layout, text, c.location)
		switch {
		case err != nil:
		case !strings.Contains(layout, "15") && c.mapping.location == nil:
			return t.Format(time.DateOnly), true
		default:
			return t.Format(time.RFC3339Nano), true
		}
	}
	return "", false
}
