package main

import (
	"errors"
	"fmt"
	"strings"
)

// A block is a fenced code block that is meant to be run.
type block struct {
	line       int // of its opening fence, from 1
	script     string
	background bool
}

// parse returns the blocks of a Markdown text that are marked for CI, in order. It fails if there is
// none, for then nothing would be proved.
func parse(text string) ([]block, error) {
	var blocks []block
	var current *block // the marked block that is open
	fence := ""        // the fence that closes the open block, marked or not
	for i, line := range strings.Split(text, "\n") {
		mark := strings.TrimSpace(line)
		switch {
		case fence == "" && strings.HasPrefix(mark, "```"):
			info := strings.TrimLeft(mark, "`")
			fence = mark[:len(mark)-len(info)]
			switch info = strings.TrimSpace(info); info {
			case "sh ci":
				current = &block{line: i + 1}
			case "sh ci=background":
				current = &block{line: i + 1, background: true}
			default:
				if strings.HasPrefix(info, "sh ci") {
					return nil, fmt.Errorf("line %d: %q is neither \"sh ci\" nor \"sh ci=background\"", i+1, info)
				}
			}
		case fence != "" && mark == fence:
			if current != nil {
				if err := current.valid(); err != nil {
					return nil, err
				}
				blocks = append(blocks, *current)
			}
			current, fence = nil, ""
		case current != nil:
			current.script += line + "\n"
		}
	}
	if fence != "" {
		return nil, errors.New("the last fenced block is not closed")
	}
	if len(blocks) == 0 {
		return nil, errors.New("no block is marked \"sh ci\"")
	}
	return blocks, nil
}

func (b block) valid() error {
	commands := 0
	for line := range strings.Lines(b.script) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			commands++
		}
	}
	switch {
	case commands == 0:
		return fmt.Errorf("line %d: the block is empty", b.line)
	case b.background && commands != 1:
		return fmt.Errorf("line %d: a background block holds one command, so that a signal reaches it", b.line)
	}
	return nil
}
