package model

import (
	"time"

	"github.com/impactql/impactql/impact"
)

// Erasure is what was done to remove a person.
type Erasure struct {
	*impact.Erasure
}

// At is when it was done, in UTC.
func (e *Erasure) At() string { return e.Erasure.At.UTC().Format(time.RFC3339) }
