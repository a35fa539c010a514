package ingest

import "github.com/impactql/impactql/impact"

// Workday sends who works where, and what they learn. A worker's department is the
// one named so, else the supervisory organisation; it holds from the effective date.
// A score of a course is 0 to 100.
var workday = &adapter{
	provider: "workday",
	types: join(
		means(adapted{kind: impact.KindDirectory, words: words(workdayNames)},
			"worker.created", "worker.hired", "worker.updated", "worker.transferred", "worker.terminated", "directory.synced"),
		means(adapted{kind: impact.KindCourse, words: words(workdayNames)},
			"learning.completed", "learning.course.completed", "course.completed"),
		means(adapted{kind: impact.KindEnrollment, words: words(workdayNames)}, "learning.enrolled", "learning.enrollment.created"),
	),
}

var workdayNames = map[string]field{
	"workerid": fieldUser, "worker.id": fieldUser, "worker.workerid": fieldUser, "employeeid": fieldUser, "worker.employeeid": fieldUser,
	"workeremail": fieldUserEmail, "worker.email": fieldUserEmail,
	"worker.department": fieldDepartment, "department.name": fieldDepartment, "worker.department.name": fieldDepartment,
	"supervisoryorganization": fieldOrganisation, "supervisoryorganization.name": fieldOrganisation,
	"worker.supervisoryorganization": fieldOrganisation, "worker.supervisoryorganization.name": fieldOrganisation,
	"effectivedate": fieldCompletedAt, "completiondate": fieldCompletedAt, "completedon": fieldCompletedAt,
	"learning.completiondate": fieldCompletedAt,
	"score":                   fieldFinalScore, "course.score": fieldFinalScore, "learning.score": fieldFinalScore,
	"learning.programid": fieldProgramme, "course.programid": fieldProgramme,
}
