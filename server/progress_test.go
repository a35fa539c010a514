package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schollz/progressbar/v3"
)

// In a file or a pipe a state of a bar is a line, without what only a terminal understands.
func TestProgressInAFile(t *testing.T) {
	t.Parallel()
	out, err := os.Create(filepath.Join(t.TempDir(), "progress"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	bar := newBar(out, 3, "count", progressbar.OptionShowCount())
	for range 3 {
		_ = bar.Add(1)
	}
	_ = bar.Finish()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, "count ") || strings.ContainsAny(line, "\r\x1b") {
			t.Errorf("line %q", line)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "3/3") {
		t.Errorf("the last line is %q", last)
	}
}
