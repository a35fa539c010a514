package ingest

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/impactql/impactql/impact"
)

// attributes is what a directory event says of a person beside their department: the
// members of its object "attributes", and the fields division and status, which win
// over members of the same name. An empty field says nothing; an empty or null member
// takes the attribute away.
func (n *normaliser) attributes() *impact.Error {
	if n.event.Kind != impact.KindDirectory || n.amends != 0 {
		return nil
	}
	values := make(map[string]string)
	if n.wire.has[fieldAttributes] {
		if err := n.members(values); err != nil {
			return err
		}
	}
	division, err := n.division()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		impact.AttributeDivision: division, impact.AttributeStatus: n.wire.text[fieldStatus],
	} {
		if value = strings.TrimSpace(value); value != "" {
			values[name] = value
		}
	}
	n.event.Attributes = impact.NewAttributes(values)
	return nil
}

func (n *normaliser) division() (string, *impact.Error) {
	raw := jsontext.Value(n.wire.text[fieldDivision])
	if !n.wire.has[fieldDivision] {
		return "", nil
	}
	if raw.Kind() != '"' {
		return "", n.attributeError(fieldDivision, "", shapeText.want())
	}
	value, err := unquote(raw)
	if err != nil || !impact.ValidAttributeValue(value) {
		return "", n.attributeError(fieldDivision, "", attributeValueRule)
	}
	return value, nil
}

var (
	attributeNameRule = fmt.Sprintf("an attribute's name has 1 to %d of the characters a-z 0-9 _ . -, in any case, and is not department",
		impact.MaxAttributeName)
	attributeValueRule = fmt.Sprintf("an attribute is a string of up to %d characters without control characters, a number, true, false, "+
		"or null to take it away", impact.MaxAttributeValue)
)

// members reads the members of the object "attributes" into values.
func (n *normaliser) members(values map[string]string) *impact.Error {
	d := jsontext.NewDecoder(strings.NewReader(n.wire.text[fieldAttributes]))
	if d.PeekKind() != '{' {
		return n.attributeError(fieldAttributes, "", "must be an object of attributes by name")
	}
	if _, err := d.ReadToken(); err != nil {
		return n.attributeError(fieldAttributes, "", err.Error())
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return n.attributeError(fieldAttributes, "", err.Error())
		}
		as := token.String()
		name := strings.ToLower(as)
		if !impact.ValidAttributeName(name) {
			return n.attributeError(fieldAttributes, as, attributeNameRule)
		}
		if _, twice := values[name]; twice {
			return n.attributeError(fieldAttributes, as, "the attribute is named twice: case does not matter")
		}
		value, ok := "", false
		if raw, err := d.ReadValue(); err == nil {
			value, ok = attributeValue(raw)
		}
		if !ok {
			return n.attributeError(fieldAttributes, as, attributeValueRule)
		}
		values[name] = value
		if len(values) > impact.MaxAttributes {
			return n.attributeError(fieldAttributes, "", fmt.Sprintf("a directory event has at most %d attributes", impact.MaxAttributes))
		}
	}
	return nil
}

// attributeValue is a JSON value as the text of an attribute.
func attributeValue(raw jsontext.Value) (value string, ok bool) {
	switch raw.Kind() {
	case '"':
		text, err := unquote(raw)
		if err != nil {
			return "", false
		}
		value = strings.TrimSpace(text)
	case 'n':
		return "", true
	case '0', 't', 'f':
		value = string(raw)
	default:
		return "", false
	}
	return value, impact.ValidAttributeValue(value)
}

func (n *normaliser) attributeError(f field, member, message string) *impact.Error {
	at := n.pointerTo(f, true)
	if member != "" {
		at = string(jsontext.Pointer(at).AppendToken(member))
	}
	return &impact.Error{Code: impact.CodeInvalid, Pointer: at, Message: message}
}
