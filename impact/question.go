package impact

import "github.com/shopspring/decimal"

// Figures are the figures of one question; which are there depends on its parts.
type Figures struct {
	Question
	Metrics     *Metrics        // with PartsMetrics
	SROI        *SROI           // with PartsSROI
	VIS         *VIS            // with PartsVIS
	ImpactScore decimal.Decimal // with PartsOverview, 0..10, 2 places
	Basis       *Basis          // with any part: what every methodology is made of
	ErasedSince bool            // of a question with AsOf: a person was erased since
}

// PartsOverview is all parts that a company's own figures need.
const PartsOverview = PartsMetrics | PartsSROI | PartsVIS

// Figures computes what the reading's parts allow, by the default methodologies
// and the company's settings.
func (r *Reading) Figures() *Figures {
	f := &Figures{Question: r.Question}
	if r.Parts != 0 {
		f.Basis = r.Basis()
	}
	has := func(p Parts) bool { return r.Parts&p == p }
	if has(PartsMetrics) {
		m := r.Metrics()
		f.Metrics = &m
	}
	if has(PartsSROI) {
		s := r.SROI(r.Settings.SROI(DefaultSROI, r.Question))
		f.SROI = &s
	}
	if has(PartsVIS) {
		v := r.VIS(r.Settings.VIS(DefaultVIS, r.Range))
		f.VIS = &v
	}
	if has(PartsOverview) {
		f.ImpactScore = ImpactScore(*f.SROI, *f.VIS)
	}
	return f
}

// CohortQuestion asks for the figures of a cohort: "all", one that the company
// defined, or else a department of the company (case does not matter).
type CohortQuestion struct {
	Company   CompanyID
	Programme string
	Range     Range
	Key       string
	AsOf      AsOf   // what was known then, by the definition and the directory of then; 0 is what is known now
	Filter    string // in place of a key: JSON of a checked [CohortFilter] that is not relative
	Others    bool   // [Cohort.Others] is asked for
	Explained bool   // [Cohort.Explained] is, also of the others
}

// CohortAll is the cohort of every participant active in the period; it is
// always there.
const CohortAll = "all"
