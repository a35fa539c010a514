package impact

import "time"

// Arrival is something that was sent, and what became of it.
type Arrival struct {
	Verdict    ArrivalVerdict
	Company    CompanyID
	Receipt    int64 // batch; of a refusal 0
	Key        Key   // identity; zero if it has none
	Kind       string
	Type       string
	Programme  string
	Person     string // participant
	Volunteer  string
	Session    string
	OccurredAt time.Time // zero of a refusal
	ReceivedAt time.Time
	Raw        []byte // as it was sent, or its first bytes
	Size       int    // bytes of the whole

	Reject  int64 // id of the reject; 0 if it was not refused
	Code    Code
	Message string
	Pointer string
}

// Anonymous is the arrival without what names people: who took part, and what was sent.
func (a *Arrival) Anonymous() *Arrival {
	b := *a
	b.Person, b.Volunteer, b.Raw = "", "", nil
	return &b
}

// ArrivalVerdict is what became of an arrival.
type ArrivalVerdict string

// The verdicts.
const (
	ArrivalStored      ArrivalVerdict = "STORED"
	ArrivalConflict    ArrivalVerdict = "CONFLICT" // its identity was known with another body, which was kept
	ArrivalRejected    ArrivalVerdict = "REJECTED"
	ArrivalQuarantined ArrivalVerdict = "QUARANTINED"
)

// ArrivalFilter selects arrivals that reached the log. Zero fields select everything.
// It is comparable.
type ArrivalFilter struct {
	Conflicts bool // those of verdict CONFLICT; false: STORED
	Kind      string
	Type      string
	Programme string
	Person    string // as participant or volunteer
	Status    string
	Source    string // the id of the source that it came through
	Receipt   int64
	Late      bool          // received later than LateAfter after they happened
	LateAfter time.Duration // set by who knows it, where Late is
	From, To  time.Time     // of ReceivedAt, To excluded
}

// ArrivalCursor is an arrival's place among those of its company, newest first; the zero
// cursor is before all of them.
type ArrivalCursor struct {
	Receipt int64
	Key     Key
}
