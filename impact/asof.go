package impact

import "time"

// AsOf is an instant in microseconds since 1970, as exact as the log: a question that
// has one asks for what was known then. 0 is now.
type AsOf int64

// AsOfTime is the last instant that is not after t.
func AsOfTime(t time.Time) AsOf { return AsOf(t.UnixMicro()) }

// Time is the instant.
func (a AsOf) Time() time.Time { return time.UnixMicro(int64(a)).UTC() }

// String is the instant in RFC 3339, in UTC.
func (a AsOf) String() string { return a.Time().Format(time.RFC3339Nano) }

// ParseAsOf reads an instant in RFC 3339, of 1970 to 2199. Errors have [CodeInvalid]
// and the pointer /asOf.
func ParseAsOf(text string) (AsOf, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil && t.Unix() > 0 && t.UTC().Before(MaxDay.Time()) {
		if at := AsOfTime(t); at > 0 {
			return at, nil
		}
	}
	return 0, &Error{Code: CodeInvalid, Pointer: "/asOf",
		Message: "asOf must be an instant in RFC 3339 with its offset, such as 2025-11-13T10:00:00Z, of 1970 to 2199"}
}

// PastAsk asks what the figures of a company depended on, beside its events, at an
// instant.
type PastAsk struct {
	Company CompanyID
	AsOf    AsOf
	Active  bool // [Past.Active] is asked for, which takes a look at the whole log
	Cohorts bool // [Past.Cohorts] are, which takes one at the directory events
}

// Past is what was known of a company at an instant, beside its events.
type Past struct {
	Settings *Settings
	Map      *StoredMap // nil: there was none
	Active   Range      // from the day of the first event that counts to that of the last; if asked for
	// Cohorts are the keys of definitions and the names of departments; if asked for.
	Cohorts []string
	// ErasedSince says that a person was erased since, so that what was known is not all
	// there any more.
	ErasedSince bool
}
