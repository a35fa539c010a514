package ingest

import (
	"encoding/hex"
	"strings"

	"github.com/impactql/impactql/impact"
)

const (
	typeSessionUpdated = "session.updated"
	kintellPrefix      = "kintell."
	changesBranch      = "changes."
)

// amendments is the vocabulary of session.updated: what is under "changes" wins over
// the same name elsewhere.
var amendments = func() *vocabulary {
	data := make(map[string]field, 2*len(dataFields))
	for name, f := range dataFields {
		if f != fieldChanges {
			data[name] = f
			data[changesBranch+name] = f
		}
	}
	return newVocabulary(envelopeFields, data)
}()

// amending reports whether an event changes facts of the volunteer hours of a session.
func amending(w *wire) bool {
	return ownType(w.text[fieldType]) == typeSessionUpdated && w.has[fieldChanges]
}

// creates reports whether events of the type may be the volunteer hours of a session.
func creates(typ string) bool { return ownType(typ) == typeSessionCreated }

// ownType is a type without the prefix of the provider whose sessions are amended.
func ownType(typ string) string { return strings.TrimPrefix(typ, kintellPrefix) }

// maxReference is the greatest length of what names another event.
const maxReference = 500

// correct finds whether the event corrects others, and what it amends. An event that
// only says that another did not happen need not repeat it.
func (n *normaliser) correct() *impact.Error {
	w := n.wire
	if !n.corrects() {
		return nil
	}
	if len(w.text[fieldSupersedes]) > maxReference {
		return &impact.Error{Code: impact.CodeInvalid, Pointer: n.pointerTo(fieldSupersedes, true), Message: "may have at most 500 bytes"}
	}
	cancelled := cancels(w.text[fieldStatus])
	if n.words == amendments {
		n.amends = impact.FactAmends
		for f, fact := range map[field]impact.Facts{
			fieldCompletedAt: impact.FactDate, fieldHours: impact.FactTime, fieldStatus: impact.FactStatus,
		} {
			if w.has[f] {
				n.amends |= fact
			}
		}
		if w.text[fieldProgramme] != "" {
			n.amends |= impact.FactProgramme
		}
		n.event.DurationMS = milliseconds(w.number[fieldHours])
	} else if noTime := n.event.Kind == impact.KindVolunteerHours && w.has[fieldHours] && w.number[fieldHours] == 0; cancelled || noTime {
		n.amends = impact.FactAmends | impact.FactStatus
		cancelled = true
	}
	if n.amends != 0 && cancelled {
		n.event.Status = impact.StatusCancelled
	}
	return nil
}

// cancels reports whether a correction's status strikes out what it corrects.
func cancels(status string) bool {
	status = strings.ToLower(status)
	return status == "cancelled" || status == "canceled"
}

// corrects reports whether the event corrects others.
func (n *normaliser) corrects() bool {
	return n.wire.text[fieldSupersedes] != "" || n.words == amendments
}

type amendmentFacts struct {
	Session string   `validate:"required"`
	Hours   *float64 `validate:"omitempty,gte=0,lte=10000"`
}

// amendment is what the rules look at of an amendment.
func (n *normaliser) amendment() any {
	if n.words != amendments {
		return nil
	}
	f := amendmentFacts{Session: n.event.Session}
	if n.wire.text[fieldSupersedes] != "" {
		f.Session = "named otherwise"
	}
	if n.wire.has[fieldHours] {
		f.Hours = &n.wire.number[fieldHours]
	}
	return &f
}

// links is what ties the event to others; nil if nothing does. Ordinary events pay for
// no allocation and no hash.
func (n *normaliser) links() *impact.Links {
	w, e := n.wire, n.event
	var alias, slot impact.Key
	if id := w.text[fieldEventID]; id != "" && (isCloudEvent(w) || w.text[fieldDeliveryID] != "" || n.delivery != "") {
		alias = hashKey("event", id) // the key is of something else
	}
	if creates(e.Type) && e.Kind == impact.KindVolunteerHours && e.Session != "" {
		slot = hoursOf(e.Session)
	}
	if !n.corrects() {
		if alias == slot { // both are none
			return nil
		}
		return &impact.Links{Alias: alias, Slot: slot}
	}
	l := &impact.Links{Alias: alias, Slot: slot, Amends: n.amends, RevisedAt: n.receivedAt.Truncate(instant)}
	if x := w.text[fieldSupersedes]; x != "" {
		l.Supersedes, l.SupersedesKey = hashKey("event", x), parseKey(x)
	} else {
		l.Supersedes = hoursOf(e.Session)
	}
	if at, ok := parseTime(w.text[fieldTime], n.company.Location); ok && w.has[fieldTime] {
		l.RevisedAt = at.Truncate(instant)
	}
	return l
}

// hoursOf is the name of the volunteer hours of a session.
func hoursOf(session string) impact.Key { return hashKey("hours", session) }

// parseKey is a key as our answers write it; zero if it is none.
func parseKey(s string) (k impact.Key) {
	compact := strings.ReplaceAll(s, "-", "")
	if len(s) != 36 || len(compact) != 32 {
		return k
	}
	if _, err := hex.Decode(k[:], []byte(compact)); err != nil {
		return impact.Key{}
	}
	return k
}
