package impact

import "time"

// AuditEntry is who changed what.
type AuditEntry struct {
	ID      int64 // rises with every change
	At      time.Time
	Actor   string // an API key by id and label, or a user of the machine
	Subject string // a [SettingName]
	From    *Day   `db:"-"` // of a dated setting's version
	Old     *string
	New     *string
	Version int64 // of the settings, after the change
}

// Conflict says that something is not in the version that a change was made for.
type Conflict struct {
	Err     *Error
	Version int64 // that it is in
}

// NewConflict makes the error of a change that came too late.
func NewConflict(version int64) *Conflict {
	return &Conflict{Errorf(CodeConflict, "the settings changed meanwhile: they are in version %d; "+
		"read them again and repeat the change if it still makes sense", version), version}
}

// Error implements error.
func (c *Conflict) Error() string { return c.Err.Error() }

// Unwrap is the error with its code.
func (c *Conflict) Unwrap() error { return c.Err }
