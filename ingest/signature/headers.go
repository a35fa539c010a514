package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/impact"
)

// read finds the claim of a request.
func read(s Scheme, h http.Header) (*claim, error) {
	switch s {
	case StandardWebhooks:
		return readStandard(h)
	case Kintell:
		if _, err := s.single(h, deliveryHeader, impact.CodeInvalid); err != nil {
			return nil, err
		}
		return s.readTimed(h, "X-Kintell-Signature")
	case Benevity:
		return s.readTimed(h, "X-Benevity-Signature")
	case Goodera:
		const at = "X-Goodera-Request-Timestamp"
		signedAt, err := s.single(h, at, impact.CodeUnauthenticated)
		if err != nil {
			return nil, err
		}
		c, err := s.readPlain(h, "X-Goodera-Signature")
		if err != nil {
			return nil, err
		}
		c.prefix, c.signedAt, c.timeHeader = signedAt+".", signedAt, at
		return c, nil
	case Workday:
		return s.readPlain(h, "X-Workday-Signature")
	case GitHub:
		return s.readPlain(h, "X-Hub-Signature-256")
	case APIKey:
	}
	return nil, impact.Errorf(impact.CodeUnauthenticated, "the scheme %q has no signature", string(s))
}

// maxHeader is the greatest length of an id or a time in a header.
const maxHeader = 256

// single is the one value of a header that must be there once.
func (s Scheme) single(h http.Header, name string, missing impact.Code) (string, error) {
	values := h.Values(name)
	switch {
	case len(values) == 0 || values[0] == "":
		return "", impact.Errorf(missing, "the header %s is missing", s.header(name))
	case len(values) > 1:
		return "", impact.Errorf(impact.CodeUnauthenticated, "the header %s is there %d times: send it once", s.header(name), len(values))
	case len(values[0]) > maxHeader:
		return "", impact.Errorf(impact.CodeUnauthenticated, "the header %s is longer than %d bytes", s.header(name), maxHeader)
	}
	return values[0], nil
}

func (s Scheme) malformed(name, want string) error {
	return impact.Errorf(impact.CodeUnauthenticated, "the header %s is malformed: it must be %s", s.header(name), want)
}

// readStandard reads `webhook-signature: v1,<base64> v1a,<base64>` and its companions.
// A version that is not known is passed over, as the specification asks, and so is what is no
// signature, if another one is.
func readStandard(h http.Header) (*claim, error) {
	const s, want = StandardWebhooks, "v1,<base64> or v1a,<base64>, several apart by spaces"
	prefix := standardPrefix(h)
	id, err := s.single(h, prefix+"Id", impact.CodeUnauthenticated)
	if err != nil {
		return nil, err
	}
	at, err := s.single(h, prefix+"Timestamp", impact.CodeUnauthenticated)
	if err != nil {
		return nil, err
	}
	c := &claim{prefix: id + "." + at + ".", signedAt: at, timeHeader: prefix + "Timestamp"}
	name, n := prefix+"Signature", 0
	for _, line := range h.Values(name) {
		for one := range strings.FieldsSeq(line) {
			if n++; n > maxSignatures {
				return nil, s.tooMany(name)
			}
			version, sig, _ := strings.Cut(one, ",")
			raw, err := decode64(sig)
			switch {
			case err == nil && version == "v1" && len(raw) == sha256.Size:
				c.hmac = append(c.hmac, raw)
			case err == nil && version == "v1a" && len(raw) == ed25519.SignatureSize:
				c.ed25519 = append(c.ed25519, raw)
			}
		}
	}
	if n == 0 {
		return nil, impact.Errorf(impact.CodeUnauthenticated, "the header %s is missing", s.header(name))
	}
	if len(c.hmac)+len(c.ed25519) == 0 {
		return nil, s.malformed(name, want)
	}
	return c, nil
}

func (s Scheme) tooMany(name string) error {
	return impact.Errorf(impact.CodeUnauthenticated, "the header %s holds more than %d signatures", s.header(name), maxSignatures)
}

// readTimed reads `t=<unix seconds>,v1=<hex>`, v1 perhaps more than once.
func (s Scheme) readTimed(h http.Header, name string) (*claim, error) {
	c, at, err := s.readPairs(h, name, "v1", "t=<unix seconds>,v1=<hex>")
	if err != nil {
		return nil, err
	}
	c.prefix, c.signedAt, c.timeHeader = at+".", at, name
	return c, nil
}

// readPlain reads `sha256=<hex>`.
func (s Scheme) readPlain(h http.Header, name string) (*claim, error) {
	c, _, err := s.readPairs(h, name, "sha256", "sha256=<hex>")
	return c, err
}

// readPairs reads a header of name=value pairs apart by commas: signatures under sigs,
// and for v1 exactly one t. Names that are not known are passed over, so that a
// provider can bring in a new one beside the old.
func (s Scheme) readPairs(h http.Header, header, sigs, want string) (c *claim, at string, err error) {
	lines := h.Values(header)
	if len(lines) == 0 || lines[0] == "" {
		return nil, "", impact.Errorf(impact.CodeUnauthenticated, "the header %s is missing", s.header(header))
	}
	c = new(claim)
	n := 0
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ",") {
			if n++; n > maxSignatures {
				return nil, "", s.tooMany(header)
			}
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			switch {
			case !ok:
				return nil, "", s.malformed(header, want)
			case name == sigs:
				raw, err := hex.DecodeString(value)
				if err != nil || len(raw) != sha256.Size {
					return nil, "", s.malformed(header, want)
				}
				c.hmac = append(c.hmac, raw)
			case name == "t" && sigs == "v1":
				if at != "" {
					return nil, "", s.malformed(header, want+", with one t")
				}
				at = value
			}
		}
	}
	if len(c.hmac) == 0 || sigs == "v1" && at == "" {
		return nil, "", s.malformed(header, want)
	}
	return c, at, nil
}

// maxDigits is the greatest length of Unix seconds: until the year 5138.
const maxDigits = 11

// checkTime checks a signed time, Unix seconds.
func (s Scheme) checkTime(header, text string, now time.Time) error {
	if text == "" || len(text) > maxDigits || strings.Trim(text, "0123456789") != "" {
		return s.malformed(header, "a time in Unix seconds")
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return s.malformed(header, "a time in Unix seconds")
	}
	switch age := now.Sub(time.Unix(seconds, 0)); {
	case age > Tolerance:
		return impact.Errorf(impact.CodeUnauthenticated, "the time in %s is too old, %s: it may be %s from now; sign again when you send again",
			s.header(header), age.Truncate(time.Second), Tolerance)
	case age < -Tolerance:
		return impact.Errorf(impact.CodeUnauthenticated, "the time in %s is %s ahead: it may be %s from now; check your clock",
			s.header(header), (-age).Truncate(time.Second), Tolerance)
	}
	return nil
}
