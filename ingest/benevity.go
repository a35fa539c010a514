package ingest

import "github.com/impactql/impactql/impact"

// Benevity sends the volunteering and the giving of employees. Hours count when they
// are logged, a donation when it is completed; what comes before or after is kept.
var benevity = &adapter{
	provider: "benevity",
	types: join(
		means(adapted{kind: impact.KindVolunteerHours, words: words(benevityNames)}, "volunteer.hours.logged", "volunteer.time.logged"),
		means(adapted{kind: impact.KindDonation, words: words(benevityNames)}, "donation.completed", "donation.made"),
		kept("volunteer.hours.approved", "volunteer.time.approved", "donation.created", "donation.pledged", "donation.matched", "donation.disbursed"),
	),
}

var benevityNames = map[string]field{
	"employeeid": fieldUser, "employee.id": fieldUser, "donorid": fieldUser, "donor.id": fieldUser,
	"useremail": fieldUserEmail, "user.email": fieldUserEmail, "employee.email": fieldUserEmail, "donor.email": fieldUserEmail,
	"volunteer.email": fieldVolunteerEmail,
	"volunteeredon":   fieldCompletedAt, "servicedate": fieldCompletedAt, "donatedat": fieldCompletedAt, "donationdate": fieldCompletedAt,
	"hoursvolunteered": fieldHours, "volunteerhours": fieldHours,
	"donation.amount": fieldAmount, "amount.value": fieldAmount,
	"donation.currency": fieldCurrency, "amount.currency": fieldCurrency, "currencycode": fieldCurrency,
	"project.id": fieldProgramme, "campaign.id": fieldProgramme,
}
