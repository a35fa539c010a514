package impact

import (
	"fmt"
	"strings"
	"time"
)

// CompanyID is the internal number of a company; it never leaves the process
// and the database. Customers know a company by its key.
type CompanyID int32

// Company is a customer of impactql.
type Company struct {
	ID   CompanyID
	Key  string // the customer's own id, see [ValidKey]
	Name string
	Calendar
}

// Calendar is how a company cuts time: every day of a figure is a day of it.
type Calendar struct {
	Location    *time.Location
	WeekStart   time.Weekday
	FiscalStart time.Month
}

// Today is the calendar's day at now.
func (c Calendar) Today(now time.Time) Day { return DayAt(now, c.Location) }

// MaxKey is the greatest length of a company, person, programme or session key,
// in bytes.
const MaxKey = 100

// ValidKey reports whether s can name a company, person, programme or session:
// [A-Za-z0-9_.@:-]{1,100}. Legacy ids such as c1111111-1111-1111-1111-111111111111
// are not RFC 9562 UUIDs, so keys are opaque text.
func ValidKey(s string) bool {
	if s == "" || len(s) > MaxKey {
		return false
	}
	for i := range len(s) {
		if !keyByte[s[i]] {
			return false
		}
	}
	return true
}

// KeyRule says what a key has to be.
const KeyRule = "must be 1 to 100 of the characters A-Z a-z 0-9 _ . @ : -"

var keyByte = func() (ok [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@:-") {
		ok[c] = true
	}
	return ok
}()

// PersonKey is the key of somebody whom an export, or a person, names. E-mail addresses are
// compared without case; what a key cannot hold of one, such as +, is written as a
// colon, which no address has, and two hexadecimal digits.
func PersonKey(name string) string {
	if !strings.Contains(name, "@") {
		return name
	}
	name = strings.ToLower(name)
	if ValidKey(name) || strings.Contains(name, ":") {
		return name
	}
	var b strings.Builder
	for _, c := range []byte(name) {
		if ValidKey(string(rune(c))) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, ":%02x", c)
		}
	}
	return b.String()
}
