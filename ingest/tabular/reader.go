package tabular

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/impactql/impactql/impact"
)

// Options say how a file is to be read.
type Options struct {
	Format Format
	// Mapping says what the columns of a CSV mean; nil: the built-in one that knows the
	// header.
	Mapping *Mapping
	// RatingScale is the scale that ratings are on, where the mapping leaves a choice;
	// nil is the mapping's own.
	RatingScale *Scale
	// Programme is of rows that name none; empty is the mapping's.
	Programme string
	// Location is the time zone of times that name none, unless the mapping does.
	Location *time.Location
}

// Record is one row or line of a file.
type Record struct {
	Line int    // that it begins on, from 1
	Raw  []byte // as it stands in the file; valid for ever
	// Events is what the record says, as JSON; nil if it is refused or scheduled.
	Events [][]byte
	// Scheduled: what the row is about is not done yet.
	Scheduled bool
	Refused   *impact.Error
	// OffScale: a score does not fit the first of the scales that the mapping allows, and
	// nobody said which it is. The whole file may be on another.
	OffScale bool
}

// Reader reads the records of a file, in order.
type Reader struct {
	lines   *lines
	rows    *rows      // of a CSV
	convert *converter // of a CSV
}

// NewReader begins to read what [Open] has opened. Errors say what is wrong with the
// header.
func NewReader(in io.Reader, o Options) (*Reader, error) {
	r := &Reader{lines: &lines{in: bufio.NewReaderSize(in, 1<<16), sum: sha256.New()}}
	if o.Format == NDJSON {
		return r, nil
	}
	var header []string
	var err error
	if r.rows, header, err = readHeader(r.lines); err != nil {
		return nil, err
	}
	m := o.Mapping
	if m == nil {
		if m, err = recognise(header); err != nil {
			return nil, err
		}
	}
	r.convert, err = newConverter(m, header, o)
	return r, err
}

// Mapping is the name of the mapping that is used; empty for NDJSON.
func (r *Reader) Mapping() string {
	if r.convert == nil {
		return ""
	}
	return r.convert.mapping.Name
}

// HasChoice reports whether the mapping leaves a choice of scales that nobody made: see
// [Record].OffScale.
func (r *Reader) HasChoice() bool {
	if r.convert == nil {
		return false
	}
	for _, p := range r.convert.events {
		for _, f := range p.fields {
			if f.choice {
				return true
			}
		}
	}
	return false
}

// Columns of the file that no field of an event comes from; they are kept beside it.
func (r *Reader) Columns() (unmapped []string) {
	if r.convert == nil {
		return nil
	}
	for _, i := range r.convert.other {
		unmapped = append(unmapped, r.convert.header[i])
	}
	return unmapped
}

// Next is the next record, or [io.EOF].
func (r *Reader) Next() (*Record, error) {
	if r.rows == nil {
		return r.nextLine()
	}
	text, cells, refused, err := r.rows.next()
	if err != nil {
		return nil, err
	}
	rec := &Record{Line: r.rows.begun, Raw: text, Refused: refused}
	if refused == nil {
		rec.Events, rec.Scheduled, rec.Refused = r.convert.row(cells)
		rec.OffScale = r.convert.offScale
	}
	return rec, nil
}

func (r *Reader) nextLine() (*Record, error) {
	for {
		l, err := r.lines.peek(0)
		if err != nil {
			return nil, err
		}
		r.lines.take(1)
		text := bytes.TrimSpace(l.text)
		rec := &Record{Line: r.lines.number, Raw: text}
		switch {
		case len(text) == 0:
			continue
		case l.tooLong():
			rec.Refused = impact.Errorf(impact.CodeTooLarge, "an event may have at most %d bytes", MaxRecord)
		case !utf8.Valid(text):
			rec.Refused = impact.Errorf(impact.CodeInvalid, "the line is not UTF-8: export the file as UTF-8")
		case text[0] != '{':
			rec.Refused = impact.Errorf(impact.CodeInvalid, "write one JSON object a line")
		default:
			rec.Events = [][]byte{text}
		}
		return rec, nil
	}
}

// Column is the column that a place in an event was taken from, as a pointer; places
// that no column gives stay as they are.
func (r *Reader) Column(event int, pointer string) string {
	if r.convert == nil {
		return pointer
	}
	return r.convert.column(event, pointer)
}

// Mark is a place between two records, and what the file holds before it.
type Mark struct {
	Offset int64 // bytes, unpacked
	Line   int
	Sum    []byte // SHA-256 of the bytes before it
}

// Mark is behind the record that Next returned last.
func (r *Reader) Mark() Mark {
	return Mark{r.lines.offset, r.lines.number, r.lines.sum.Sum(nil)}
}

// ErrChanged says that a file is not the one that a mark was made in.
var ErrChanged = errors.New("the file is another than before")

// Skip goes to a mark of an earlier run. The error is [ErrChanged] if the file has
// changed before the mark; the reader is spent then.
func (r *Reader) Skip(m Mark) error {
	err := r.lines.skip(m.Offset)
	if errors.Is(err, io.EOF) || err == nil && (r.lines.offset != m.Offset || !slices.Equal(r.lines.sum.Sum(nil), m.Sum)) {
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("skip to line %d: %w", m.Line, err)
	}
	return nil
}
