package ingest

import "github.com/impactql/impactql/impact"

// Goodera runs volunteering events for employees: who attends is a volunteer.
// Attendance that says how many hours were given is volunteer hours; registering is
// not attending.
var goodera = &adapter{
	provider: "goodera",
	types: join(
		means(adapted{kind: impact.KindEventAttended, withHours: impact.KindVolunteerHours, words: words(gooderaNames)},
			"event.attended", "attendance.marked", "attendance.recorded"),
		means(adapted{kind: impact.KindVolunteerHours, words: words(gooderaNames)}, "volunteer.hours.logged", "activity.completed"),
		kept("event.created", "event.updated", "event.registered", "registration.created", "registration.cancelled"),
	),
}

var gooderaNames = map[string]field{
	"userid": fieldVolunteer, "user.id": fieldVolunteer, "attendeeid": fieldVolunteer, "attendee.id": fieldVolunteer,
	"employeeid": fieldVolunteer, "employee.id": fieldVolunteer,
	"useremail": fieldVolunteerEmail, "user.email": fieldVolunteerEmail, "attendee.email": fieldVolunteerEmail,
	"employee.email": fieldVolunteerEmail, "volunteer.email": fieldVolunteerEmail,
	"attendedat": fieldCompletedAt, "attendedon": fieldCompletedAt, "eventdate": fieldCompletedAt, "event.date": fieldCompletedAt,
	"hoursvolunteered": fieldHours, "event.durationminutes": fieldDurationMinutes,
	"event.programid": fieldProgramme, "campaign.id": fieldProgramme,
}
