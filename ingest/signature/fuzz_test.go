package signature

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// FuzzVerify: whatever headers say, verifying ends in a refusal that may be shown, and
// never in acceptance: the fuzzer does not know the secret.
func FuzzVerify(f *testing.F) {
	hex64 := strings.Repeat("0a", 32)
	b32, b64 := base64.StdEncoding.EncodeToString(make([]byte, 32)), base64.StdEncoding.EncodeToString(make([]byte, 64))
	for _, seed := range []string{
		"", "t=1763028000,v1=" + hex64, "t=1763028000, v1=" + hex64 + ",v1=" + strings.ToUpper(hex64), "t=,v1=", "t=1,t=2,v1=" + hex64, "v1=" + hex64,
		"sha256=" + hex64, "sha256=" + hex64 + ",sha1=00", "sha256=", "=", ",", "sha256=" + hex64[:63], "v1," + b32, "v1a," + b64 + " v1," + b32,
		"v1," + b32 + "===", "v2,x v1," + b32, strings.Repeat("v1,"+b32+" ", 40), "v1,\x00", "v1," + b64, "\xff=\xff",
	} {
		for i := range Schemes {
			f.Add(uint8(i), seed, "1763028000", "msg_1")
		}
	}
	f.Add(uint8(0), "v1,"+b32, "-1", "")
	f.Add(uint8(3), "sha256="+hex64, "99999999999999999999", "a.b")
	secrets := make(map[Scheme][]Secret)
	for _, s := range Schemes {
		if secret, err := ParseSecret(s, NewSecret(s)); err == nil {
			secrets[s] = []Secret{secret}
		}
	}
	f.Fuzz(func(t *testing.T, scheme uint8, sig, at, id string) {
		s := Schemes[int(scheme)%len(Schemes)]
		h := http.Header{
			"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {sig},
			"X-Delivery-Id": {id}, "X-Kintell-Signature": {sig}, "X-Benevity-Signature": {sig},
			"X-Goodera-Signature": {sig}, "X-Goodera-Request-Timestamp": {at},
			"X-Workday-Signature": {sig}, "X-Hub-Signature-256": {sig},
		}
		_, err := Verify(s, h, []byte("body"), secrets[s], time.Unix(1_763_028_000, 0))
		told, ok := errors.AsType[*impact.Error](err)
		if !ok || told.Code != impact.CodeUnauthenticated && told.Code != impact.CodeInvalid {
			t.Fatalf("%s took or failed: %v", s, err)
		}
		c, err := read(s, h)
		if err != nil {
			return
		}
		if len(c.hmac)+len(c.ed25519) == 0 || len(c.hmac)+len(c.ed25519) > maxSignatures {
			t.Fatalf("%d signatures", len(c.hmac)+len(c.ed25519))
		}
	})
}

// FuzzParseSecret: a secret is taken or refused, and no refusal repeats it.
func FuzzParseSecret(f *testing.F) {
	for i, s := range Schemes {
		f.Add(uint8(i), NewSecret(s))
		f.Add(uint8(i), "")
	}
	f.Add(uint8(0), prefixPublic+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	f.Add(uint8(0), prefixPrivate+"AAAA")
	f.Fuzz(func(t *testing.T, scheme uint8, text string) {
		s := Schemes[int(scheme)%len(Schemes)]
		secret, err := ParseSecret(s, text)
		if err != nil {
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Fatalf("%v repeats the secret", err)
			}
			return
		}
		if (secret.hmac == nil) == (secret.public == nil) {
			t.Fatalf("%q: %d and %d bytes", text, len(secret.hmac), len(secret.public))
		}
	})
}
