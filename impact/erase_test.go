package impact_test

import (
	"encoding/base64"
	"testing"

	"github.com/impactql/impactql/impact"
)

// Each event names ada, and bo where it names two.
func TestFateOf(t *testing.T) {
	t.Parallel()
	const deleted, struck, kept = impact.FateDeleted, impact.FateStruck, impact.FateKept
	for name, c := range map[string]struct {
		event impact.Event
		want  impact.Fate
	}{
		"somebody else's":                          {impact.Event{Kind: impact.KindSession, Participant: "bo", Volunteer: "cy"}, kept},
		"a session alone":                          {impact.Event{Kind: impact.KindSession, Participant: "ada"}, deleted},
		"a session with a volunteer":               {impact.Event{Kind: impact.KindSession, Participant: "ada", Volunteer: "bo"}, struck},
		"a session that the volunteer gave":        {impact.Event{Kind: impact.KindSession, Participant: "bo", Volunteer: "ada"}, struck},
		"a session with oneself":                   {impact.Event{Kind: impact.KindSession, Participant: "ada", Volunteer: "ada"}, deleted},
		"a match":                                  {impact.Event{Kind: impact.KindMatch, Participant: "ada", Volunteer: "bo"}, struck},
		"an event attended together":               {impact.Event{Kind: impact.KindEventAttended, Participant: "bo", Volunteer: "ada"}, struck},
		"one's own hours":                          {impact.Event{Kind: impact.KindVolunteerHours, Participant: "bo", Volunteer: "ada"}, deleted},
		"hours that a volunteer gave one":          {impact.Event{Kind: impact.KindVolunteerHours, Participant: "ada", Volunteer: "bo"}, struck},
		"feedback that one gave":                   {impact.Event{Kind: impact.KindFeedback, Participant: "ada", Volunteer: "bo"}, deleted},
		"feedback that one got":                    {impact.Event{Kind: impact.KindFeedback, Participant: "bo", Volunteer: "ada"}, struck},
		"feedback that one gave as a volunteer":    {impact.Event{Kind: impact.KindFeedback, Participant: "bo", Volunteer: "ada", FromVolunteer: true}, deleted},
		"feedback that one got from a volunteer":   {impact.Event{Kind: impact.KindFeedback, Participant: "ada", Volunteer: "bo", FromVolunteer: true}, struck},
		"one's mood, with the buddy's name":        {impact.Event{Kind: impact.KindCheckin, Participant: "ada", Volunteer: "bo"}, deleted},
		"another's mood":                           {impact.Event{Kind: impact.KindCheckin, Participant: "bo", Volunteer: "ada"}, struck},
		"one's assessment":                         {impact.Event{Kind: impact.KindOutcome, Participant: "ada", Volunteer: "bo"}, deleted},
		"an assessment that a volunteer is in":     {impact.Event{Kind: impact.KindOutcome, Participant: "bo", Volunteer: "ada"}, struck},
		"a placement":                              {impact.Event{Kind: impact.KindPlacement, Participant: "ada"}, deleted},
		"a donation":                               {impact.Event{Kind: impact.KindDonation, Participant: "ada"}, deleted},
		"of an unknown type, as the participant":   {impact.Event{Participant: "ada", Volunteer: "bo"}, deleted},
		"of an unknown type, as another volunteer": {impact.Event{Participant: "bo", Volunteer: "ada"}, struck},
	} {
		if got := impact.FateOf(&c.event, "ada"); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		c.event.Strike("ada")
		if c.event.Participant == "ada" || c.event.Volunteer == "ada" {
			t.Errorf("%s: still there", name)
		}
	}
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestMentions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw, person string
		want        bool
	}{
		{`{"a":"person-12"}`, "person-12", true},
		{`{"a":{"person-12":1}}`, "person-12", true},
		{`{"a":"person-123"}`, "person-12", false},
		{`{"a":"xperson-12"}`, "person-12", false},
		{`{"a":"Person-12"}`, "person-12", false},
		{`{"a":"thanks to person-12."}`, "person-12", true},
		{`{"a":"course-person-12-b"}`, "person-12", true},
		{`{"a":"per\u0073on-12"}`, "person-12", true},
		{`{"a":"Ada@X.example"}`, "ada@x.example", true},
		{`{"a":"ada@x.example.org"}`, "ada@x.example", false},
		{`{"a":"m.ada@x.example"}`, "ada@x.example", false},
		{`{"a":["b","mail ada@x.example: yes"]}`, "ada@x.example", true},
		{`{"minutes":10,"text":"10 minutes"}`, "10", false},
		{`{"id":"10"}`, "10", true},
		{`not json, of person-12`, "person-12", true},
		{`{"a":"b"`, "person-12", false},
		{`{"a":"person-12"`, "person-12", true},
		{"", "person-12", false},
		{`{"type":"t","data_base64":"` + base64Of(`{"a":"person-12"}`) + `"}`, "person-12", true},
		{`{"type":"t","dataBase64":"` + base64Of(`{"a":"person-12",`) + `"}`, "person-12", true},
		{`{"type":"t","data_base64":"` + base64Of(`of person-12, no JSON`) + `","a":1}`, "person-12", true},
		{`{"type":"t","data_base64":"` + base64Of(`{"a":"person-123"}`) + `"}`, "person-12", false},
		{`{"type":"t","data_base64":"` + base64Of(`{"a":"person-12",   `)[:24], "person-12", true},
		{`{"type":"t","data_base64" : "` + base64Of(`of person-12, no JSON, cut`)[:23], "person-12", true},
		{`{"type":"t","data_base64":"` + base64Of(`{"a":"person-123", and more`)[:30], "person-12", false},
		{`{"type":"t","data_base64":"`, "person-12", false},
		{`{"type":"t","data_base64":"person?","a":"data_base64"}`, "person-12", false},
	} {
		if got := impact.Mentions([]byte(c.raw), c.person); got != c.want {
			t.Errorf("%s in %s: %v", c.person, c.raw, got)
		}
	}
}
