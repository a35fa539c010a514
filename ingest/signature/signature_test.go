package signature_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest/signature"
	"github.com/impactql/impactql/ingest/signature/signaturetest"
)

var (
	body = []byte(`{"type":"session.completed","id":"e1","userId":"p1"}`)
	now  = time.Unix(1_763_028_000, 0)
)

// pair is an ed25519 key pair as Standard Webhooks writes it.
func pair(t testing.TB) (private, public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return "whsk_" + base64.StdEncoding.EncodeToString(key), "whpk_" + base64.StdEncoding.EncodeToString(pub)
}

func parse(t testing.TB, s signature.Scheme, texts ...string) (secrets []signature.Secret) {
	t.Helper()
	for _, text := range texts {
		secret, err := signature.ParseSecret(s, text)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	return secrets
}

// way is one way to sign: a scheme with a secret for each side.
type way struct {
	name            string
	scheme          signature.Scheme
	signs, verifies string
	timed           bool // a time is signed
}

func ways(t testing.TB) (list []way) {
	t.Helper()
	for _, s := range signature.Schemes {
		if !s.Signed() {
			continue
		}
		secret := signature.NewSecret(s)
		list = append(list, way{string(s), s, secret, secret, s != signature.GitHub && s != signature.Workday})
	}
	private, public := pair(t)
	return append(list, way{"v1a", signature.StandardWebhooks, private, public, true})
}

func (w way) sign(at time.Time) http.Header {
	return signaturetest.Sign(w.scheme, w.signs, "msg_1", at, body)
}

// Published examples, so that signer and verifier cannot be wrong together.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		scheme       signature.Scheme
		secret, body string
		at           int64
		headers      map[string]string
	}{
		// https://docs.svix.com/receiving/verifying-payloads/how-manual
		"svix": {
			signature.StandardWebhooks, "whsec_plJ3nmyCDGBKInavdOK15jsl", `{"event_type":"ping","data":{"success":true}}`, 1731705121,
			map[string]string{"Svix-Id": "msg_loFOjxBNrRLzqYUf", "Svix-Timestamp": "1731705121", "Svix-Signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="},
		},
		// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
		"github": {
			signature.GitHub, "It's a Secret to Everybody", "Hello, World!", now.Unix(),
			map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		},
	} {
		h := make(http.Header)
		for k, value := range v.headers {
			h.Set(k, value)
		}
		secret := strings.ReplaceAll(v.secret, " ", "")
		if secret != v.secret { // the example's secret has spaces, which sources do not take
			h = signaturetest.Sign(v.scheme, v.secret, "", time.Unix(v.at, 0), []byte(v.body))
			if got := h.Get("X-Hub-Signature-256"); got != v.headers["X-Hub-Signature-256"] {
				t.Errorf("%s: signed %s", name, got)
			}
			continue
		}
		if _, err := signature.Verify(v.scheme, h, []byte(v.body), parse(t, v.scheme, v.secret), time.Unix(v.at, 0)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every scheme takes what its provider signs, and nothing that was changed since.
func TestTampering(t *testing.T) {
	t.Parallel()
	for _, w := range ways(t) {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			secrets := parse(t, w.scheme, w.verifies)
			if i, err := signature.Verify(w.scheme, w.sign(now), body, secrets, now); i != 0 || err != nil {
				t.Fatal(i, err)
			}
			refused := func(what string, h http.Header, body []byte) {
				t.Helper()
				if _, err := signature.Verify(w.scheme, h, body, secrets, now); impact.CodeOf(err) != impact.CodeUnauthenticated {
					t.Errorf("%s: %v", what, err)
				}
			}
			for i := range body {
				changed := bytes.Clone(body)
				changed[i] ^= 1
				refused("body", w.sign(now), changed)
			}
			refused("a space more", w.sign(now), append(bytes.Clone(body), ' '))
			refused("an empty body", w.sign(now), nil)
			// Each header that holds the time, the signature or the id, one character changed.
			for name, values := range w.sign(now) {
				if name == "X-Delivery-Id" {
					continue // nobody signs it
				}
				for i, r := range values[0] {
					if strings.ContainsRune("abcdef0123456789", r) {
						changed := strings.Clone(values[0][:i]) + string("102345678"[r%9]) + values[0][i+1:]
						if changed == values[0] || strings.HasPrefix(values[0][i:], "256=") || strings.HasSuffix(values[0], "=") && i >= len(values[0])-4 {
							continue // the last character of base64 is not all signature
						}
						h := w.sign(now)
						h.Set(name, changed)
						refused(name+": "+changed, h, body)
					}
				}
			}
			other := signature.NewSecret(w.scheme)
			refused("another's secret", signaturetest.Sign(w.scheme, other, "msg_1", now, body), body)
		})
	}
}

