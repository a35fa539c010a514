package sheet_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/server/sheet"
)

const full = `{"discountRate":"0.0425","discountTiming":"YEAR_1_UNDISCOUNTED","combine":"ADDITIVE",
	"inputs":[{"name":"Staff; and \"rent\"","amount":"1234567.0123456789"},{"name":"Time","amount":"0"},{"name":"Rooms","amount":"3"}],
	"outcomes":[
		{"name":"Job","stakeholder":"Participants","proxy":"15000.55","bind":{"figure":"PARTICIPANTS_PLACED","programme":"buddy","period":"FY2025"},
			"source":"Own survey, 2024","year":2024,"evidenceGrade":"C","deadweight":"0.333333","displacement":"0.1","attribution":"0.25","dropOff":"0.5","duration":5,"startYear":2},
		{"name":"Stress","quantity":"-3.5","proxy":"200"}]}`

// A map comes back from each format as it went in, to the digit.
func TestFormats(t *testing.T) {
	t.Parallel()
	m, err := impact.ParseValueMap([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []sheet.Format{sheet.CSV, sheet.JSON, sheet.XLSX} {
		var file bytes.Buffer
		if err := sheet.Write(&file, m, format); err != nil {
			t.Fatal(err)
		}
		back, err := sheet.Read(&file, format)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if got, _ := back.MarshalJSON(); string(got) != string(want) {
			t.Errorf("%s: got %s, want %s", format, got, want)
		}
	}
}

// As people write it: a title, semicolons, columns in another order and some of their
// own, percent signs, and defaults for what is left out.
func TestCSVAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	m, err := sheet.Read(strings.NewReader("\xef\xbb\xbfOur value map;;;;;;\nDiscount rate %;5%;;;;;\n;;;;;;\noutcome;Notes;FINANCIAL PROXY VALUE;quantity;deadweight %;Input;Input value\nJob;good;1 000.50;10;25%;Staff;5000\n;;;;;Rent;100\n"), sheet.CSV)
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.SROI()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Inputs) != 2 || m.DiscountRate.String() != "0.05" || res.Outcomes[0].ImpactByYear[0].String() != "7503.75" {
		t.Errorf("%+v: %+v", m, res)
	}
}

// Percentages that a spreadsheet keeps as shares are shares.
func TestXLSXPercentages(t *testing.T) {
	t.Parallel()
	file := excelize.NewFile()
	style, err := file.NewStyle(&excelize.Style{NumFmt: 9}) // 0%
	if err != nil {
		t.Fatal(err)
	}
	for cell, v := range map[string]any{
		"A1": "Outcome", "B1": "Quantity", "C1": "Financial proxy value", "D1": "Deadweight %", "E1": "Attribution %",
		"A2": "Job", "B2": 10, "C2": 1000, "D2": 0.255, "E2": 50,
	} {
		if err := file.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.SetCellStyle("Sheet1", "D2", "D2", style); err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if _, err := file.WriteTo(&data); err != nil {
		t.Fatal(err)
	}
	m, err := sheet.Read(&data, sheet.XLSX)
	if err != nil {
		t.Fatal(err)
	}
	if o := m.Outcomes[0]; o.Deadweight.String() != "0.255" || o.Attribution.String() != "0.5" {
		t.Errorf("deadweight %s, attribution %s", o.Deadweight, o.Attribution)
	}
}

func TestWrongCells(t *testing.T) {
	t.Parallel()
	const head = "Outcome,Quantity,Financial proxy value,Deadweight %,Duration,Bound to,Input,Input value\n"
	for text, cell := range map[string]string{
		head + "Job,1,1,0,1,,,\nJob,1,1,0,1,,,\nJob,1,1,0,1,,,\nJob,1,1,150,1,,,\n": "D5",
		head + "Job,ten,1,0,1,,,\n":       "B2",
		head + "Job,1,,0,1,,,\n":          "C2",
		head + "Job,,1,0,1,,,\n":          "B2",
		head + "Job,1,1,0,1.5,,,\n":       "E2",
		head + "Job,1,1,0,101,,,\n":       "E2",
		head + "Job,,1,0,1,LUCK,,\n":      "F2",
		head + "Job,1,1,0,1,SESSIONS,,\n": "B2",
		head + ",,,,,,Staff,-1\n":         "H2",
		head + ",,,,,,,7\n":               "G2",
		head + "Job,1,1e9,0,1,,,\n":       "C2",
		"Discount rate %,250\n" + head:    "B1",
		"Combine,SOMEHOW\n" + head:        "B1",
		"Outcome,Quantity,quantity\n":     "C1",
		"Name,Quantity\n":                 "",
	} {
		_, err := sheet.Read(strings.NewReader(text), sheet.CSV)
		e, ok := errors.AsType[*impact.Error](err)
		if !ok || e.Code != impact.CodeInvalid || e.Pointer != cell || e.Message == "" {
			t.Errorf("%q: got %v, want INVALID at %s", text, err, cell)
		}
	}
	for format, text := range map[sheet.Format]string{sheet.XLSX: "no zip", sheet.JSON: "{", sheet.CSV: `"`} {
		if _, err := sheet.Read(strings.NewReader(text), format); err == nil || impact.CodeOf(err) == impact.CodeInternal {
			t.Errorf("%s: %v", format, err)
		}
	}
	if _, err := sheet.Read(strings.NewReader(strings.Repeat(" ", 9<<20)), sheet.JSON); impact.CodeOf(err) != impact.CodeTooLarge {
		t.Errorf("9 MB: %v", err)
	}
	_, err := sheet.Read(strings.NewReader(`{"outcomes":[{"name":"x","quantity":1,"proxy":1,"dropOff":2}]}`), sheet.JSON)
	if e, ok := errors.AsType[*impact.Error](err); !ok || e.Pointer != "/outcomes/0/dropOff" {
		t.Errorf("JSON: %v", err)
	}
}
