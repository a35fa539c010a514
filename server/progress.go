package server

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress counts events on standard error; total -1 is unknown.
func progress(total int64, what string) *progressbar.ProgressBar {
	bar := newBar(os.Stderr, total, what, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"))
	bar.StartWithoutRender() // else its time begins with the first events, and the first rate is nonsense
	return bar
}

// bytesBar counts bytes of a file on standard error; size -1 is unknown.
func bytesBar(size int64, what string) *progressbar.ProgressBar {
	bar := newBar(os.Stderr, size, what, progressbar.OptionShowBytes(true))
	_ = bar.RenderBlank() // else the first rate is of the moment that one read takes
	return bar
}

// newBar is a bar on a terminal, and a line now and then in a file or a pipe.
func newBar(out *os.File, total int64, what string, options ...progressbar.Option) *progressbar.ProgressBar {
	options = append(options, progressbar.OptionSetDescription(what), progressbar.OptionSetPredictTime(true))
	if term.IsTerminal(int(out.Fd())) {
		return progressbar.NewOptions64(total, append(options,
			progressbar.OptionSetWriter(out), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth(),
			progressbar.OptionOnCompletion(func() { fmt.Fprintln(out) }))...)
	}
	return progressbar.NewOptions64(total, append(options,
		progressbar.OptionSetWriter(barLines{out}), progressbar.OptionThrottle(10*time.Second), progressbar.OptionSetWidth(10))...)
}

// barLines writes each state of a bar that is more than blanks as a line of its own.
type barLines struct{ io.Writer }

func (l barLines) Write(p []byte) (int, error) {
	if state := strings.TrimSpace(string(p)); state != "" {
		if _, err := fmt.Fprintln(l.Writer, state); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
