package jvm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Folded writes a graph as lines of A;B;C COUNT, without the root, as
// flamegraph.pl, inferno and others read it.
func (n *Node) Folded(w io.Writer) error {
	out := bufio.NewWriter(w)
	var path []string
	var visit func(*Node)
	visit = func(n *Node) {
		path = append(path, foldedName(n.Name))
		if self := n.Self(); self > 0 {
			fmt.Fprintf(out, "%s %d\n", strings.Join(path, ";"), self)
		}
		for _, child := range n.Children {
			visit(child)
		}
		path = path[:len(path)-1]
	}
	for _, child := range n.Children {
		visit(child)
	}
	return out.Flush()
}

// foldedName has nothing that ends a name in the format.
func foldedName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == ';':
			return ':'
		case unicode.IsControl(r) || r == unicode.ReplacementChar:
			return ' '
		}
		return r
	}, name)
	if name == "" {
		return "?"
	}
	return name
}

// Speedscope writes a graph in the format of https://www.speedscope.app, whose
// samples are as many as there are.
func (n *Node) Speedscope(w io.Writer, title string) error {
	type frame struct {
		Name string `json:"name"`
	}
	type profile struct {
		Type    string  `json:"type"`
		Name    string  `json:"name"`
		Unit    string  `json:"unit"`
		Start   int64   `json:"startValue"`
		End     int64   `json:"endValue"`
		Samples [][]int `json:"samples"`
		Weights []int64 `json:"weights"`
	}
	frames := []frame{}
	at := map[string]int{}
	p := profile{Type: "sampled", Name: title, Unit: "none", Samples: [][]int{}, Weights: []int64{}}
	var path []int
	room := maxSpeedscope
	var visit func(*Node)
	visit = func(n *Node) {
		i, ok := at[n.Name]
		if !ok {
			i = len(frames)
			at[n.Name] = i
			frames = append(frames, frame{n.Name})
		}
		path = append(path, i)
		if self := n.Self(); self > 0 && room >= len(path) {
			room -= len(path)
			p.Samples = append(p.Samples, append([]int(nil), path...))
			p.Weights = append(p.Weights, self)
			p.End += self
		}
		for _, child := range n.Children {
			visit(child)
		}
		path = path[:len(path)-1]
	}
	for _, child := range n.Children {
		visit(child)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(map[string]any{
		"$schema": "https://www.speedscope.app/file-format-schema.json", "exporter": "kubectl-flink", "name": title,
		"activeProfileIndex": 0, "shared": map[string]any{"frames": frames}, "profiles": []profile{p},
	})
}

// maxSpeedscope bounds the calls of all samples together.
const maxSpeedscope = 10_000_000
