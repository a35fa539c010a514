package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// caller makes the requests of one connection and judges their answers.
type caller struct {
	// request is the next request as it goes over the wire, valid until the next
	// call; nil at the end.
	request func() []byte
	// answered gets the answer, or the error that came instead of it, and returns
	// an error unless it is as it should be.
	answered func(status int, body []byte, err error) error
}

func appendPost(b []byte, path, key string, body []byte) []byte {
	b = append(b, "POST "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-API-Key: "...)
	b = append(b, key...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// singles sends single events to the path, which are in the ledger if accounts
// is not nil: accounts[i] is that of companies[i].
func (b *bench) singles(path, key string, companies []string, accounts []*account) func() caller {
	return func() caller {
		var body, request []byte
		which := -1
		return caller{
			request: func() []byte {
				which = (which + 1) % len(companies)
				body = b.events.append(body[:0], companies[which], time.Now())
				request = appendPost(request[:0], path, key, body)
				return request
			},
			answered: func(status int, answer []byte, err error) error {
				if accounts == nil {
					return expect(status, answer, err, `"success":true`)
				}
				err = expect(status, answer, err, `"status":"stored"`)
				accounts[which].settle(1, err)
				return err
			},
		}
	}
}

// expect is an error unless the answer is 200 and has the text.
func expect(status int, body []byte, err error, text string) error {
	if err != nil {
		return err
	}
	if status != http.StatusOK || !bytes.Contains(body, []byte(text)) {
		return fmt.Errorf("%d %.300s", status, body)
	}
	return nil
}

// repeats sends the same request over and over. An answer must have the text
// want and not have the text never, if that is not empty.
func repeats(request []byte, want, never string) func() caller {
	return func() caller {
		return caller{
			request: func() []byte { return request },
			answered: func(status int, body []byte, err error) error {
				err = expect(status, body, err, want)
				if err == nil && never != "" && bytes.Contains(body, []byte(never)) {
					err = fmt.Errorf("%d %.300s", status, body)
				}
				return err
			},
		}
	}
}
