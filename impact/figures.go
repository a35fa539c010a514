package impact

import (
	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// Metrics are the plain figures of a reading that has [PartsMetrics].
type Metrics struct {
	Events         int64 // of every mapped kind
	Unmapped       int64 // of types that no mapping knows; in no other figure
	Sessions       int64
	Participants   int64           // distinct people active as participants
	Volunteers     int64           // distinct people active as volunteers
	VolunteerHours decimal.Decimal // given by named volunteers, 2 places
	AvgEngagement  decimal.Decimal // active / enrolled or ever active, 0..100, 2 places
	CompletionRate decimal.Decimal // completed / started enrolments, 0..100, 2 places
}

// FigureStatus says how far a figure can be relied on.
type FigureStatus string

// The statuses.
const (
	FigureOK               FigureStatus = "OK"
	FigureInsufficientData FigureStatus = "INSUFFICIENT_DATA"
)

// SROI is a social return on investment and what it was made of.
type SROI struct {
	Methodology     string
	Status          FigureStatus
	Ratio           decimal.NullDecimal           // null with FigureInsufficientData
	Investment      decimal.Decimal               // USD, 2 places
	SocialValue     decimal.Decimal               // USD, 2 places; the present value where there is discounting
	NetPresentValue decimal.NullDecimal           // SocialValue - Investment from exact amounts, USD, 2 places; null in teei-1.0
	NetRatio        decimal.NullDecimal           // ratio - 1 from exact amounts; null in teei-1.0 and with FigureInsufficientData
	Improvement     map[Dimension]decimal.Decimal // of teei-1.0: points of integration, language and job_readiness, 4 places
	ImprovementMode ImprovementMode
	Baseline        Baseline
}

// ImprovementMode says how participants' improvements become one number.
type ImprovementMode string

// The modes.
const (
	ImprovementMean ImprovementMode = "MEAN"
	ImprovementSum  ImprovementMode = "SUM"
)

// Baseline says what an improvement is measured from.
type Baseline string

// The baselines.
const (
	BaselineAssumed  Baseline = "ASSUMED"
	BaselineMeasured Baseline = "MEASURED"
)

// VIS is a volunteer impact score and its parts.
type VIS struct {
	Methodology string
	Score       decimal.Decimal // 0..100, 2 places
	Band        string          // of the score as published
	Components  []VISComponent  // hours, quality, outcome_lift, placement
}

// VISComponent is one weighted part of a VIS.
type VISComponent struct {
	Name    string
	Score   decimal.Decimal // 0..100, 2 places
	Weight  decimal.Decimal // the weights of a VIS sum to 1
	Covered bool            // false: no data, counted as 0
}

// Cohort is the figures of a group of participants.
type Cohort struct {
	Key              string
	Name             string
	Suppressed       bool // too few people, or others would be too few by difference: every figure is withheld
	ParticipantCount int64
	CompletionRate   decimal.Decimal
	SROI             SROI
	AvgVIS           decimal.Decimal  // mean over the volunteers who serve it, 0 where there are none
	Basis            *Basis           // what [Cohort.SROIBy] is made of; nil if suppressed
	Explained        *ExplainedCohort // of a question with Explained; nil if suppressed
	Others           *Cohort          // everybody else of the company; nil if not asked for, and beside everybody
	ErasedSince      bool             // of a question with AsOf: a person was erased since
}

// Members is a cohort's definition: who belongs to it. The nil set of the
// cohort "all" is everybody.
type Members struct {
	Key, Name string
	People    *roaring.Bitmap
	Withheld  bool // not to be told, see [Reading.Withheld]
	// Filtered says that a filter tells them.
	Filtered bool
	// Partitions are the groups that the definition names, and those beside them.
	Partitions []Partition
	// Differences are whom a filter lets in or leaves out in which one condition less
	// is named; see [CohortFilter.Simpler].
	Differences []*roaring.Bitmap
}
