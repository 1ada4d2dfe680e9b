package sqlshell

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// history is what was typed, oldest first. In memory it is whole; the file,
// which only its owner can read, has no secrets. A line of the file is one
// entry as a JSON string, so that entries can have several lines.
type history struct {
	file    string
	entries []string
	// paused says that what is typed is an answer, and no statement.
	paused bool
}

// mostHistory entries are kept in the file; it is cut to them when it has
// twice as many.
const mostHistory = 1000

const (
	// mostEntry bounds a line of the file; a longer entry is kept in memory
	// only.
	mostEntry = 1 << 20
	// mostHistoryBytes bounds what is read of the file.
	mostHistoryBytes = 32 << 20
)

var errNoEntry = errors.New("no such entry")

// openHistory reads the file, if there is one. An error leaves a history that
// works without the file.
func openHistory(file string) (*history, error) {
	h := &history{}
	if file == "" {
		return h, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return h, fmt.Errorf("no history is kept: %w", err)
	}
	in, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		h.file = file
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("no history is kept: %w", err)
	}
	defer in.Close()
	if err := h.read(in); err != nil {
		return h, fmt.Errorf("no history is kept: %s: %w", file, err)
	}
	h.file = file
	if err := os.Chmod(file, 0o600); err != nil {
		h.file = ""
		return h, fmt.Errorf("no history is kept: %w", err)
	}
	if len(h.entries) >= 2*mostHistory {
		h.entries = h.entries[len(h.entries)-mostHistory:]
		return h, h.rewrite()
	}
	return h, nil
}

// read takes the entries of a file. A line that is too long, or isn't ours, is
// passed over; of many large ones the last are kept.
func (h *history) read(file io.Reader) error {
	lines, size := bufio.NewReaderSize(file, mostEntry), 0
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			line = nil
			_, err = lines.ReadSlice('\n')
		}
		var entry string
		if json.Unmarshal(line, &entry) == nil && entry != "" {
			h.entries = append(h.entries, entry)
			size += len(entry)
		}
		for size > mostHistoryBytes {
			size -= len(h.entries[0])
			h.entries = h.entries[1:]
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (h *history) rewrite() error {
	temporary, err := os.CreateTemp(filepath.Dir(h.file), ".history-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	for _, entry := range h.entries {
		if line := historyLine(entry); err == nil && len(line) <= mostEntry {
			_, err = temporary.Write(line)
		}
	}
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), h.file)
}

func historyLine(entry string) []byte {
	return append(appendString(nil, redact(entry)), '\n')
}

// Write adds an entry; it is the editor's to call.
func (h *history) Write(entry string) (int, error) {
	if h.paused {
		return len(h.entries), nil
	}
	h.entries = append(h.entries, entry)
	line := historyLine(entry)
	if h.file == "" || len(line) > mostEntry {
		return len(h.entries), nil
	}
	// One write of a whole line, appended: prompts at the same time don't
	// disturb each other.
	out, err := os.OpenFile(h.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = out.Write(line)
		if closed := out.Close(); err == nil {
			err = closed
		}
	}
	return len(h.entries), err
}

// GetLine is entry number pos, from 0.
func (h *history) GetLine(pos int) (string, error) {
	if pos < 0 || pos >= len(h.entries) {
		return "", errNoEntry
	}
	return h.entries[pos], nil
}

// Len is the number of entries.
func (h *history) Len() int { return len(h.entries) }

// Dump is all entries.
func (h *history) Dump() any { return h.entries }
