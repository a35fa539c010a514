package ingest

import "github.com/impactql/impactql/impact"

// Kintell runs language and mentoring sessions. Its people may be given by e-mail
// alone. A rating out of its own survey is 1 to 5; kintell.rating.created is the
// canonical name, and there a rating is 0 to 1.
var kintell = &adapter{
	provider: "kintell",
	types: join(
		means(adapted{kind: impact.KindSession, words: words(kintellNames)},
			"session.completed", "language.session.completed", "mentoring.session.completed"),
		means(adapted{kind: impact.KindFeedback, words: words(kintellNames)}, "kintell.rating.created"),
		means(adapted{kind: impact.KindFeedback, words: kintellRatings}, "rating.created", "rating.submitted", "session.rated"),
		kept("booking.created", "booking.confirmed", "booking.rescheduled", "booking.cancelled", "session.booked", "session.scheduled"),
	),
}

var kintellNames = map[string]field{
	"durationmin":      fieldDurationMinutes,
	"participantemail": fieldParticipantEmail, "participant.email": fieldParticipantEmail,
	"menteeemail": fieldParticipantEmail, "mentee.email": fieldParticipantEmail,
	"learneremail": fieldParticipantEmail, "learner.email": fieldParticipantEmail,
	"volunteeremail": fieldVolunteerEmail, "volunteer.email": fieldVolunteerEmail,
	"mentoremail": fieldVolunteerEmail, "mentor.email": fieldVolunteerEmail,
	"raterrole": fieldFromRole, "rater.role": fieldFromRole,
	"rater.id": fieldUser, "ratedat": fieldCompletedAt,
}

var kintellRatings = func() *vocabulary {
	v := words(kintellNames)
	v.data["rating"], v.data["rating.value"] = fieldStars, fieldStars
	return newVocabulary(v.envelope, v.data)
}()
