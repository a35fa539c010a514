package export

import (
	"bufio"
	"io"
	"strings"
)

// format is how a file is written.
type format struct {
	name string // also the file's extension
	mime string
	new  func(to io.Writer, columns []column) (table, error)
}

var formats = []format{
	{"csv", "text/csv; charset=utf-8; header=present", newCSV},
	{"ndjson", "application/x-ndjson", newNDJSON},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", newXLSX},
}

func formatOf(name string) *format {
	for i := range formats {
		if formats[i].name == name {
			return &formats[i]
		}
	}
	return nil
}

// table is a file in the making. Nothing is written before the first flush.
type table interface {
	row(cells []cell) error
	flush() error // everything up to here, as far as the format can
	end() error
}

const bufferSize = 32 << 10

// csvTable is RFC 4180: fields apart by commas, rows by CR LF.
type csvTable struct{ w *bufio.Writer }

func newCSV(to io.Writer, columns []column) (table, error) {
	t := &csvTable{bufio.NewWriterSize(to, bufferSize)}
	names := make([]cell, len(columns))
	for i, c := range columns {
		names[i].value = c.name
	}
	err := t.row(names)
	return t, err
}

func (t *csvTable) row(cells []cell) error {
	for i, c := range cells {
		if i > 0 {
			_ = t.w.WriteByte(',') // bufio keeps the error
		}
		if c.value != nil {
			t.field(c)
		}
	}
	_, err := t.w.WriteString("\r\n")
	return err
}

// field writes null as nothing, and text that is empty as quotes around nothing.
func (t *csvTable) field(c cell) {
	text := c.text()
	if _, isText := c.value.(string); isText && !c.number {
		text = inert(text)
		if text == "" || strings.ContainsAny(text, ",\"\r\n") || text != strings.TrimSpace(text) {
			text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
	} else if strings.ContainsAny(text, ",\"") { // a list
		text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	_, _ = t.w.WriteString(text)
}

// inert keeps spreadsheets from taking text for a formula: an apostrophe goes before text
// that begins like one, and before one that is there, so that taking one away gives the
// text back. A number is none.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@'\t\r\n", rune(text[0])) && !isDigits(text) {
		return "'" + text
	}
	return text
}

func (t *csvTable) flush() error { return t.w.Flush() }
func (t *csvTable) end() error   { return t.w.Flush() }

// ndjsonTable is an object a line, its members in the order of the columns, its values as
// GraphQL has them.
type ndjsonTable struct {
	w     *bufio.Writer
	names []string // `{"start":`, `,"end":`
	line  []byte
}

func newNDJSON(to io.Writer, columns []column) (table, error) {
	t := &ndjsonTable{w: bufio.NewWriterSize(to, bufferSize)}
	before := "{"
	for _, c := range columns {
		t.names = append(t.names, before+string(asJSON(c.name))+":")
		before = ","
	}
	return t, nil
}

func (t *ndjsonTable) row(cells []cell) error {
	t.line = t.line[:0]
	for i, c := range cells {
		t.line = appendJSON(append(t.line, t.names[i]...), c.value)
	}
	_, err := t.w.Write(append(t.line, "}\n"...))
	return err
}

func (t *ndjsonTable) flush() error { return t.w.Flush() }
func (t *ndjsonTable) end() error   { return t.w.Flush() }
