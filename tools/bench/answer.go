package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
)

// answer is an HTTP/1.1 answer, as much of it as a load generator looks at. It
// is read again and again: what costs the generator is taken from the server.
type answer struct {
	status int
	body   []byte
	closes bool // the connection ends with it
}

var (
	headerLength   = []byte("content-length")
	headerTransfer = []byte("transfer-encoding")
	headerConn     = []byte("connection")
)

// read reads the next answer. The body's memory is used again.
func (a *answer) read(r *bufio.Reader) error {
	line, err := readLine(r)
	if err != nil {
		return err
	}
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 3 {
		return fmt.Errorf("not an HTTP/1.1 answer: %.100q", line)
	}
	if a.status, err = strconv.Atoi(string(code[:3])); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	length, chunked := -1, false
	a.closes = false
	for {
		if line, err = readLine(r); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, headerLength):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return fmt.Errorf("content length %q", value)
			}
		case bytes.EqualFold(name, headerTransfer):
			chunked = string(value) == "chunked"
		case bytes.EqualFold(name, headerConn):
			a.closes = string(value) == "close"
		}
	}
	switch {
	case chunked:
		return a.readChunks(r)
	case length >= 0:
		return a.readBody(r, length)
	default:
		return errors.New("an answer without a length")
	}
}

func (a *answer) readBody(r *bufio.Reader, length int) error {
	if cap(a.body) < length {
		a.body = make([]byte, length)
	}
	a.body = a.body[:length]
	_, err := io.ReadFull(r, a.body)
	return err
}

func (a *answer) readChunks(r *bufio.Reader) error {
	body := bytes.NewBuffer(a.body[:0])
	if _, err := body.ReadFrom(httputil.NewChunkedReader(r)); err != nil {
		return err
	}
	a.body = body.Bytes()
	// The reader leaves the trailer, which is empty.
	line, err := readLine(r)
	if err == nil && len(line) > 0 {
		err = fmt.Errorf("a trailer: %.100q", line)
	}
	return err
}

// readLine returns the next line without its end, valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
