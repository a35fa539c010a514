package tabular

import (
	"bufio"
	"bytes"
	"errors"
	"hash"
	"io"
)

// MaxRecord is the greatest length of a record in bytes, as of an event in an array.
const MaxRecord = 256 << 10

// line is one line of a file with its end. Of one longer than [MaxRecord] only the
// beginning is kept.
type line struct {
	text []byte
	size int64 // bytes that it has in the file
}

func (l line) tooLong() bool { return l.size > int64(len(l.text)) }

// lines reads lines, and keeps count and a running hash of those that were taken up.
type lines struct {
	in     *bufio.Reader
	ahead  []line // read, but not taken up
	offset int64  // bytes taken up
	number int    // lines taken up
	sum    hash.Hash
}

// peek is the line at i behind what was taken up; io.EOF if there is none.
func (s *lines) peek(i int) (line, error) {
	for len(s.ahead) <= i {
		l, err := s.read()
		if err != nil {
			return line{}, err
		}
		s.ahead = append(s.ahead, l)
	}
	return s.ahead[i], nil
}

// take takes up the next n lines, which were peeked at.
func (s *lines) take(n int) {
	for _, l := range s.ahead[:n] {
		s.offset += l.size
		s.number++
		_, _ = s.sum.Write(l.text)
	}
	s.ahead = append(s.ahead[:0], s.ahead[n:]...)
}

func (s *lines) read() (l line, err error) {
	for {
		part, err := s.in.ReadSlice('\n')
		l.size += int64(len(part))
		if room := MaxRecord - len(l.text); room > 0 {
			l.text = append(l.text, part[:min(room, len(part))]...)
		}
		switch {
		case err == nil, errors.Is(err, io.EOF) && l.size > 0:
			return l, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return l, err
		}
	}
}

// skip takes up everything up to a position that take has reached in an earlier run.
func (s *lines) skip(to int64) error {
	for s.offset < to {
		if _, err := s.peek(0); err != nil {
			return err
		}
		s.take(1)
	}
	return nil
}

// joined is the text of the next n lines.
func (s *lines) joined(n int) []byte {
	if n == 1 {
		return s.ahead[0].text
	}
	parts := make([][]byte, n)
	for i := range parts {
		parts[i] = s.ahead[i].text
	}
	return bytes.Join(parts, nil)
}
