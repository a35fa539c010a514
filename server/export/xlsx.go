package export

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/impactql/impactql/impact"
)

// xlsxTable is an Office Open XML workbook (ECMA-376), written as it comes: excelize, which
// reads and writes value maps, holds the whole archive in memory. Text is in its cell,
// where no spreadsheet takes it for a formula. What does not fit on a sheet goes on the
// next.
type xlsxTable struct {
	archive *zip.Writer
	names   []cell
	letters []string
	sheet   *bufio.Writer // the one that is open
	sheets  int
	rows    int // on it
	most    int // of a sheet
}

// Limits of spreadsheets: rows of a sheet, and UTF-16 units of a cell. Their numbers are
// doubles, which keep that many digits of any number; one with more is written as text.
const (
	xlsxRows   = 1_048_576
	xlsxText   = 32_767
	xlsxDigits = 15
)

func newXLSX(to io.Writer, columns []column) (table, error) {
	t := &xlsxTable{archive: zip.NewWriter(to), rows: xlsxRows, most: xlsxRows}
	for i, c := range columns {
		t.names = append(t.names, cell{value: c.name})
		t.letters = append(t.letters, letters(i))
	}
	err := t.turn()
	return t, err
}

// letters is the name of a column, counted from 0: A, B, ..., Z, AA.
func letters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letters(i/26-1) + letters(i%26)
}

// turn begins a sheet.
func (t *xlsxTable) turn() error {
	if err := t.endSheet(); err != nil {
		return err
	}
	t.sheets++
	part, err := t.archive.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", t.sheets))
	if err != nil {
		return err
	}
	t.sheet, t.rows = bufio.NewWriterSize(part, bufferSize), 0
	_, _ = t.sheet.WriteString(xml.Header + `<worksheet xmlns="` + mainNS + `"><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`)
	return t.row(t.names)
}

func (t *xlsxTable) endSheet() error {
	if t.sheet == nil {
		return nil
	}
	_, _ = t.sheet.WriteString("</sheetData></worksheet>")
	return t.sheet.Flush()
}

func (t *xlsxTable) row(cells []cell) error {
	if t.rows == t.most {
		if err := t.turn(); err != nil {
			return err
		}
	}
	t.rows++
	at := strconv.Itoa(t.rows)
	_, _ = t.sheet.WriteString(`<row r="` + at + `">`)
	for i, c := range cells {
		if c.value == nil {
			continue
		}
		if err := t.cell(t.letters[i]+at, c); err != nil {
			return err
		}
	}
	_, err := t.sheet.WriteString("</row>")
	return err
}

func (t *xlsxTable) cell(at string, c cell) error {
	text := c.text()
	_, isText := c.value.(string)
	_, isBool := c.value.(bool)
	_, isNumber := c.value.(json.Number)
	switch {
	case isBool:
		_, err := fmt.Fprintf(t.sheet, `<c r="%s" t="b"><v>%d</v></c>`, at, map[string]int{"true": 1}[text])
		return err
	case (isNumber || c.number) && isDigits(text) && len(strings.Trim(text, "-.")) <= xlsxDigits:
		style := ""
		if isText { // money
			style = ` s="1"`
		}
		_, err := fmt.Fprintf(t.sheet, `<c r="%s"%s><v>%s</v></c>`, at, style, text)
		return err
	}
	if units := len(utf16.Encode([]rune(text))); units > xlsxText {
		return impact.Errorf(impact.CodeTooLarge, "cell %s needs %d characters, and a spreadsheet has %d: use csv or ndjson", at, units, xlsxText)
	}
	_, _ = t.sheet.WriteString(`<c r="` + at + `" t="inlineStr"><is><t xml:space="preserve">`)
	_ = xml.EscapeText(t.sheet, []byte(escaped(text)))
	_, err := t.sheet.WriteString("</t></is></c>")
	return err
}

// unwritable is what no XML document can hold, and what would be read as the stand-in for
// it, _xHHHH_.
var unwritable = regexp.MustCompile(`[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_`)

func escaped(text string) string {
	return unwritable.ReplaceAllStringFunc(text, func(s string) string {
		if s[0] == '_' {
			return "_x005F" + s
		}
		return fmt.Sprintf("_x%04X_", []rune(s)[0])
	})
}

func (t *xlsxTable) flush() error {
	if err := t.sheet.Flush(); err != nil {
		return err
	}
	return t.archive.Flush()
}

const (
	mainNS     = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relationNS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageNS  = "http://schemas.openxmlformats.org/package/2006/"
	partType   = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// end writes the parts that say what the sheets are.
func (t *xlsxTable) end() error {
	if err := t.endSheet(); err != nil {
		return err
	}
	var types, sheets, relations strings.Builder
	for i := 1; i <= t.sheets; i++ {
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%sworksheet+xml"/>`, i, partType)
		fmt.Fprintf(&sheets, `<sheet name="Sheet%[1]d" sheetId="%[1]d" r:id="rId%[1]d"/>`, i)
		fmt.Fprintf(&relations, `<Relationship Id="rId%[1]d" Type="%[2]s/worksheet" Target="worksheets/sheet%[1]d.xml"/>`, i, relationNS)
	}
	for _, part := range []struct{ name, text string }{
		{"[Content_Types].xml", `<Types xmlns="` + packageNS + `content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + partType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="` + partType + `styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + packageNS + `relationships">` +
			`<Relationship Id="rId1" Type="` + relationNS + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + mainNS + `" xmlns:r="` + relationNS + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packageNS + `relationships">` + relations.String() +
			fmt.Sprintf(`<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/></Relationships>`, t.sheets+1, relationNS)},
		// Style 1 is the built-in format 0.00.
		{"xl/styles.xml", `<styleSheet xmlns="` + mainNS + `"><fonts count="1"><font/></fonts>` +
			`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
			`<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>` +
			`<cellXfs count="2"><xf/><xf numFmtId="2" applyNumberFormat="1"/></cellXfs></styleSheet>`},
	} {
		w, err := t.archive.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xml.Header+part.text); err != nil {
			return err
		}
	}
	return t.archive.Close()
}
