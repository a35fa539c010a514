package impact

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Attributes are what a directory event says of somebody beside their department: a
// JSON object of texts by name, the names in lower case and sorted, so that equal
// attributes are equal texts. An empty value takes the attribute away. The zero value
// says nothing. Make them with [NewAttributes].
type Attributes string

// The bounds of attributes.
const (
	MaxAttributes     = 20  // of one event
	MaxAttributeName  = 50  // bytes
	MaxAttributeValue = 100 // characters
)

// The attributes that have a field of their own in a directory event.
const (
	AttributeDivision = "division"
	AttributeStatus   = "status"
)

// NewAttributes are attributes by their names, which are [ValidAttributeName].
func NewAttributes(values map[string]string) Attributes {
	if len(values) == 0 {
		return ""
	}
	text, err := json.Marshal(values) // sorts the names
	if err != nil {
		panic(err) // texts alone
	}
	return Attributes(text)
}

// All are the attributes by name; nil where there is none. A text that
// [NewAttributes] did not make says nothing.
func (a Attributes) All() map[string]string {
	if a == "" {
		return nil
	}
	var values map[string]string
	if err := json.Unmarshal([]byte(a), &values); err != nil {
		return nil
	}
	return values
}

// Names are the names in order.
func (a Attributes) Names() []string { return slices.Sorted(maps.Keys(a.All())) }

// Without is the attributes but those whose values name a person; see [Mentions].
func (a Attributes) Without(person string) Attributes {
	values := a.All()
	before := len(values)
	maps.DeleteFunc(values, func(name, value string) bool { return tells(value, person) || tells(name, person) })
	if len(values) == before {
		return a
	}
	return NewAttributes(values)
}

// ValidAttributeName reports whether a name is 1 to [MaxAttributeName] of the characters
// a-z 0-9 _ . -. The department is none: it has a place of its own.
func ValidAttributeName(name string) bool {
	return name != "" && len(name) <= MaxAttributeName && name != "department" &&
		!strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_.-", r) })
}

// ValidAttributeValue reports whether a value is up to [MaxAttributeValue] characters,
// none of them a control character.
func ValidAttributeValue(value string) bool {
	return utf8.ValidString(value) && utf8.RuneCountInString(value) <= MaxAttributeValue && !strings.ContainsFunc(value, unicode.IsControl)
}
