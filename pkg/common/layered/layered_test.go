package layered

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// draw draws and checks what holds of every drawing.
func draw(t *testing.T, vertices []Size, edges []Edge, o Options) (Drawing, bool) {
	t.Helper()
	d, fits := Draw(vertices, edges, o)
	if !fits {
		return d, false
	}
	check(t, vertices, edges, o, d)
	if again, _ := Draw(vertices, edges, o); !reflect.DeepEqual(d, again) {
		t.Error("the same graph is drawn in two ways")
	}
	return d, true
}

func check(t *testing.T, vertices []Size, edges []Edge, o Options, d Drawing) {
	t.Helper()
	if o.Width > 0 && d.Width > o.Width {
		t.Errorf("%d wide, %d allowed", d.Width, o.Width)
	}
	// What each layer's columns are taken by; lines that pass, too.
	taken := make([]map[int]string, len(d.Channels))
	take := func(layer, column int, what string) {
		if taken[layer] == nil {
			taken[layer] = map[int]string{}
		}
		if other, ok := taken[layer][column]; ok {
			t.Errorf("layer %d, column %d: %s and %s", layer, column, other, what)
		}
		if column < 0 || column >= d.Width {
			t.Errorf("%s in column %d of %d", what, column, d.Width)
		}
		taken[layer][column] = what
	}
	for v, box := range d.Boxes {
		if box.Width < vertices[v].Least {
			t.Errorf("vertex %d is %d wide, less than %d", v, box.Width, vertices[v].Least)
		}
		for x := range box.Width {
			take(box.Layer, box.X+x, fmt.Sprint("vertex ", v))
		}
	}
	left := map[int]bool{}
	for e := range edges {
		left[e] = true
	}
	for _, e := range d.Back {
		delete(left, e)
	}
	type place struct{ net, layer int }
	passing := map[place]int{}
	for l, channel := range d.Channels {
		next := map[place]int{}
		labels := map[int]string{}
		for _, line := range channel.Lines {
			start, ok := passing[place{line.Net, l}]
			if d.Boxes[line.Net].Layer == l {
				start, ok = d.Boxes[line.Net].Out, true
			}
			if !ok || start != line.From {
				t.Errorf("a line of %d begins in column %d of layer %d, where none is", line.Net, line.From, l)
			}
			if line.Edge < 0 {
				take(l+1, line.To, fmt.Sprint("line of ", line.Net))
				next[place{line.Net, l + 1}] = line.To
				continue
			}
			e := edges[line.Edge]
			if !left[line.Edge] || e.From != line.Net || d.Boxes[e.To].Layer != l+1 {
				t.Errorf("edge %d ends wrongly: %+v", line.Edge, line)
			}
			delete(left, line.Edge)
			box := d.Boxes[e.To]
			if line.To < box.X+o.Margin || line.To+e.Room > box.X+box.Width-1-o.Margin {
				t.Errorf("edge %d arrives in column %d, beside its vertex at %d+%d", line.Edge, line.To, box.X, box.Width)
			}
			for x := line.To; x <= line.To+e.Room; x++ {
				if labels[x] != "" {
					t.Errorf("the ends of edges %s and %d touch", labels[x], line.Edge)
				}
				labels[x] = fmt.Sprint(line.Edge)
			}
		}
		passing = next
		checkTracks(t, channel)
	}
	if len(left) > 0 {
		t.Errorf("edges %v aren't drawn", left)
	}
}

// checkTracks looks for lines of different nets on top of each other.
func checkTracks(t *testing.T, channel Channel) {
	t.Helper()
	type spot struct {
		x, row   int
		vertical bool
	}
	seen := map[spot]int{}
	draw := func(net, x, row int, vertical bool) {
		if other, ok := seen[spot{x, row, vertical}]; ok && other != net {
			t.Errorf("lines of %d and %d are on top of each other in column %d, row %d", other, net, x, row)
		}
		seen[spot{x, row, vertical}] = net
	}
	for _, line := range channel.Lines {
		if line.Track >= channel.Tracks || line.Track < 0 && line.From != line.To {
			t.Errorf("%+v has no track of %d", line, channel.Tracks)
		}
		for x := min(line.From, line.To); x <= max(line.From, line.To) && line.Track >= 0; x++ {
			draw(line.Net, x, line.Track, false)
		}
		for row := range channel.Tracks {
			if row <= line.Track || line.Track < 0 {
				draw(line.Net, line.From, row, true)
			}
			if row >= line.Track {
				draw(line.Net, line.To, row, true)
			}
		}
	}
}

func sizes(n int) []Size { return slices.Repeat([]Size{{18, 40}}, n) }

var terminal = Options{Width: 80, Gap: 2, Lane: 2, Margin: 2}

func TestAChainIsStraight(t *testing.T) {
	d, fits := draw(t, []Size{{18, 30}, {18, 41}, {18, 20}}, []Edge{{0, 1, 5}, {1, 2, 5}}, terminal)
	if !fits || len(d.Channels) != 3 {
		t.Fatal(fits, d)
	}
	for _, channel := range d.Channels {
		if channel.Tracks != 0 {
			t.Errorf("bent: %+v", channel)
		}
	}
}

