package impact

import "time"

// Reject is an event, or a body that held none, that was not taken into the log. It is
// kept as it was sent, so that it can be put right and taken in after all.
type Reject struct {
	Company CompanyID
	ID      int64 // rises with the order of arrival within a company
	Status  RejectStatus

	Code    Code   // why it was refused; of a quarantined event [CodeInvalid]
	Message string // what was wrong, and what to do
	Pointer string // where in Raw (RFC 6901); empty: all of it

	Raw       []byte // as it was sent, or its first [MaxReject] bytes
	Size      int    // bytes of the whole
	Source    string // public id of the source that it came to; empty for an API key
	Provider  string // the source's scheme; empty for an API key
	Delivery  string // delivery id of the request's header
	APIKey    int32  // id of the key that it came with; 0 for a source
	Strict    bool   // sent as a CloudEvent, and held to its rules
	Schema    int    // [SchemaVersion] that it was judged by
	Key       Key    // identity of a quarantined event; zero otherwise
	DueAt     time.Time
	FirstAt   time.Time // when it came first; what it says of no time of its own happened then
	LastAt    time.Time // when it came last
	Attempts  int       // how often it came
	SettledAt time.Time // when it was replayed or dismissed; zero until then
	Receipt   int64     // of the batch that took it in, once replayed
}

// Anonymous is the reject without what was sent, which may name people.
func (r *Reject) Anonymous() *Reject {
	b := *r
	b.Raw = nil
	return &b
}

// SchemaVersion numbers the rules that events are judged by; it rises when what was
// refused may pass, or the other way round.
const SchemaVersion = 1

// MaxReject is how many bytes of a refused event or body are kept.
const MaxReject = 1 << 20

// Whole reports whether Raw is all that was sent.
func (r *Reject) Whole() bool { return len(r.Raw) == r.Size }

// RejectStatus is what became of a reject.
type RejectStatus string

// The statuses.
const (
	RejectOpen        RejectStatus = "REJECTED"    // refused, and waits for somebody to put it right
	RejectQuarantined RejectStatus = "QUARANTINED" // dated too far ahead; goes into the log when it is due
	RejectReplayed    RejectStatus = "REPLAYED"    // in the log
	RejectDismissed   RejectStatus = "DISMISSED"   // given up
)

// RejectStatuses lists the statuses.
var RejectStatuses = []RejectStatus{RejectOpen, RejectQuarantined, RejectReplayed, RejectDismissed}

// RejectFilter selects rejects. Zero fields select everything.
type RejectFilter struct {
	Status RejectStatus
	Code   Code
	Source string
	IDs    []int64 // nil: any
}

// Replay is what became of a reject that was taken up again.
type Replay struct {
	ID      int64
	Outcome string // stored, duplicate, rejected, or valid and duplicate in a dry run
	Events  int    // that it held
	Receipt int64  // of the batch, once stored
	Err     *Error // why it was refused again
}

// Intake counts what a company's events were, other than taken and understood. All
// counts are since the company began, but for those that are listed.
type Intake struct {
	Rejected    int64 // open rejects that are kept
	Quarantined int64 // events that wait until they are due
	Replayed    int64 // settled rejects that are kept
	Dismissed   int64
	Refused     int64 // events and bodies refused, each time that they came
	FutureDated int64 // events quarantined, each time that they came
	Late        int64 // events received later than LATE_AFTER after they happened
	Unknown     int64 // events of types that no mapping knows
	Conflicts   int64 // events under a known identity with another body
}

// Flag is something about an event that its company should know.
type Flag string

// The flags that are counted as events come.
const (
	FlagRefused Flag = "refused"
	FlagFuture  Flag = "future"
	FlagLate    Flag = "late"
	FlagUnknown Flag = "unknown"
	// FlagConflict is of metrics alone: a company's conflicts are kept, and counted there.
	FlagConflict Flag = "conflict"
)

// IntakeCount is how many events of a company bore a flag.
type IntakeCount struct {
	Company CompanyID
	What    Flag
	N       int64
}
