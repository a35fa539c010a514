package ingest

// field is one thing that an event can say, under whatever name its source uses.
type field uint8

// The fields that the decoder looks for. Everything else of an event is kept in
// its raw form only.
const (
	fieldNone field = iota
	fieldType
	fieldEventID
	fieldDeliveryID
	fieldTime
	fieldSpecVersion // of CloudEvents
	fieldOrigin      // the source of a CloudEvent
	fieldDataBase64  // of CloudEvents
	fieldBatch       // the array of a body that is a batch
	fieldCompany     // named outright
	fieldCompanyHint // of a person in the event, in the source's own words
	fieldSession
	fieldMatch
	fieldParticipant
	fieldUser
	fieldParticipantEmail // people by e-mail: where a provider has nothing else
	fieldUserEmail
	fieldVolunteerEmail
	fieldVolunteer
	fieldProgramme
	fieldCompletedAt
	fieldDurationMinutes
	fieldDurationSeconds
	fieldHours
	fieldScore
	fieldRating
	fieldStars // a rating of 1 to 5
	fieldFinalScore
	fieldProgress
	fieldConfidence
	fieldDimension
	fieldStatus
	fieldPlacementType
	fieldFromRole
	fieldMood
	fieldLevel
	fieldPoints
	fieldAmount
	fieldCurrency
	fieldDepartment
	fieldOrganisation // the unit of a worker that has no department
	fieldDivision
	fieldAttributes // an object of what else a directory knows
	fieldSalaryMin
	fieldSalaryMax
	fieldSalaryCurrency
	fieldSupersedes
	fieldChanges // an object of what an amendment changes
	numFields
)

// shape is what a field's value may be.
type shape uint8

const (
	shapeText shape = iota
	shapeNumber
	shapeTime // text or number
	shapeAny  // any value, kept as it is written: other kinds may use the name in their own way
)

var shapes = [numFields]shape{
	fieldTime: shapeTime, fieldCompletedAt: shapeTime,
	fieldDurationMinutes: shapeNumber, fieldDurationSeconds: shapeNumber, fieldHours: shapeNumber,
	fieldScore: shapeNumber, fieldRating: shapeNumber, fieldStars: shapeNumber,
	fieldSalaryMin: shapeNumber, fieldSalaryMax: shapeNumber, fieldFinalScore: shapeNumber, fieldProgress: shapeNumber,
	fieldConfidence: shapeNumber, fieldPoints: shapeNumber, fieldAmount: shapeNumber,
	fieldDivision: shapeAny, fieldAttributes: shapeAny,
}

// canonical is where a field that is missing is expected.
var canonical = [numFields]string{
	fieldType: "/type", fieldTime: "/timestamp", fieldParticipant: "/data/participantId", fieldUser: "/data/userId",
	fieldVolunteer: "/data/volunteerId", fieldHours: "/data/hours", fieldScore: "/data/score",
	fieldRating: "/data/rating", fieldDimension: "/data/dimension", fieldAmount: "/data/amount", fieldCurrency: "/data/currency",
	fieldSession: "/sessionId", fieldStatus: "/data/status",
	fieldDivision: "/data/division", fieldAttributes: "/data/attributes",
	fieldSpecVersion: "/specversion", fieldOrigin: "/source", fieldEventID: "/id", fieldDataBase64: "/data_base64",
}

// Names are compared without case and underscores: sessionId, session_id and
// SessionID are one. A dot goes one object down.

// envelopeFields are names at the top of an event only.
var envelopeFields = map[string]field{
	"type": fieldType, "eventtype": fieldType,
	"id": fieldEventID, "eventid": fieldEventID,
	"deliveryid": fieldDeliveryID,
	"timestamp":  fieldTime, "occurredat": fieldTime, "time": fieldTime,
	"companyid": fieldCompany,

	"specversion": fieldSpecVersion, "source": fieldOrigin, "database64": fieldDataBase64,
	"batch": fieldBatch,
}

// dataFields are names under "data", or at the top for sources without "data".
var dataFields = map[string]field{
	"sessionid": fieldSession, "session.id": fieldSession,
	"matchid": fieldMatch, "match.id": fieldMatch,

	"participantid": fieldParticipant, "participant.id": fieldParticipant,
	"learnerid": fieldParticipant, "learner.id": fieldParticipant,
	"menteeid": fieldParticipant, "mentee.id": fieldParticipant, "mentee": fieldParticipant,
	"userid": fieldUser, "user.id": fieldUser,
	"volunteerid": fieldVolunteer, "volunteer.id": fieldVolunteer,
	"buddyid": fieldVolunteer, "buddy.id": fieldVolunteer,
	"mentorid": fieldVolunteer, "mentor.id": fieldVolunteer,
	"teacherid": fieldVolunteer, "teacher.id": fieldVolunteer,

	"companyid":             fieldCompanyHint,
	"user.companyid":        fieldCompanyHint,
	"volunteer.companyid":   fieldCompanyHint,
	"buddy.companyid":       fieldCompanyHint,
	"mentor.companyid":      fieldCompanyHint,
	"teacher.companyid":     fieldCompanyHint,
	"participant.companyid": fieldCompanyHint,
	"mentee.companyid":      fieldCompanyHint,
	"learner.companyid":     fieldCompanyHint,

	"programid": fieldProgramme, "programmeid": fieldProgramme, "program.id": fieldProgramme,
	"metadata.program": fieldProgramme,

	"completedat": fieldCompletedAt, "activitydate": fieldCompletedAt, "activity.date": fieldCompletedAt,
	"course.completiondate": fieldCompletedAt,

	"durationminutes": fieldDurationMinutes, "duration": fieldDurationSeconds,
	"hours": fieldHours, "hourslogged": fieldHours, "activity.hours": fieldHours,

	"score": fieldScore, "rating": fieldRating, "finalscore": fieldFinalScore,
	"progresspercent": fieldProgress, "completionpercentage": fieldProgress, "confidence": fieldConfidence,
	"dimension": fieldDimension, "status": fieldStatus, "placementtype": fieldPlacementType,
	"fromrole": fieldFromRole, "mood": fieldMood, "languagelevel": fieldLevel, "points": fieldPoints,
	"amount": fieldAmount, "currency": fieldCurrency, "department": fieldDepartment,
	"division": fieldDivision, "attributes": fieldAttributes,
	"salary.min": fieldSalaryMin, "salary.max": fieldSalaryMax, "salary.currency": fieldSalaryCurrency,
	"supersedes": fieldSupersedes, "changes": fieldChanges,
}

// vocabulary is the names under which the decoder looks for fields.
type vocabulary struct {
	envelope map[string]field // at the top of an event only
	data     map[string]field // under "data", or at the top
	branches map[string]bool  // the paths of objects that hold fields; other objects are skipped
}

// common is the vocabulary of all sources.
var common = newVocabulary(envelopeFields, dataFields)

func newVocabulary(envelope, data map[string]field) *vocabulary {
	v := &vocabulary{envelope, data, map[string]bool{dataBranch: true}}
	for path := range data {
		for i := range len(path) {
			if path[i] == '.' {
				v.branches[path[:i]] = true
			}
		}
	}
	return v
}