func TestAJoinIsBelowItsSources(t *testing.T) {
	d, _ := draw(t, sizes(4), []Edge{{0, 2, 5}, {1, 2, 5}, {2, 3, 8}}, terminal)
	if d.Boxes[0].Layer != 0 || d.Boxes[1].Layer != 0 || d.Boxes[2].Layer != 1 || d.Boxes[3].Layer != 2 {
		t.Errorf("%+v", d.Boxes)
	}
	middle := (d.Boxes[0].Out + d.Boxes[1].Out) / 2
	if off := d.Boxes[2].Out - middle; off < -1 || off > 1 {
		t.Errorf("the join is at %d, the middle of its sources at %d", d.Boxes[2].Out, middle)
	}
}

// A source of a late join is drawn beside that, not at the top.
func TestSourcesAreNearWhatTheyFeed(t *testing.T) {
	d, _ := draw(t, sizes(5), []Edge{{0, 1, 1}, {1, 2, 1}, {2, 3, 1}, {4, 3, 1}}, terminal)
	if d.Boxes[4].Layer != d.Boxes[2].Layer {
		t.Errorf("%+v", d.Boxes)
	}
}

func TestCrossingsAreUndone(t *testing.T) {
	// 0→5, 1→4, 2→3: straight if the lower ones are turned round.
	d, _ := draw(t, sizes(6), []Edge{{0, 5, 1}, {1, 4, 1}, {2, 3, 1}}, terminal)
	for _, channel := range d.Channels {
		if channel.Tracks != 0 {
			t.Errorf("not straight: %+v", channel)
		}
	}
}

func TestManySourcesGetSeveralLayers(t *testing.T) {
	var edges []Edge
	for v := range 7 {
		edges = append(edges, Edge{From: v, To: 7})
	}
	d, fits := draw(t, sizes(8), edges, terminal)
	if !fits {
		t.Fatal("seven sources and a union don't fit into 80 columns")
	}
	if len(d.Channels) < 3 {
		t.Errorf("%d layers", len(d.Channels))
	}
}

func TestWhatCannotFit(t *testing.T) {
	if _, fits := draw(t, []Size{{90, 90}}, nil, terminal); fits {
		t.Error("90 columns fit into 80")
	}
	// Each of 40 sources feeds both of two joins: 40 lines have to pass.
	var edges []Edge
	for v := range 40 {
		edges = append(edges, Edge{From: v, To: 40, Room: 5}, Edge{From: v, To: 41, Room: 5})
	}
	if _, fits := draw(t, sizes(42), edges, terminal); fits {
		t.Error("80 labels fit into 80 columns")
	}
	if d, fits := draw(t, sizes(42), edges, Options{Gap: 2, Lane: 2, Margin: 2}); !fits || len(d.Channels) != 2 {
		t.Error("no limit, and it doesn't fit into two layers")
	}
}

func TestEmptyAndLonely(t *testing.T) {
	if d, fits := draw(t, nil, nil, terminal); !fits || len(d.Boxes) != 0 {
		t.Error(d, fits)
	}
	if d, fits := draw(t, sizes(1), nil, terminal); !fits || d.Boxes[0].X != 0 || d.Boxes[0].Width != 40 {
		t.Error(d, fits)
	}
	if d, fits := draw(t, sizes(9), nil, terminal); !fits || len(d.Channels) != 3 {
		t.Errorf("nine unconnected vertices: %+v", d)
	}
}

func TestCirclesAreCut(t *testing.T) {
	d, fits := draw(t, sizes(3), []Edge{{0, 1, 1}, {1, 2, 1}, {2, 0, 1}, {1, 1, 1}}, terminal)
	if !fits || !slices.Equal(d.Back, []int{2, 3}) {
		t.Errorf("%+v", d)
	}
}

// Graphs of all kinds keep what check demands, in no time.
func TestRandomGraphs(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 7))
		n := 1 + random.IntN(24)
		if seed%100 == 0 {
			n = 200
		}
		var edges []Edge
		for to := 1; to < n; to++ {
			for range random.IntN(3) {
				from := to - 1 - random.IntN(min(to, 6))
				if random.IntN(8) == 0 {
					from = random.IntN(to)
				}
				edges = append(edges, Edge{from, to, random.IntN(12)})
			}
		}
		all := make([]Size, n)
		for v := range all {
			least := 12 + random.IntN(14)
			all[v] = Size{least, least + random.IntN(30)}
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			begin := time.Now()
			Draw(all, edges, Options{Gap: 2, Lane: 2, Margin: 2})
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("%d vertices took %s", n, took)
			}
			for _, width := range []int{80, 140, 0} {
				draw(t, all, edges, Options{Width: width, Gap: 2, Lane: 2, Margin: 2})
			}
		})
	}
}
