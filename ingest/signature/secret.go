package signature

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/impactql/impactql/impact"
)

// Secret is what signatures are checked with: the secret of an HMAC, or the public
// half of an ed25519 key pair.
type Secret struct {
	hmac   []byte            // nil for a public key
	public ed25519.PublicKey // nil for an HMAC
}

// How Standard Webhooks writes keys: the prefix says of which kind, the rest is base64.
const (
	prefixHMAC    = "whsec_"
	prefixPublic  = "whpk_"
	prefixPrivate = "whsk_"
)

// Sizes of secrets: of Standard Webhooks in bytes behind the base64; of the others in
// bytes as they are written. The specification asks for 24, but Svix gave out 18.
const (
	minStandard, maxStandard = 16, 64
	minOther, maxOther       = 16, 256
	newSize                  = 32
)

// NewSecret makes a secret that providers of the scheme take, of 256 random bits.
func NewSecret(s Scheme) string {
	var b [newSize]byte
	_, _ = rand.Read(b[:]) // never fails
	if s == StandardWebhooks {
		return prefixHMAC + base64.StdEncoding.EncodeToString(b[:])
	}
	return "iqs_" + base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseSecret reads a secret as the scheme writes it. Errors do not repeat it.
func ParseSecret(s Scheme, text string) (Secret, error) {
	switch s {
	case StandardWebhooks:
		return parseStandard(text)
	case Kintell, Benevity, Goodera, Workday, GitHub:
		if len(text) < minOther || len(text) > maxOther {
			return Secret{}, impact.Errorf(impact.CodeInvalid, "the secret has %d bytes: it must have %d to %d", len(text), minOther, maxOther)
		}
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
			return Secret{}, impact.Errorf(impact.CodeInvalid, "the secret holds a space or what cannot be printed: give it alone, as the provider shows it")
		}
		return Secret{hmac: []byte(text)}, nil
	case APIKey:
		return Secret{}, impact.Errorf(impact.CodeInvalid, "a source of the scheme %s has no secret: it takes the company's API keys", s)
	}
	return Secret{}, impact.Errorf(impact.CodeInvalid, "there is no scheme %q", string(s))
}

func parseStandard(text string) (Secret, error) {
	if rest, ok := strings.CutPrefix(text, prefixPublic); ok {
		key, err := decode64(rest)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return Secret{}, impact.Errorf(impact.CodeInvalid, "a public key is %s and the base64 of %d bytes", prefixPublic, ed25519.PublicKeySize)
		}
		return Secret{public: key}, nil
	}
	if strings.HasPrefix(text, prefixPrivate) {
		return Secret{}, impact.Errorf(impact.CodeInvalid,
			"%s is the private half of a key pair, which only the provider may hold: give the public half, %s", prefixPrivate, prefixPublic)
	}
	rest, ok := strings.CutPrefix(text, prefixHMAC)
	key, err := decode64(rest)
	if !ok || err != nil || len(key) < minStandard || len(key) > maxStandard {
		return Secret{}, impact.Errorf(impact.CodeInvalid,
			"a secret of %s is %s and the base64 of %d to %d bytes, or %s and that of a public key",
			StandardWebhooks, prefixHMAC, minStandard, maxStandard, prefixPublic)
	}
	return Secret{hmac: key}, nil
}

// decode64 takes base64 with and without padding.
func decode64(s string) ([]byte, error) {
	return base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
}
