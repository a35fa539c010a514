package impact

import "time"

// Source is a place of a company's own that one provider sends events to.
type Source struct {
	Company    CompanyID
	ID         string // the last part of its path
	Name       string // unique within the company
	Scheme     string // how requests are signed
	CreatedAt  time.Time
	DisabledAt *time.Time     // nil: it takes events
	Secrets    []SourceSecret // oldest first, the ended ones too
}

// Path is where the provider sends to.
func (s *Source) Path() string { return "/webhooks/" + s.ID }

// SourceSecret is what is known of a secret, without the secret.
type SourceSecret struct {
	ID         int // 1, 2, 3 within the source
	Label      string
	CreatedAt  time.Time
	LastUsedAt *time.Time // to within a minute; nil: never
	ExpiresAt  *time.Time // when a rotation ends it; nil: never
	RevokedAt  *time.Time // nil: it was not
}

// Live reports whether the secret still signs at a time.
func (s *SourceSecret) Live(at time.Time) bool {
	return s.RevokedAt == nil && (s.ExpiresAt == nil || at.Before(*s.ExpiresAt))
}
