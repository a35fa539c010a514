package signature_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/ingest/signature"
	"github.com/impactql/impactql/ingest/signature/signaturetest"
)

// The signatures of the official npm libraries are taken, what was tampered with is
// not; and they take what our own signer signs, so that tests which use it mean the same.
func TestOfficialLibraries(t *testing.T) {
	t.Parallel()
	secret := signature.NewSecret(signature.StandardWebhooks)
	bodies := []string{string(body), "", "{\"name\":\"Ærø ✓\",\n  \"n\": 1.0}\r\n", strings.Repeat(`{"a":1}`, 10_000)}
	at := time.Now().Truncate(time.Second)
	var sign []signaturetest.Delivery
	var verify []signaturetest.Received
	for _, library := range []string{signaturetest.StandardWebhooks, signaturetest.Svix} {
		for _, b := range bodies {
			sign = append(sign, signaturetest.Delivery{Library: library, Secret: secret, ID: "msg_" + library, At: at.Unix(), Body: b})
		}
		ours := make(map[string]string)
		for name, values := range signaturetest.Sign(signature.StandardWebhooks, secret, "msg_1", at, body) {
			ours[strings.ToLower(name)] = values[0]
		}
		verify = append(verify,
			signaturetest.Received{Library: library, Secret: secret, Headers: ours, Body: string(body)},
			signaturetest.Received{Library: library, Secret: secret, Headers: ours, Body: string(body) + " "})
	}
	headers, errs := signaturetest.Official(t, sign, verify)
	for i, err := range errs {
		if tampered := i%2 == 1; (err != "") != tampered {
			t.Errorf("%s on ours, tampered %v: %q", verify[i].Library, tampered, err)
		}
	}

	secrets := parse(t, signature.StandardWebhooks, secret)
	check := func(h http.Header, b string) bool {
		_, err := signature.Verify(signature.StandardWebhooks, h, []byte(b), secrets, at)
		return err == nil
	}
	for i, h := range headers {
		d := sign[i]
		if !check(h, d.Body) {
			t.Fatalf("%s: refused its own %v", d.Library, h)
		}
		if check(h, d.Body+" ") || check(h, "x"+d.Body) || d.Body != "" && check(h, d.Body[1:]) {
			t.Errorf("%s: took a body that was changed", d.Library)
		}
		for name := range h {
			changed := h.Clone()
			value := h.Get(name)
			switch {
			case strings.HasSuffix(name, "Timestamp"):
				value = value[:len(value)-1] + string('0'+(value[len(value)-1]-'0'+1)%10)
			case strings.HasSuffix(name, "Signature"):
				flipped := byte('A')
				if value[3] == flipped {
					flipped = 'B'
				}
				value = value[:3] + string(flipped) + value[4:]
			default:
				value += "0"
			}
			changed.Set(name, value)
			if check(changed, d.Body) {
				t.Errorf("%s: took a %s that was changed", d.Library, name)
			}
			changed.Del(name)
			if check(changed, d.Body) {
				t.Errorf("%s: took a delivery without %s", d.Library, name)
			}
		}
	}
}
