package ingest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-playground/validator/v10"

	"github.com/impactql/impactql/impact"
)

// normaliser turns wires into events for one request.
type normaliser struct {
	caller     Caller
	source     string // as in Sender
	provider   string // as in Sender
	receivedAt time.Time
	// delivery is the delivery id of the request's header, for a body of one event;
	// empty if there is none.
	delivery string
	// strict: the events were sent as CloudEvents and must keep to their rules.
	strict bool
	keyID  int32 // as in Sender
	bounds Bounds

	wire    *wire
	words   *vocabulary // in which wire was read
	event   *impact.Event
	company *impact.Company
	amends  impact.Facts // 0: the event does not amend others
	mapping impact.Mapping
	known   bool // some mapping knows the type
}

// pointerTo is where the event has, or should have, a field.
func (n *normaliser) pointerTo(f field, has bool) string {
	return pointerTo(n.wire.raw, f, has, n.words)
}

// normalise is the event that a wire means, or why it is refused. Pointers of
// the error are relative to the event.
func (n *normaliser) normalise(w *wire) (*impact.Event, *impact.Error) {
	n.event, n.amends = new(impact.Event), 0
	w = n.understand(w)
	if w.problem != nil && (n.known || !w.minor) {
		return nil, w.problem
	}
	if n.strict {
		if err := n.checkCloudEvent(); err != nil {
			return nil, err
		}
	}
	if w.has[fieldDataBase64] && isCloudEvent(w) {
		if again, err := n.unpack(w); again != nil || err != nil {
			return again, err
		}
	}
	for _, step := range []func() *impact.Error{n.name, n.place, n.people, n.correct, n.check, n.attributes, n.date} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if n.amends == 0 {
		n.fill()
	}
	n.event.Raw, n.event.Source = w.raw, n.source
	n.event.Key = n.identity()
	n.event.Links = n.links()
	return n.event, nil
}

// understand finds what the event's type means, and reads the event again if that is in
// a vocabulary of its own.
func (n *normaliser) understand(w *wire) *wire {
	typ := w.text[fieldType]
	n.wire, n.words = w, common
	n.mapping, n.known = impact.KindOf(typ)
	own, isAdapted := adaptedFrom(n.provider, typ)
	switch {
	case amending(w):
		n.words = amendments
		n.mapping.Kind, n.known = impact.KindVolunteerHours, true
	case isAdapted:
		n.words = own.words
		n.mapping, n.known = impact.Mapping{Kind: own.kind, Programme: own.provider}, own.kind != impact.KindUnknown
	}
	if n.words != common {
		again := reread(w.raw, n.words)
		n.wire = &again
	}
	if isAdapted && own.withHours != impact.KindUnknown && n.wire.has[fieldHours] {
		n.mapping.Kind = own.withHours
	}
	if creates(typ) && n.wire.has[fieldHours] {
		n.mapping.Kind, n.known = impact.KindVolunteerHours, true
	}
	if n.mapping.Kind != impact.KindUnknown && n.mapping.Programme == impact.Unassigned && own.provider != "" {
		n.mapping.Programme = own.provider
	}
	return n.wire
}

// name checks the event's type and finds its kind and programme.
func (n *normaliser) name() *impact.Error {
	w, e, mapping := n.wire, n.event, n.mapping
	e.Type = w.text[fieldType]
	if !n.known {
		if err := n.invalid(rules.Struct(&unknownFacts{e.Type})); err != nil {
			return err
		}
	}
	e.Kind, e.Programme = mapping.Kind, mapping.Programme
	if p := w.text[fieldProgramme]; p != "" && (e.Kind != impact.KindUnknown || impact.ValidKey(p)) {
		e.Programme = p
	}
	return nil
}

// place finds the event's company: the one it names outright, which the caller
// must be allowed to use; else the one that its people belong to, if that is one
// of the caller's; else the caller's default.
func (n *normaliser) place() *impact.Error {
	w := n.wire
	var err error
	switch {
	case w.has[fieldCompany]:
		if n.company, err = n.caller.Company(w.text[fieldCompany]); err != nil {
			return n.at(err, fieldCompany)
		}
	default:
		n.company = nil
		if w.has[fieldCompanyHint] {
			n.company, _ = n.caller.Company(w.text[fieldCompanyHint])
		}
		if n.company == nil {
			if n.company, err = n.caller.DefaultCompany(); err != nil {
				return n.at(err, fieldCompany)
			}
		}
	}
	n.event.Company = n.company.ID
	return nil
}

