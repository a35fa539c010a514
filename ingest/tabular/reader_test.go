package tabular_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
	"github.com/impactql/impactql/ingest/tabular"
)

var oslo = func() *time.Location {
	l, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		panic(err)
	}
	return l
}()

// read reads a whole file.
func read(t *testing.T, file string, o tabular.Options) []*tabular.Record {
	t.Helper()
	r := open(t, strings.NewReader(file), o)
	var list []*tabular.Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rec)
	}
}

func open(t *testing.T, file io.Reader, o tabular.Options) *tabular.Reader {
	t.Helper()
	text, format, err := tabular.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { text.Close() })
	if o.Format == "" {
		o.Format = format
	}
	r, err := tabular.NewReader(text, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is what a record says, short enough to compare: its line, and its events as the
// normaliser understands them.
func told(t *testing.T, rec *tabular.Record) string {
	t.Helper()
	switch {
	case rec.Refused != nil:
		return fmt.Sprintf("%d refused %s %s", rec.Line, rec.Refused.Pointer, rec.Refused.Message)
	case rec.Scheduled:
		return fmt.Sprintf("%d scheduled", rec.Line)
	}
	company := &impact.Company{ID: 1, Key: "acme", Calendar: impact.Calendar{Location: oslo}}
	var list []string
	for _, raw := range rec.Events {
		e, err := ingest.Decode(raw, company, time.Unix(0, 0))
		if err != nil {
			t.Errorf("line %d: %v: %s", rec.Line, err, raw)
			continue
		}
		list = append(list, fmt.Sprintf("%s %s p=%s v=%s s=%s %s %dms %v/%d=%d %s%s", e.Type, e.Programme, e.Participant, e.Volunteer, e.Session,
			e.OccurredAt.UTC().Format("2006-01-02T15:04:05Z"), e.DurationMS, e.ScoreRaw, e.ScoreScale, e.Score, e.Level, e.Amount+e.Currency))
	}
	return fmt.Sprintf("%d %s", rec.Line, strings.Join(list, " + "))
}

func TestFormats(t *testing.T) {
	t.Parallel()
	five, _ := tabular.ParseScale("1-5")
	own, err := tabular.Parse([]byte(`
name: courses
columns: [Learner, Course, Finished, Grade, Paid]
optional: [Note]
done: finished
time_zone: America/New_York
date_format: DD.MM.YYYY HH:mm
decimal: ","
scales: {finalScore: [1-5]}
events:
  - type: course.completed
    fields: {userId: Learner, courseId: Course, completedAt: Finished, finalScore: Grade}
    constants: {programId: school}
  - type: ingest.donation.made
    needs: Paid
    identity: [Learner, Course]
    fields: {userId: learner, amount: paid, timestamp: finished}
    constants: {currency: EUR}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file    string
		options tabular.Options
		want    []string
	}{
		"Kintell mentoring, columns in another order and case": {
			file: "\ufeffMentor_Email,SESSION_ID,Participant_Email,Scheduled_At,Completed_At,Duration_Minutes,Rating,Feedback_Text,Focus_Area,Goals_Discussed\r\n" +
				"Mo@Mentors.example,ms-1,ada@example.net,2025-03-01T09:00:00Z,2025-03-01T10:00:00Z,45,0.75,\"good,\nvery \"\"good\"\"\",cv,\r\n" +
				"mo@mentors.example,ms-2,ada+cv@example.net,2025-04-01T09:00:00Z,,,,,,\r\n" +
				"mo@mentors.example,ms-3,ada+cv@example.net,2025-05-01T09:00:00Z,2025-05-01 12:00,480,,,,\r\n" +
				"mo@mentors.example,ms-4,ada@example.net,,2025-05-02,481,,,,\r\nmo@mentors.example,ms-5,ada@example.net,,2025-05-02,0.5,,,,\r\n" +
				"mo@mentors.example,ms-6,ada@example.net,,2025-05-02,1,,,,\r\n",
			want: []string{
				"2 kintell.session.completed kintell p=ada@example.net v=mo@mentors.example s=ms-1 2025-03-01T10:00:00Z 2700000ms 0/0=0  + " +
					"kintell.rating.created kintell p=ada@example.net v= s=ms-1 2025-03-01T10:00:00Z 0ms 0.75/1=750000 ",
				"4 scheduled",
				"5 kintell.session.completed kintell p=ada:2bcv@example.net v=mo@mentors.example s=ms-3 2025-05-01T10:00:00Z 28800000ms 0/0=0 ",
				"6 refused /duration_minutes must be 1 to 480",
				"7 refused /duration_minutes must be 1 to 480",
				"8 kintell.session.completed kintell p=ada@example.net v=mo@mentors.example s=ms-6 2025-05-01T22:00:00Z 60000ms 0/0=0 ",
			},
		},
		"Kintell language, semicolons, stars, a programme of the caller's": {
			file: "session_id;participant_email;volunteer_email;scheduled_at;completed_at;duration_minutes;rating;feedback_text;language_level;topics;metadata\n" +
				"ls-1;bo@example.net;vi@example.net;;2025-11-02;30;4;;B1;food;\"{\"\"a\"\":[1,2]}\"\n" +
				"ls-2;bo@example.net;vi@example.net;;2025-11-03T08:00:00+01:00;30;6;;B2;;\n" +
				"ls-3;bo@example.net;vi@example.net;;tomorrow;30;1;;B2;;\n",
			options: tabular.Options{RatingScale: &five, Programme: "norsk"},
			want: []string{
				"2 kintell.session.completed norsk p=bo@example.net v=vi@example.net s=ls-1 2025-11-01T23:00:00Z 1800000ms 0/0=0 B1 + " +
					"kintell.rating.created norsk p=bo@example.net v= s=ls-1 2025-11-01T23:00:00Z 0ms 0.75/1=750000 ",
				"3 refused /rating 6 is not on the scale 1-5: if the file rates on another scale, import it with --rating-scale",
				"4 refused /completed_at \"tomorrow\" is not a time: use 2025-11-13T10:00:00Z or 2025-11-13, or say with date_format in a mapping how times are written",
			},
		},
		"Kintell session list": {
			file: "session_id,session_type,participant_email,volunteer_email,date,duration_min,rating,feedback_text,language_level\n" +
				"K-1,Mentorship,cy@example.net,wu@example.net,2025-06-01T15:00:00Z,60,1,,\n",
			want: []string{"2 kintell.session.completed kintell p=cy@example.net v=wu@example.net s=K-1 2025-06-01T15:00:00Z 3600000ms 0/0=0  + " +
				"kintell.rating.created kintell p=cy@example.net v= s=K-1 2025-06-01T15:00:00Z 0ms 0/1=0 "},
		},
		"volunteer sessions": {
			file: "session_id,volunteer_id,volunteer_name,activity_type,session_date,hours_contributed\n" +
				"VS-9,E17,Nora Nord,Beach Cleaning,2025-08-20,2.5\n",
			want: []string{"2 session.created unassigned p= v=E17 s=VS-9 2025-08-19T22:00:00Z 9000000ms 0/0=0 "},
		},
		"buddy matches": {
			file: "participant_email,buddy_email,matched_at,status,language,interests,location\n" +
				"di@example.net,ed@example.net,2025-02-03T10:00:00Z,active,Dari,\"chess, tea\",Bergen\n",
			want: []string{"2 buddy.match.created buddy p=di@example.net v=ed@example.net s= 2025-02-03T10:00:00Z 0ms 0/0=0 "},
		},
		"a mapping of one's own": {
			file:    "Learner\tCourse\tFinished\tGrade\tPaid\nfay\tsql\t24.12.2025 23:30\t4,5\t12,50\ngus\tsql\t\t\t\n",
			options: tabular.Options{Mapping: own},
			want: []string{
				"2 course.completed school p=fay v= s= 2025-12-25T04:30:00Z 0ms 87.5/100=875000  + ingest.donation.made unassigned p=fay v= s= 2025-12-25T04:30:00Z 0ms 0/0=0 12.50EUR",
				"3 scheduled",
			},
		},
		"NDJSON": {
			file: "{\"type\":\"session.completed\",\"sessionId\":\"n1\",\"userId\":\"u1\",\"timestamp\":\"2025-01-01T00:00:00Z\"}\n\n" +
				"[{\"type\":\"session.completed\"}]\n\xff\n" +
				"{\"type\":\"checkin.submitted\",\"userId\":\"u1\",\"timestamp\":1735689600}",
			want: []string{
				"1 session.completed unassigned p=u1 v= s=n1 2025-01-01T00:00:00Z 0ms 0/0=0 ",
				"3 refused  write one JSON object a line",
				"4 refused  the line is not UTF-8: export the file as UTF-8",
				"5 checkin.submitted unassigned p=u1 v= s= 2025-01-01T00:00:00Z 0ms 0/0=0 ",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.Location = oslo
			records := read(t, c.file, c.options)
			for i, rec := range records {
				if got := told(t, rec); i >= len(c.want) || got != c.want[i] {
					t.Errorf("got  %s\nwant %s", got, append(c.want, "nothing")[min(i, len(c.want))])
				}
			}
			if len(records) != len(c.want) {
				t.Errorf("%d records, want %d", len(records), len(c.want))
			}
		})
	}
}

// The same row is the same event however the file is written, and another where what
// tells rows apart differs.
func TestIdentity(t *testing.T) {
	t.Parallel()
	key := func(raw []byte) impact.Key {
		t.Helper()
		e, err := ingest.Decode(raw, &impact.Company{ID: 1, Key: "acme", Calendar: impact.Calendar{Location: oslo}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return e.Key
	}
	first := func(file string) impact.Key {
		t.Helper()
		rec := read(t, file, tabular.Options{Location: oslo})[0]
		if rec.Refused != nil {
			t.Fatal(rec.Refused)
		}
		return key(rec.Events[0])
	}
	comma := first("participant_email,buddy_email,matched_at,status\nAmy@x.example,bob@x.example,2025-02-03T10:00:00Z,active\n")
	if semicolon := first("STATUS;matched_at;buddy_email;participant_email\ninactive;2025-02-03T10:00:00Z;bob@x.example;amy@x.example\n"); comma != semicolon {
		t.Error("the same match is another event in another order of columns, case or status")
	}
	if later := first("participant_email,buddy_email,matched_at\namy@x.example,bob@x.example,2025-02-04T10:00:00Z\n"); comma == later {
		t.Error("two matches of the same people are one")
	}
	session := first("session_id,participant_email,mentor_email,scheduled_at,completed_at,duration_minutes\nm1,amy@x.example,bob@x.example,,2025-02-03T10:00:00Z,30\n")
	webhook := []byte(`{"type":"kintell.session.completed","data":{"session_id":"m1","participantId":"p-17","durationMinutes":30}}`)
	if session != key(webhook) {
		t.Error("a session is another event in the export than in the webhook")
	}
	parted, err := tabular.Parse([]byte("name: parted\ncolumns: [a, b]\nevents: [{type: milestone.achieved, identity: [a, b], fields: {milestone: a}, constants: {userId: u}}]"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[impact.Key]string)
	for _, row := range []string{"x|,y", "x,|y", "x||,y", "x,||y", `x\,|y`, `x\|,y`, `x,\|y`, `x\\,y`} {
		k := key(read(t, "a,b\n"+row+"\n", tabular.Options{Mapping: parted})[0].Events[0])
		if other, ok := seen[k]; ok {
			t.Errorf("%s is the same event as %s", row, other)
		}
		seen[k] = row
	}
}

// A row that is not well-formed costs itself, not its neighbours.
func TestBrokenRows(t *testing.T) {
	t.Parallel()
	const header = "session_id,volunteer_id,session_date,hours_contributed,description\n"
	good := func(n int) string { return fmt.Sprintf("s%d,v1,2025-01-02,1,fine\n", n) }
	long := "s9,v1,2025-01-02,1," + strings.Repeat("x", tabular.MaxRecord) + "\n"
	for name, c := range map[string]struct {
		broken string
		want   []string // lines refused, and why
	}{
		"a quote that is not closed":       {"s1,v1,2025-01-02,1,\"open\n", []string{"3 a quote is not closed"}},
		"one that a later row closes":      {"s1,v1,2025-01-02,1,\"open\ns2,v1,2025-01-02,1,also \"open\n", []string{"3 the row is not well-formed", "4 a quote is not closed"}},
		"a quote within a value":           {"s1,v1,2025-01-02,1,5\" wide\n", []string{"3 "}},
		"too few values":                   {"s1,v1\n", []string{"3 the row has 2 values, the header 5 columns"}},
		"too many":                         {"s1,v1,2025-01-02,1,a,b\n", []string{"3 the row has 6 values, the header 5 columns"}},
		"Latin-1":                          {"s1,v1,2025-01-02,1,bl\xe5b\xe6r\n", []string{"3 the row is not UTF-8"}},
		"a row too long":                   {long, []string{"3 a row may have at most"}},
		"a number that is none":            {"s1,v1,2025-01-02,0x10,\n", []string{"3 \"0x10\" is not a number"}},
		"a decimal comma without a saying": {"s1,v1,2025-01-02,\"1,5\",\n", []string{"3 \"1,5\" is not a number"}},
		"empty lines":                      {"\n,,,,\r\n\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			sound := 0
			for _, rec := range read(t, header+good(0)+c.broken+good(7)+good(8), tabular.Options{}) {
				if rec.Refused != nil {
					got = append(got, fmt.Sprintf("%d %s", rec.Line, rec.Refused.Message))
				} else {
					sound++
				}
			}
			if sound != 3 {
				t.Errorf("%d of 3 sound rows; refused %q", sound, got)
			}
			for i := range max(len(got), len(c.want)) {
				if i >= len(got) || i >= len(c.want) || !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("refused %q, want %q", got, c.want)
					break
				}
			}
		})
	}
}

func TestPacked(t *testing.T) {
	t.Parallel()
	const file = "\ufeff{\"type\":\"checkin.submitted\",\"userId\":\"u1\"}\n"
	for name, pack := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		var b bytes.Buffer
		w := pack(&b)
		if _, err := io.WriteString(w, file); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if rec, err := open(t, bytes.NewReader(b.Bytes()), tabular.Options{}).Next(); err != nil || len(rec.Events) != 1 {
			t.Errorf("%s: %v %+v", name, err, rec)
		}
		torn, _, err := tabular.Open(bytes.NewReader(b.Bytes()[:b.Len()-9]))
		if err == nil {
			_, err = io.ReadAll(torn)
		}
		if err == nil {
			t.Errorf("%s: a torn file reads as a whole one", name)
		}
	}
	if _, _, err := tabular.Open(strings.NewReader("\xff\xfea\x00")); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

// A mark leads back to the same place in the same file, and to no place in another.
func TestMarks(t *testing.T) {
	t.Parallel()
	const file = "session_id,volunteer_id,session_date,hours_contributed,description\n" +
		"s1,v1,2025-01-02,1,\"two\nlines\"\ns2,v1,2025-01-02,1,\"open\ns3,v1,2025-01-02,1,\ns4,v1,2025-01-02,1,\n"
	whole := open(t, strings.NewReader(file), tabular.Options{})
	var marks []tabular.Mark
	var records []string
	for {
		rec, err := whole.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, told(t, rec))
		marks = append(marks, whole.Mark())
	}
	if len(records) != 4 {
		t.Fatalf("records %q", records)
	}
	for i, mark := range marks {
		again := open(t, strings.NewReader(file), tabular.Options{})
		if err := again.Skip(mark); err != nil {
			t.Fatal(err)
		}
		for _, want := range records[i+1:] {
			rec, err := again.Next()
			if err != nil || told(t, rec) != want {
				t.Errorf("behind record %d: %v, want %s", i, err, want)
			}
		}
		changed := strings.Replace(file, "s1", "z1", 1)
		if err := open(t, strings.NewReader(changed), tabular.Options{}).Skip(mark); !errors.Is(err, tabular.ErrChanged) {
			t.Errorf("a changed file: %v", err)
		}
	}
	if err := open(t, strings.NewReader(file[:len(file)/2]), tabular.Options{}).Skip(marks[3]); !errors.Is(err, tabular.ErrChanged) {
		t.Error("a shorter file goes on")
	}
}

func TestMappingMistakes(t *testing.T) {
	t.Parallel()
	const head = "name: x\ncolumns: [a, b]\n"
	for text, want := range map[string]string{
		"events: [":                     "cannot be read",
		head + "colour: red\n":          "colour",
		head:                            "needs at least one",
		head + "events: [{type: nope}]": "docs/events.md",
		head + "events: [{type: checkin.submitted, fields: {userid: a}}]":                                             "unknown field \"userid\"",
		head + "events: [{type: checkin.submitted, fields: {userId: c}}]":                                             "\"c\" is neither",
		head + "events: [{type: checkin.submitted}]":                                                                  "at least one",
		head + "events: [{type: checkin.submitted, fields: {userId: a}, constants: {userId: b}}]":                     "already",
		head + "done: z\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                                    "\"z\" is neither",
		head + "time_zone: Mars\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                            "Europe/Oslo",
		head + "date_format: DD/MM\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                         "YYYY",
		head + "scales: {rating: [1-7]}\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                    "1-7",
		head + "limits: {rating: [0, 1]}\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                   "not a number",
		head + "limits: {hours: [2, 1]}\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                    "behind its greatest",
		head + "scales: {hours: [0-1]}\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                     "not a score",
		head + "decimal: \";\"\nevents: [{type: checkin.submitted, fields: {userId: a}}]":                             "decimal",
		head + "events: [{type: checkin.submitted, identity: [q], fields: {userId: a}}]":                              "\"q\" is neither",
		`{"name":"json","columns":["a"],"events":[{"type":"checkin.submitted","needs":"n","fields":{"userId":"a"}}]}`: "\"n\" is neither",
	} {
		if _, err := tabular.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want one that names %s", text, err, want)
		}
	}
	m, err := tabular.Parse([]byte(`{"name":"json","columns":["A"],"events":[{"type":"checkin.submitted","fields":{"userId":"a"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"b\n1\n": "lacks the columns a", "a,A\n": "twice", "": "empty"} {
		if _, err := tabular.NewReader(strings.NewReader(file), tabular.Options{Format: tabular.CSV, Mapping: m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want one that names %s", file, err, want)
		}
	}
	if _, err := tabular.NewReader(strings.NewReader("x,y\n"), tabular.Options{Format: tabular.CSV}); err == nil || !strings.Contains(err.Error(), "--print-mapping") {
		t.Errorf("an unknown header: %v", err)
	}
}
