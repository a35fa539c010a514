// Package signaturetest signs webhooks as providers do, for tests and load.
package signaturetest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/ingest/signature"
)

// Sign is the headers of a delivery of body with id, signed at a time with a secret as
// [signature.NewSecret] makes it or, for v1a, with `whsk_` and the base64 of the 64
// bytes of an ed25519 private key.
func Sign(s signature.Scheme, secret, id string, at time.Time, body []byte) http.Header {
	h := make(http.Header)
	t := strconv.FormatInt(at.Unix(), 10)
	switch s {
	case signature.StandardWebhooks:
		h.Set("Webhook-Id", id)
		h.Set("Webhook-Timestamp", t)
		h.Set("Webhook-Signature", standard(secret, id+"."+t+".", body))
	case signature.Kintell:
		h.Set("X-Delivery-Id", id)
		h.Set("X-Kintell-Signature", "t="+t+",v1="+hexMAC(secret, t+".", body))
	case signature.Benevity:
		h.Set("X-Benevity-Signature", "t="+t+",v1="+hexMAC(secret, t+".", body))
	case signature.Goodera:
		h.Set("X-Goodera-Request-Timestamp", t)
		h.Set("X-Goodera-Signature", "sha256="+hexMAC(secret, t+".", body))
	case signature.Workday:
		h.Set("X-Workday-Signature", "sha256="+hexMAC(secret, "", body))
	case signature.GitHub:
		h.Set("X-Hub-Signature-256", "sha256="+hexMAC(secret, "", body))
	case signature.APIKey:
	}
	return h
}

func standard(secret, prefix string, body []byte) string {
	kind, text, _ := strings.Cut(secret, "_")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic("signaturetest: the secret is not base64")
	}
	if kind == "whsk" {
		sig := ed25519.Sign(key, append([]byte(prefix), body...))
		return "v1a," + base64.StdEncoding.EncodeToString(sig)
	}
	return "v1," + base64.StdEncoding.EncodeToString(mac(key, prefix, body))
}

func hexMAC(secret, prefix string, body []byte) string {
	return hex.EncodeToString(mac([]byte(secret), prefix, body))
}

func mac(key []byte, prefix string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(prefix))
	m.Write(body)
	return m.Sum(nil)
}