// people finds who took part. A bare user is the participant, except where the
// kind or the role says volunteer.
func (n *normaliser) people() *impact.Error {
	w, e := n.wire, n.event
	e.Participant, e.Volunteer = w.text[fieldParticipant], w.text[fieldVolunteer]
	e.Session = w.text[fieldSession]
	if e.Session == "" {
		e.Session = w.text[fieldMatch]
	}
	user := w.text[fieldUser]
	if e.Participant == "" {
		e.Participant = strings.ToLower(w.text[fieldParticipantEmail])
	}
	if e.Volunteer == "" {
		e.Volunteer = strings.ToLower(w.text[fieldVolunteerEmail])
	}
	if user == "" {
		user = strings.ToLower(w.text[fieldUserEmail])
	}
	if user != "" {
		if e.Kind == impact.KindVolunteerHours || e.Kind == impact.KindFeedback && fromVolunteer(w) {
			if e.Volunteer == "" {
				e.Volunteer = user
			}
		} else if e.Participant == "" {
			e.Participant = user
		}
	}
	if e.Kind == impact.KindUnknown { // kept whole; only what is valid is lifted out
		keepValid(&e.Participant)
		keepValid(&e.Volunteer)
		keepValid(&e.Session)
		return nil
	}
	if err := n.checkKey(e.Participant, fieldParticipant, fieldUser, fieldParticipantEmail, fieldUserEmail); err != nil {
		return err
	}
	if err := n.checkKey(e.Volunteer, fieldVolunteer, fieldUser, fieldVolunteerEmail, fieldUserEmail); err != nil {
		return err
	}
	return n.checkKey(e.Session, fieldSession, fieldMatch)
}

// checkKey checks a key that the event need not have but that every kind keeps; it
// comes from the first of the fields that says something.
func (n *normaliser) checkKey(key string, from ...field) *impact.Error {
	if key == "" || impact.ValidKey(key) {
		return nil
	}
	f := from[0]
	for _, f = range from {
		if n.wire.text[f] != "" {
			break
		}
	}
	return &impact.Error{Code: impact.CodeInvalid, Pointer: n.pointerTo(f, true), Message: keyRule}
}

func keepValid(key *string) {
	if !impact.ValidKey(*key) {
		*key = ""
	}
}

func (n *normaliser) check() *impact.Error {
	if !impact.ValidKey(n.event.Programme) {
		return &impact.Error{
			Code: impact.CodeInvalid, Pointer: n.pointerTo(fieldProgramme, true), Message: keyRule,
		}
	}
	facts := n.facts()
	if n.amends != 0 {
		facts = n.amendment()
	}
	if facts == nil {
		return nil
	}
	return n.invalid(rules.Struct(facts))
}

// instant is how finely times are told apart: as the log keeps them, so that what is
// folded from memory is what a rebuild reads.
const instant = time.Microsecond

// date finds when the event happened: the time that its kind gives, else the
// envelope's, else when it was received.
func (n *normaliser) date() *impact.Error {
	w := n.wire
	for _, f := range [...]field{fieldCompletedAt, fieldTime} {
		if !w.has[f] {
			continue
		}
		at, ok := parseTime(w.text[f], n.company.Location)
		if !ok && f == fieldCompletedAt && n.event.Kind == impact.KindUnknown {
			continue
		}
		if !ok {
			return &impact.Error{Code: impact.CodeInvalid, Pointer: n.pointerTo(f, true), Message: shapeTime.want()}
		}
		if day := impact.DayAt(at, time.UTC); day <= impact.MinDay || day >= impact.MaxDay-1 {
			return &impact.Error{Code: impact.CodeInvalid, Pointer: n.pointerTo(f, true), Message: "must lie between 1970 and 2199"}
		}
		n.event.OccurredAt = at.Truncate(instant)
		return nil
	}
	n.event.OccurredAt = n.receivedAt.Truncate(instant)
	return nil
}

// parseTime reads RFC 3339, a date (midnight in loc), or Unix seconds or
// milliseconds: from 100,000,000,000 on, a number counts milliseconds.
func parseTime(s string, loc *time.Location) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	if date, err := time.Parse(time.DateOnly, s); err == nil {
		t := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, loc)
		if t.Day() != date.Day() { // summer time began at midnight: the day has none
			t = t.Add(time.Hour)
		}
		return t, true
	}
	if strings.Trim(s, "0123456789.eE+-") != "" { // hexadecimal, NaN and the like
		return time.Time{}, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || x < 0 || x > 1e14 {
		return time.Time{}, false
	}
	if x < 1e11 {
		x *= 1000
	}
	return time.UnixMilli(int64(x)), true
}

// identity is the event's key: from a CloudEvent's source and id, else the delivery, else
// the event's id, else type and session, else the bytes themselves. See
// docs/decisions/0002.
func (n *normaliser) identity() impact.Key {
	w := n.wire
	switch {
	case isCloudEvent(w):
		return hashKey("cloudevent", w.text[fieldOrigin], w.text[fieldEventID])
	case w.text[fieldDeliveryID] != "":
		return n.hashDelivery(w.text[fieldDeliveryID])
	case n.delivery != "":
		return n.hashDelivery(n.delivery)
	case w.text[fieldEventID] != "":
		return hashKey("event", w.text[fieldEventID])
	case w.text[fieldSession] != "" && !n.corrects():
		return hashKey("session", w.text[fieldType], w.text[fieldSession])
	}
	sum := sha256.Sum256(w.raw)
	return impact.Key(sum[:16])
}

