package impact

import "time"

// SettingsEdit is a change of settings that is made as a whole or not at all.
type SettingsEdit struct {
	Company  CompanyID
	By       string // who, for the audit log
	Expected *int64 // the version that the editor saw; nil: whatever it is
	Changes  []SettingChange
	Now      time.Time
	// RebuildLimit is up to how many events a company's rollups are rebuilt with a
	// change of its time zone, which cuts every day anew; 0 is any number.
	RebuildLimit int64
	Progress     func(events int64) // of the rebuild; may be nil
}

// AuditEntry is who changed what.
type AuditEntry struct {
	ID      int64 // rises with every change
	At      time.Time
	Actor   string // an API key by id and label, or a user of the machine
	Subject string // a [SettingName], or one of those below
	From    *Day   `db:"-"` // of a dated setting's version
	Old     *string
	New     *string
	Version int64 // of the settings, the value map or the cohort, after the change; 0 of a source
}

// Subjects of the audit log that are no settings.
const (
	AuditValueMap = "valueMap" // a new version of it
	AuditCohort   = "cohort"   // a definition
	AuditSource   = "source"   // a source or one of its secrets, which is never told itself
)

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
