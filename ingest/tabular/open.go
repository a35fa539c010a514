package tabular

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Format is how a file holds its records.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson" // one event a line, as the webhook takes it
	CSV    Format = "csv"    // a row, with a header
)

// window bounds what unpacking may hold of a zstd file, whatever the file asks for.
const window = 64 << 20 // bytes

// Open unpacks gzip and zstd, which it knows by their first bytes, and drops a byte
// order mark. It tells the format from the first character. Close ends it; that does
// not close r.
func Open(r io.Reader) (_ io.ReadCloser, _ Format, err error) {
	packed := bufio.NewReaderSize(r, 1<<16)
	unpacked := io.NopCloser(packed)
	switch magic, _ := packed.Peek(4); {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		unpacked, err = gzip.NewReader(packed)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var d *zstd.Decoder
		if d, err = zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(window)); err == nil {
			unpacked = d.IOReadCloser()
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("unpack: %w", err)
	}
	text := bufio.NewReaderSize(unpacked, 1<<16)
	head, err := text.Peek(1 << 10)
	if err != nil && len(head) == 0 && err != io.EOF { //nolint:errorlint // never wrapped
		return nil, "", fmt.Errorf("unpack: %w", err)
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return nil, "", fmt.Errorf("the file is UTF-16: save it as UTF-8")
	}
	if bom := []byte("\xef\xbb\xbf"); bytes.HasPrefix(head, bom) {
		if _, err := text.Discard(len(bom)); err != nil {
			return nil, "", err
		}
		head = head[len(bom):]
	}
	format := CSV
	if bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) {
		format = NDJSON
	}
	return struct {
		io.Reader
		io.Closer
	}{text, unpacked}, format, nil
}
