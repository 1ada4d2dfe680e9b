package screen

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// model is the screen as the program's loop sees it.
type model[M any] struct {
	screen        Screen[M]
	value         M
	known         bool
	width, height int
	// top is the first line of the body that is shown.
	top int
	err error
}

func (m *model[M]) Init() tea.Cmd { return nil }

func (m *model[M]) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case shown[M]:
		m.value, m.known = message.value, true
	case over:
		m.err = message.err
		return m, tea.Quit
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyPressMsg:
		return m, m.press(message.String())
	}
	return m, nil
}

func (m *model[M]) press(key string) tea.Cmd {
	for _, own := range m.screen.Keys {
		if own.Press == key {
			own.Do()
			return nil
		}
	}
	_, room := m.split()
	page := max(room-1, 1)
	switch key {
	case "q", "esc":
		return tea.Quit
	case "ctrl+c":
		m.err = errInterrupted
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "up", "k":
		m.top--
	case "down", "j":
		m.top++
	case "pgup", "b":
		m.top -= page
	case "pgdown", "space", "f":
		m.top += page
	case "home", "g":
		m.top = 0
	case "end", "G":
		m.top = len(m.picture().Body)
	}
	return nil
}

func (m *model[M]) picture() Picture {
	if !m.known {
		return Picture{Body: []string{m.screen.Waiting}}
	}
	return m.screen.Draw(m.value, m.width)
}

// split is the picture, and how many lines of its body there is room for. On a
// very low terminal the head gives way.
func (m *model[M]) split() (Picture, int) {
	picture := m.picture()
	if most := max(m.height-4, 0); len(picture.Head) > most {
		picture.Head = picture.Head[:most]
	}
	return picture, max(m.height-1-len(picture.Head), 1)
}

func (m *model[M]) View() tea.View {
	picture, room := m.split()
	m.top = max(min(m.top, len(picture.Body)-room), 0)
	last := min(m.top+room, len(picture.Body))
	lines := append([]string{}, picture.Head...)
	lines = append(lines, picture.Body[m.top:last]...)
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	for i, line := range lines {
		// The program that draws writes to the terminal past its guard.
		lines[i] = term.Cut(term.Clean(line), m.width)
	}
	lines = append(lines, term.Cut(term.Clean(m.foot(last-m.top, len(picture.Body))), m.width))
	view := tea.NewView(strings.Join(lines, "\n"))
	view.AltScreen = true
	return view
}

// foot says which keys there are, and how much of the body is out of sight.
func (m *model[M]) foot(visible, all int) string {
	var parts []string
	if visible < all {
		parts = append(parts, fmt.Sprintf("lines %d-%d of %d (↑↓)", m.top+1, m.top+visible, all))
	}
	for _, key := range m.screen.Keys {
		if key.Does != "" {
			parts = append(parts, key.Press+" "+key.Does)
		}
	}
	return strings.Join(append(parts, "q quit"), "  ")
}
