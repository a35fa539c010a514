package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/impactql/impactql/impact"
)

// Verify finds which of the secrets signed the request: its place in the list. The
// error is an [*impact.Error]: [impact.CodeInvalid] where a delivery id is missing, and
// else [impact.CodeUnauthenticated], with [ErrMismatch] where the request is in order
// but none of the secrets signed it.
func Verify(s Scheme, h http.Header, body []byte, secrets []Secret, now time.Time) (int, error) {
	c, err := read(s, h)
	if err != nil {
		return 0, err
	}
	if c.signedAt != "" {
		if err := s.checkTime(c.timeHeader, c.signedAt, now); err != nil {
			return 0, err
		}
	}
	var message []byte // ed25519 needs it in one piece
	for i, secret := range secrets {
		switch {
		case secret.public != nil && len(c.ed25519) > 0:
			if message == nil {
				message = append([]byte(c.prefix), body...)
			}
			for _, sig := range c.ed25519 {
				if ed25519.Verify(secret.public, message, sig) {
					return i, nil
				}
			}
		case secret.hmac != nil && len(c.hmac) > 0:
			mac := hmac.New(sha256.New, secret.hmac)
			mac.Write([]byte(c.prefix))
			mac.Write(body)
			sum := mac.Sum(nil)
			for _, sig := range c.hmac {
				if hmac.Equal(sum, sig) {
					return i, nil
				}
			}
		}
	}
	return 0, ErrMismatch
}

// ErrMismatch says that none of the secrets made any of the signatures.
var ErrMismatch error = impact.Errorf(impact.CodeUnauthenticated,
	"the signature does not match: sign the body byte for byte as it is sent, with a secret of this source that is not revoked")

// claim is what the headers of a request say of its signature.
type claim struct {
	prefix     string // what is signed in front of the body
	hmac       [][]byte
	ed25519    [][]byte
	signedAt   string // as the header writes it; empty where the scheme signs no time
	timeHeader string
}

// maxSignatures bounds how many signatures a header may hold: providers send one for
// each live secret of theirs.
const maxSignatures = 16