// hashDelivery keeps the deliveries of sources apart: each counts its own, while an
// event's id means that event wherever it comes from.
func (n *normaliser) hashDelivery(id string) impact.Key {
	if n.source == "" {
		return hashKey("delivery", id)
	}
	return hashKey("delivery", n.source, id)
}

// hashKey hashes the parts so that no two lists of parts read the same.
func hashKey(parts ...string) impact.Key {
	b := make([]byte, 0, 128)
	for _, p := range parts {
		b = append(strconv.AppendInt(b, int64(len(p)), 10), ':')
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return impact.Key(sum[:16])
}

// rules is the validator of events; it is safe for concurrent use.
var rules = func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	for tag, ok := range map[string]func(string) bool{
		"printable": printable,
		"dimension": func(s string) bool { _, ok := impact.ParseDimension(s); return ok },
	} {
		if err := v.RegisterValidation(tag, func(l validator.FieldLevel) bool { return ok(l.Field().String()) }); err != nil {
			panic(err) // the tag is malformed
		}
	}
	return v
}()

func printable(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) }

// fieldsByName leads from the fields of the rules to those of the wire; of
// several, the first that the event has is meant, else the first.
var fieldsByName = map[string][]field{
	"Type":        {fieldType},
	"Participant": {fieldParticipant, fieldUser}, "Volunteer": {fieldVolunteer, fieldUser},
	"Session":         {fieldSession, fieldMatch},
	"DurationMinutes": {fieldDurationMinutes}, "DurationSeconds": {fieldDurationSeconds}, "Hours": {fieldHours},
	"Score": {fieldScore}, "Rating": {fieldRating, fieldStars, fieldScore}, "Stars": {fieldStars},
	"SalaryMin": {fieldSalaryMin}, "SalaryMax": {fieldSalaryMax}, "SalaryCurrency": {fieldSalaryCurrency}, "FinalScore": {fieldFinalScore},
	"Progress": {fieldProgress}, "Confidence": {fieldConfidence}, "Dimension": {fieldDimension},
	"Status": {fieldStatus}, "Mood": {fieldMood}, "Level": {fieldLevel}, "Points": {fieldPoints},
	"Amount": {fieldAmount}, "Currency": {fieldCurrency}, "Department": {fieldDepartment, fieldOrganisation},
}

func (n *normaliser) invalid(err error) *impact.Error {
	if err == nil {
		return nil
	}
	broken, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok {
		return impact.Errorf(impact.CodeInternal, "validate: %v", err)
	}
	fields := fieldsByName[broken[0].StructField()]
	f := fields[0]
	for _, candidate := range fields {
		if n.wire.has[candidate] {
			f = candidate
			break
		}
	}
	return n.broken(broken[0], f)
}

func (n *normaliser) broken(b validator.FieldError, f field) *impact.Error {
	return &impact.Error{
		Code: impact.CodeInvalid, Pointer: n.pointerTo(f, n.wire.has[f]), Message: explain(b),
	}
}

var keyRule = fmt.Sprintf("must be 1 to %d of the characters A-Z a-z 0-9 _ . @ : -", impact.MaxKey)

func explain(b validator.FieldError) string {
	switch b.Tag() {
	case "required", "required_without", "required_without_all":
		return "is required"
	case "printable":
		return "must not hold control characters"
	case "dimension":
		return "must be integration, language, job_readiness, confidence, belonging or well_being"
	case "oneof":
		return "must be one of: " + strings.ReplaceAll(b.Param(), " ", ", ")
	case "max":
		return "may have at most " + b.Param() + " characters"
	case "gt":
		return "must be greater than " + b.Param()
	case "gte":
		return "must be at least " + b.Param()
	case "lt":
		return "must be less than " + b.Param()
	case "lte":
		return "must be at most " + b.Param()
	case "gtefield":
		return "must be at least the least of the range"
	case "len", "alpha":
		return "must be a three-letter ISO 4217 currency code"
	}
	return "is not valid"
}

// at gives an error of the caller's the place of a field.
func (n *normaliser) at(err error, f field) *impact.Error {
	e, ok := errors.AsType[*impact.Error](err)
	if !ok {
		return &impact.Error{Code: impact.CodeUnavailable, Message: "the company cannot be looked up right now; send again"}
	}
	return &impact.Error{Code: e.Code, Pointer: n.pointerTo(f, n.wire.has[f]), Message: e.Message}
}
