package sheet

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"github.com/impactql/impactql/impact"
)

// Format is how a value map is written.
type Format string

// The formats.
const (
	CSV  Format = "csv"
	JSON Format = "json"
	XLSX Format = "xlsx"
)

// FormatOf is the format of a file by its name.
func FormatOf(name string) (f Format, known bool) {
	for _, f := range []Format{CSV, XLSX, JSON} {
		if strings.HasSuffix(strings.ToLower(name), "."+string(f)) {
			return f, true
		}
	}
	return "", false
}

// Read reads a valid map. What is wrong is an [impact.Error] that points to the cell:
// D5 of a sheet, /outcomes/3/deadweight of JSON.
func Read(from io.Reader, f Format) (*impact.ValueMap, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read value map: %w", err)
	}
	if len(data) > maxFile {
		return nil, impact.Errorf(impact.CodeTooLarge, "the file is larger than %d bytes", maxFile)
	}
	switch f {
	case CSV:
		return readCSV(data)
	case XLSX:
		return readXLSX(data)
	case JSON:
	}
	return impact.ParseValueMap(data)
}

// Write writes a map.
func Write(to io.Writer, m *impact.ValueMap, f Format) error {
	switch f {
	case CSV:
		w := csv.NewWriter(to)
		if err := w.WriteAll(rows(m)); err != nil {
			return fmt.Errorf("write value map: %w", err)
		}
		return nil
	case XLSX:
		return writeXLSX(to, m)
	case JSON:
	}
	data, err := m.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = to.Write(append(data, '\n'))
	return err
}

// readCSV takes commas or, as spreadsheets of some countries write, semicolons.
func readCSV(data []byte) (*impact.ValueMap, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(data))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		r.Comma = ';'
	}
	r.FieldsPerRecord = -1
	table, err := r.ReadAll()
	if err != nil {
		return nil, impact.Errorf(impact.CodeInvalid, "not a CSV file: %v", err)
	}
	return parse(table)
}

func readXLSX(data []byte) (*impact.ValueMap, error) {
	file, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: 4 * maxFile, UnzipXMLSizeLimit: maxFile})
	if err != nil {
		return nil, impact.Errorf(impact.CodeInvalid, "not an XLSX file: %v", err)
	}
	defer file.Close()
	name := file.GetSheetName(0)
	raw, err := file.GetRows(name, excelize.Options{RawCellValue: true})
	if err != nil {
		return nil, impact.Errorf(impact.CodeInvalid, "not an XLSX file: %v", err)
	}
	shown, err := file.GetRows(name)
	if err != nil {
		return nil, impact.Errorf(impact.CodeInvalid, "not an XLSX file: %v", err)
	}
	// A cell that is formatted as a percentage holds a share: 0.25 is shown as 25%.
	for i, row := range raw {
		for j, cell := range row {
			if i >= len(shown) || j >= len(shown[i]) || !strings.HasSuffix(shown[i][j], "%") || strings.HasSuffix(cell, "%") {
				continue
			}
			if d, err := decimal.NewFromString(cell); err == nil {
				raw[i][j] = d.Shift(2).String()
			}
		}
	}
	return parse(raw)
}

func writeXLSX(to io.Writer, m *impact.ValueMap) error {
	file := excelize.NewFile()
	defer file.Close()
	const name = "Value map"
	if err := file.SetSheetName(file.GetSheetName(0), name); err != nil {
		return fmt.Errorf("write value map: %w", err)
	}
	// As text, so that no digit is lost to a spreadsheet's floating point.
	for i, row := range rows(m) {
		for j, cell := range row {
			if cell == "" {
				continue
			}
			if err := file.SetCellStr(name, at(i, j), cell); err != nil {
				return fmt.Errorf("write value map: %w", err)
			}
		}
	}
	if _, err := file.WriteTo(to); err != nil {
		return fmt.Errorf("write value map: %w", err)
	}
	return nil
}