// The time may be 300 s away, either side, and no more.
func TestTolerance(t *testing.T) {
	t.Parallel()
	for _, w := range ways(t) {
		secrets := parse(t, w.scheme, w.verifies)
		for _, c := range []struct {
			off     time.Duration
			ok      bool
			message string
		}{
			{0, true, ""}, {-300 * time.Second, true, ""}, {300 * time.Second, true, ""},
			{-301 * time.Second, false, "too old"}, {301 * time.Second, false, "ahead"}, {-24 * 365 * time.Hour, false, "too old"},
		} {
			_, err := signature.Verify(w.scheme, w.sign(now.Add(c.off)), body, secrets, now)
			if !w.timed {
				c.ok = true
			}
			if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), c.message) {
				t.Errorf("%s at %s: %v", w.name, c.off, err)
			}
		}
	}
}

// While a secret is being changed, each side may be ahead of the other.
func TestSeveralSecretsAndSignatures(t *testing.T) {
	t.Parallel()
	for _, w := range ways(t) {
		other := signature.NewSecret(w.scheme)
		// Ours has several, theirs is the last.
		if i, err := signature.Verify(w.scheme, w.sign(now), body, parse(t, w.scheme, other, signature.NewSecret(w.scheme), w.verifies), now); i != 2 || err != nil {
			t.Errorf("%s: the third secret: %d %v", w.name, i, err)
		}
		if _, err := signature.Verify(w.scheme, w.sign(now), body, nil, now); !errors.Is(err, signature.ErrMismatch) {
			t.Errorf("%s: no secret at all: %v", w.name, err)
		}
		// Theirs signs with several, ours is one of them.
		mine, theirs := w.sign(now), signaturetest.Sign(w.scheme, other, "msg_1", now, body)
		for name := range mine {
			if !strings.HasSuffix(name, "Signature") && !strings.HasSuffix(name, "256") {
				continue
			}
			separator := ","
			if w.scheme == signature.StandardWebhooks {
				separator = " "
			}
			second := mine.Get(name)
			if _, rest, ok := strings.Cut(second, ",v1="); ok { // they have the time in common
				second = "v1=" + rest
			}
			both := mine.Clone()
			both.Set(name, theirs.Get(name)+separator+second)
			if _, err := signature.Verify(w.scheme, both, body, parse(t, w.scheme, w.verifies), now); err != nil {
				t.Errorf("%s: two in one header: %v", w.name, err)
			}
			if w.scheme == signature.StandardWebhooks {
				both.Set(name, "v1,!! nonsense v1a,xx "+mine.Get(name))
				if _, err := signature.Verify(w.scheme, both, body, parse(t, w.scheme, w.verifies), now); err != nil {
					t.Errorf("%s: after what is no signature: %v", w.name, err)
				}
			}
			both[name] = []string{theirs.Get(name), second}
			if _, err := signature.Verify(w.scheme, both, body, parse(t, w.scheme, w.verifies), now); err != nil {
				t.Errorf("%s: two headers: %v", w.name, err)
			}
		}
	}
}

