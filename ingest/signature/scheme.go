package signature

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Tolerance is how far a signed time may be from now, either way.
const Tolerance = 300 * time.Second

// Scheme is how a provider proves that a webhook is its own.
type Scheme string

// The schemes.
const (
	StandardWebhooks Scheme = "standard-webhooks" // Svix and others: www.standardwebhooks.com
	Kintell          Scheme = "kintell"
	Benevity         Scheme = "benevity"
	Goodera          Scheme = "goodera"
	Workday          Scheme = "workday"
	GitHub           Scheme = "github"
	APIKey           Scheme = "key" // no signature: an API key of the company
)

// Schemes lists every scheme.
var Schemes = []Scheme{StandardWebhooks, Kintell, Benevity, Goodera, Workday, GitHub, APIKey}

// Parse is the scheme of a name; ok is false for an unknown one.
func Parse(name string) (s Scheme, ok bool) {
	s = Scheme(name)
	return s, slices.Contains(Schemes, s)
}

// Signed reports whether requests of the scheme carry a signature.
func (s Scheme) Signed() bool { return s != APIKey }

const deliveryHeader = "X-Delivery-Id"

// Delivery is the id of the delivery, which identifies the event of a body that has
// only one; empty where the scheme has none. A header that a scheme does not sign is
// not read, or whoever recorded a request could send it again under another id; but
// Kintell's has to be, so there only the tolerance bounds that.
func (s Scheme) Delivery(h http.Header) string {
	switch s {
	case StandardWebhooks:
		return h.Get(standardPrefix(h) + "Id")
	case Kintell, APIKey:
		return h.Get(deliveryHeader)
	case Benevity, Goodera, Workday, GitHub:
	}
	return ""
}

// standardPrefix is the family of headers that a standard webhook came with.
func standardPrefix(h http.Header) string {
	if len(h["Webhook-Signature"]) == 0 && len(h["Svix-Signature"]) > 0 {
		return "Svix-"
	}
	return "Webhook-"
}

// header is a header's name as the provider writes it, for errors.
func (s Scheme) header(name string) string {
	if s == StandardWebhooks {
		return strings.ToLower(name)
	}
	return name
}
