package model

import (
	"time"

	"github.com/impactql/impactql/impact"
)

// Source is a source as the graph shows it.
type Source struct{ *impact.Source }

// Key is the source's id.
func (s *Source) Key() string { return s.ID }

// CreatedAt is when it was made.
func (s *Source) CreatedAt() string { return instant(s.Source.CreatedAt) }

// DisabledAt is when it was disabled.
func (s *Source) DisabledAt() *string { return instantOrNull(s.Source.DisabledAt) }

// Secrets are its secrets, oldest first.
func (s *Source) Secrets() []*SourceSecret {
	list := make([]*SourceSecret, len(s.Source.Secrets))
	for i := range s.Source.Secrets {
		list[i] = &SourceSecret{&s.Source.Secrets[i]}
	}
	return list
}

// SourceSecret is what the graph shows of a secret.
type SourceSecret struct{ *impact.SourceSecret }

// Number is the secret's number within its source.
func (s *SourceSecret) Number() int { return s.ID }

// CreatedAt is when it was made.
func (s *SourceSecret) CreatedAt() string { return instant(s.SourceSecret.CreatedAt) }

// LastUsedAt is when it last signed.
func (s *SourceSecret) LastUsedAt() *string { return instantOrNull(s.SourceSecret.LastUsedAt) }

// EndsAt is when it ends or ended.
func (s *SourceSecret) EndsAt() *string {
	if s.RevokedAt != nil && (s.ExpiresAt == nil || s.RevokedAt.Before(*s.ExpiresAt)) {
		return instantOrNull(s.RevokedAt)
	}
	return instantOrNull(s.ExpiresAt)
}

// SourceWithSecret is a source and a secret that is shown once.
type SourceWithSecret struct {
	Source *Source
	Secret *string
}

func instantOrNull(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return optionalInstant(*t)
}