// An error says which header is wrong and why, and repeats nothing of it.
func TestHeaders(t *testing.T) {
	t.Parallel()
	hex64, b32, b64 := strings.Repeat("ab", 32), base64.StdEncoding.EncodeToString(make([]byte, 32)), base64.StdEncoding.EncodeToString(make([]byte, 64))
	const at = "1763028000"
	for _, c := range []struct {
		scheme  signature.Scheme
		headers string // "Name: value", apart by newlines
		want    string
		code    impact.Code
	}{
		{signature.StandardWebhooks, "", "webhook-id is missing", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "svix-signature: v1," + b32, "svix-id is missing", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a", "webhook-timestamp is missing", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at, "webhook-signature is missing", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: ", "webhook-signature is missing", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: v2," + b32, "webhook-signature is malformed", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: " + b32, "webhook-signature is malformed", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: v1,!!", "webhook-signature is malformed", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: v1a," + b32, "webhook-signature is malformed", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: v1," + b64, "webhook-signature is malformed", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: " + strings.Repeat("v1,"+b32+" ", 17), "more than 16", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: soon\nwebhook-signature: v1," + b32, "webhook-timestamp is malformed", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-id: b\nwebhook-timestamp: " + at + "\nwebhook-signature: v1," + b32, "webhook-id is there 2 times", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: " + strings.Repeat("a", 257), "webhook-id is longer", impact.CodeUnauthenticated},
		{signature.StandardWebhooks, "webhook-id: a\nwebhook-timestamp: " + at + "\nwebhook-signature: v9,x v1," + b32, "does not match", impact.CodeUnauthenticated},

		{signature.Kintell, "X-Kintell-Signature: t=" + at + ",v1=" + hex64, "X-Delivery-Id is missing", impact.CodeInvalid},
		{signature.Kintell, "X-Delivery-Id: d", "X-Kintell-Signature is missing", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=" + at, "X-Kintell-Signature is malformed", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: v1=" + hex64, "X-Kintell-Signature is malformed", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=" + at + ",t=" + at + ",v1=" + hex64, "with one t", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=-5,v1=" + hex64, "Unix seconds", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=" + strings.Repeat("9", 30) + ",v1=" + hex64, "Unix seconds", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=" + at + ",v1=" + hex64[:62], "malformed", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=" + at + ",,v1=" + hex64, "malformed", impact.CodeUnauthenticated},
		{signature.Kintell, "X-Delivery-Id: d\nX-Kintell-Signature: t=" + at + ", v0=new ,v1=" + strings.ToUpper(hex64), "does not match", impact.CodeUnauthenticated},

		{signature.Benevity, "", "X-Benevity-Signature is missing", impact.CodeUnauthenticated},
		{signature.Goodera, "X-Goodera-Signature: sha256=" + hex64, "X-Goodera-Request-Timestamp is missing", impact.CodeUnauthenticated},
		{signature.Goodera, "X-Goodera-Request-Timestamp: " + at, "X-Goodera-Signature is missing", impact.CodeUnauthenticated},
		{signature.Goodera, "X-Goodera-Request-Timestamp: 2025-11-13\nX-Goodera-Signature: sha256=" + hex64, "Unix seconds", impact.CodeUnauthenticated},
		{signature.Workday, "X-Workday-Signature: " + hex64, "X-Workday-Signature is malformed", impact.CodeUnauthenticated},
		{signature.GitHub, "X-Hub-Signature-256: sha1=abc", "X-Hub-Signature-256 is malformed", impact.CodeUnauthenticated},
		{signature.GitHub, "X-Hub-Signature-256: sha256=" + hex64, "does not match", impact.CodeUnauthenticated},
		{signature.APIKey, "", "no signature", impact.CodeUnauthenticated},
	} {
		h := make(http.Header)
		for line := range strings.SplitSeq(c.headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(name, value)
			}
		}
		var secrets []signature.Secret
		if c.scheme.Signed() {
			secrets = parse(t, c.scheme, signature.NewSecret(c.scheme))
		}
		_, err := signature.Verify(c.scheme, h, body, secrets, now)
		if impact.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n%s\nerror %v, want %s: %s", c.scheme, c.headers, err, c.code, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), hex64[:12]) || strings.Contains(err.Error(), b32[:12])) {
			t.Errorf("%v repeats a signature", err)
		}
	}
}

// What identifies the delivery: only what the scheme signs, or asks for.
func TestDelivery(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Delivery-Id": {"d"}, "Webhook-Id": {"w"}, "Svix-Id": {"s"}}
	for s, want := range map[signature.Scheme]string{
		signature.StandardWebhooks: "w", signature.Kintell: "d", signature.APIKey: "d",
		signature.Benevity: "", signature.Goodera: "", signature.Workday: "", signature.GitHub: "",
	} {
		if got := s.Delivery(h); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
	h.Set("Svix-Signature", "v1,x")
	if got := signature.StandardWebhooks.Delivery(h); got != "s" {
		t.Errorf("of Svix: %q", got)
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	private, public := pair(t)
	b := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct {
		scheme signature.Scheme
		text   string
		want   string // of the error; empty: none
	}{
		{signature.StandardWebhooks, public, ""}, {signature.StandardWebhooks, "whsec_" + b(16), ""}, {signature.StandardWebhooks, "whsec_" + b(64), ""},
		{signature.StandardWebhooks, "whsec_" + strings.TrimRight(b(32), "="), ""},
		{signature.StandardWebhooks, private, "private half"}, {signature.StandardWebhooks, b(32), "whsec_"},
		{signature.StandardWebhooks, "whsec_" + b(15), "16 to 64"}, {signature.StandardWebhooks, "whsec_" + b(65), "16 to 64"},
		{signature.StandardWebhooks, "whsec_*", "base64"}, {signature.StandardWebhooks, "whpk_" + b(31), "32 bytes"}, {signature.StandardWebhooks, "", "whsec_"},
		{signature.Kintell, strings.Repeat("k", 16), ""}, {signature.Kintell, strings.Repeat("k", 256), ""}, {signature.Workday, "whsec_" + b(24), ""},
		{signature.Kintell, strings.Repeat("k", 15), "16 to 256"}, {signature.Kintell, strings.Repeat("k", 257), "16 to 256"},
		{signature.GitHub, strings.Repeat("k", 16) + "\n", "space"}, {signature.GitHub, " " + strings.Repeat("k", 16), "space"},
		{signature.GitHub, strings.Repeat("\xff", 16), "printed"}, {signature.APIKey, strings.Repeat("k", 16), "API keys"}, {"gitlab", strings.Repeat("k", 16), "no scheme"},
	} {
		_, err := signature.ParseSecret(c.scheme, c.text)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %q: %v, want %q", c.scheme, c.text, err, c.want)
		}
		if err != nil && len(c.text) > 20 && strings.Contains(err.Error(), c.text[6:20]) {
			t.Errorf("%v repeats the secret", err)
		}
	}
}
