package tabular

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/impactql/impactql/impact"
)

// rows reads CSV. A row ends with a line at whose end no quote is open; if what
// that gives is not well-formed, only its first line is given up, so that a stray
// quote does not swallow the rows after it.
type rows struct {
	*lines
	comma rune
	row   *bufio.Reader
	csv   *csv.Reader
	begun int // the line that the last row began on
}

func newRows(l *lines, comma rune) *rows {
	r := &rows{lines: l, comma: comma, row: bufio.NewReaderSize(nil, 1<<12)} // as large as csv would make one of its own
	r.csv = csv.NewReader(r.row)
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = comma, -1, true
	return r
}

// next is the next row that is not empty: its text, the lines it has taken up, and its
// cells, or why there are none. Cells are valid until the next call.
func (r *rows) next() (text []byte, cells []string, refused *impact.Error, err error) {
	for {
		n, open, err := r.extent()
		if err != nil {
			return nil, nil, nil, err
		}
		text = r.joined(n)
		if n == 1 && len(bytes.Trim(text, " \t\r\n"+string(r.comma))) == 0 {
			r.take(1)
			continue
		}
		long := r.ahead[0].tooLong()
		if !open && !long {
			cells, refused = r.parse(text)
		}
		if (open || refused != nil) && n > 1 {
			n, text = 1, r.ahead[0].text
		}
		switch {
		case long:
			refused = impact.Errorf(impact.CodeTooLarge, "a row may have at most %d bytes", MaxRecord)
		case open:
			refused = impact.Errorf(impact.CodeInvalid, "a quote is not closed: write quotes within a value twice, or close it")
		case refused == nil && !utf8.Valid(text):
			refused = impact.Errorf(impact.CodeInvalid, "the row is not UTF-8: export the file as UTF-8")
		}
		r.begun = r.number + 1
		r.take(n)
		if refused != nil {
			cells = nil
		}
		return text, cells, refused, nil
	}
}

// extent is how many lines the next row has; open if its last quote is not closed
// within the longest row there may be.
func (r *rows) extent() (n int, open bool, err error) {
	size := int64(0)
	for {
		l, err := r.peek(n)
		if errors.Is(err, io.EOF) && n > 0 {
			return n, true, nil
		}
		if err != nil {
			return 0, false, err
		}
		n++
		size += l.size
		if bytes.Count(l.text, quote)%2 == 1 {
			open = !open
		}
		if !open || size > MaxRecord {
			return n, open, nil
		}
	}
}

var quote = []byte{'"'}

func (r *rows) parse(text []byte) ([]string, *impact.Error) {
	r.row.Reset(bytes.NewReader(text))
	cells, err := r.csv.Read()
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, impact.Errorf(impact.CodeInvalid, "the row is not well-formed CSV at character %d: %v", broken.Column, broken.Err)
	}
	if err != nil {
		return nil, impact.Errorf(impact.CodeInvalid, "the row is not well-formed CSV: %v", err)
	}
	return cells, nil
}

// readHeader takes up the header: which of `,`, `;` and tab parts it, and the columns'
// names in lower case.
func readHeader(l *lines) (*rows, []string, error) {
	var first line
	for {
		var err error
		if first, err = l.peek(0); errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("the file is empty")
		} else if err != nil {
			return nil, nil, err
		}
		if len(bytes.TrimSpace(first.text)) > 0 {
			break
		}
		l.take(1)
	}
	comma, most := ',', 0
	for _, c := range []rune{',', ';', '\t'} {
		if n := bytes.Count(first.text, []byte(string(c))); n > most {
			comma, most = c, n
		}
	}
	r := newRows(l, comma)
	_, cells, refused, err := r.next()
	switch {
	case err != nil:
		return nil, nil, err
	case refused != nil:
		return nil, nil, fmt.Errorf("line %d, the header: %s", l.number, refused.Message)
	}
	header := make([]string, len(cells))
	seen := make(map[string]bool, len(cells))
	for i, c := range cells {
		header[i] = strings.ToLower(strings.TrimSpace(c))
		if seen[header[i]] && header[i] != "" {
			return nil, nil, fmt.Errorf("the header names column %q twice: rename one", header[i])
		}
		seen[header[i]] = true
	}
	return r, header, nil
}
