package jvm

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

const (
	svgWidth  = 1200
	svgHeight = 17 // of a row
	svgLetter = 6.6
	svgTop    = 64
	svgSide   = 10
	// maxBoxes bounds how many calls a picture has: the narrowest are left out.
	maxBoxes = 20_000
)

// svgStyle has colors for light and dark surroundings.
const svgStyle = `
  text { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
  .page { fill: #ffffff; } .title { font-size: 14px; font-weight: bold; } .quiet { fill: #59636e; }
  .f { cursor: pointer; } .f text { pointer-events: none; fill: #1f2328; }
  .f rect { stroke: #ffffff; stroke-width: 0.6; rx: 2; }
  .own rect { fill: #ffa657; } .flink rect { fill: #79c0ff; } .jvm rect { fill: #b6c2cf; } .none rect { fill: #d2a8ff; }
  .f:hover rect { stroke: #1f2328; stroke-width: 1; } .past { opacity: 0.45; } .found rect { fill: #f0509b; }
  .button { cursor: pointer; text-decoration: underline; }
  @media (prefers-color-scheme: dark) { .page { fill: #0d1117; } .f rect { stroke: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; } .f:hover rect { stroke: #ffffff; } }
`

// svgScript zooms and searches. It reads only numbers that this program wrote
// and the texts of titles, and writes only texts: what a name says is never read as
// markup or code.
const svgScript = `
(function () {
  var svg = document.documentElement, all = Array.prototype.slice.call(svg.querySelectorAll('.f'));
  var info = svg.querySelector('#info'), reset = svg.querySelector('#reset'), search = svg.querySelector('#search'), hits = svg.querySelector('#hits');
  var side = SIDE, width = WIDTH, letter = LETTER;
  all.forEach(function (g) {
    g.from = +g.getAttribute('data-x'); g.wide = +g.getAttribute('data-w'); g.deep = +g.getAttribute('data-d');
    g.full = g.querySelector('title').textContent; g.call = g.full.split('\n')[0];
    g.addEventListener('click', function () { zoom(g); });
    g.addEventListener('mouseover', function () { info.textContent = g.full.replace('\n', '  '); });
    g.addEventListener('mouseout', function () { info.textContent = ''; });
  });
  function fitted(text, room) {
    var letters = Math.floor((room - 6) / letter);
    if (letters < 3) { return ''; }
    if (text.length <= letters) { return text; }
    var parts = text.split('.'), last = parts.slice(-2).join('.');
    if (parts.length > 2 && text.indexOf(' ') < 0) { text = last; }
    return text.length <= letters ? text : text.slice(0, letters - 1) + '…';
  }
  function zoom(to) {
    all.forEach(function (g) {
      var above = g.deep < to.deep && g.from <= to.from + 1e-9 && g.from + g.wide >= to.from + to.wide - 1e-9;
      var below = g.deep >= to.deep && g.from >= to.from - 1e-9 && g.from + g.wide <= to.from + to.wide + 1e-9;
      var x = above ? 0 : (g.from - to.from) / to.wide, w = above ? 1 : g.wide / to.wide;
      g.style.display = above || below && w * width > 0.3 ? '' : 'none';
      g.classList.toggle('past', above);
      var rect = g.querySelector('rect'), text = g.querySelector('text');
      rect.setAttribute('x', side + x * width); rect.setAttribute('width', w * width);
      text.setAttribute('x', side + x * width + 3); text.textContent = fitted(g.call, w * width);
    });
    reset.style.display = to.deep ? '' : 'none';
  }
  function find(wanted) {
    var pattern = null, sum = 0, end = -1;
    if (wanted) { try { pattern = new RegExp(wanted, 'i'); } catch (e) { hits.textContent = 'not a pattern'; return; } }
    all.forEach(function (g) { g.classList.toggle('found', !!pattern && g.deep > 0 && pattern.test(g.call)); });
    all.filter(function (g) { return g.classList.contains('found'); })
      .sort(function (a, b) { return a.from - b.from || b.wide - a.wide; })
      .forEach(function (g) { if (g.from >= end - 1e-9) { sum += g.wide; end = g.from + g.wide; } });
    hits.textContent = pattern ? (100 * sum).toFixed(1) + '% match' : '';
  }
  reset.addEventListener('click', function () { zoom(all[0]); });
  search.addEventListener('click', function () { find(window.prompt('Find calls (a regular expression); nothing ends it', '')); });
  window.addEventListener('keydown', function (e) {
    if (e.key === 'Escape') { zoom(all[0]); find(''); }
    if (e.key === '/') { e.preventDefault(); search.dispatchEvent(new MouseEvent('click')); }
  });
})();
`

// xmlText escapes a text, and replaces what XML can't carry and what reorders
// text.
func xmlText(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(term.SafeLine(text)))
	return out.String()
}

// box is a call of a picture.
type box struct {
	n      *Node
	depth  int
	before int64
}

// SVG writes a graph as a picture that needs nothing else: no network, no font. In a
// browser a click on a call zooms in, / searches, and Escape goes back; elsewhere
// it is a picture.
func (n *Node) SVG(w io.Writer, title, about string) error {
	boxes, left := n.boxes()
	deepest := 0
	for _, b := range boxes {
		deepest = max(deepest, b.depth)
	}
	if left > 0 {
		about += fmt.Sprintf("; %d calls are too narrow to be drawn", left)
	}
	height := svgTop + (deepest+1)*svgHeight + svgSide
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", svgWidth, height, svgWidth, height)
	fmt.Fprintf(out, "<title>%s</title>\n<style>%s</style>\n", xmlText(title), svgStyle)
	fmt.Fprintf(out, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", svgWidth, height)
	fmt.Fprintf(out, "<text class=\"title\" x=\"%d\" y=\"20\">%s</text>\n", svgSide, xmlText(term.Cut(term.SafeLine(title), 130)))
	fmt.Fprintf(out, "<text class=\"quiet\" x=\"%d\" y=\"38\">%s</text>\n", svgSide, xmlText(term.Cut(term.SafeLine(about), 150)))
	fmt.Fprintf(out, "<text id=\"info\" x=\"%d\" y=\"56\"></text>\n", svgSide)
	fmt.Fprintf(out, "<text id=\"hits\" class=\"quiet\" x=\"%d\" y=\"20\" text-anchor=\"end\"></text>\n", svgWidth-svgSide-130)
	fmt.Fprintf(out, "<text id=\"reset\" class=\"button\" x=\"%d\" y=\"20\" text-anchor=\"end\" style=\"display:none\">whole picture</text>\n", svgWidth-svgSide)
	fmt.Fprintf(out, "<text id=\"search\" class=\"button\" x=\"%d\" y=\"38\" text-anchor=\"end\">search</text>\n", svgWidth-svgSide)
	const inner = svgWidth - 2*svgSide
	for _, b := range boxes {
		from, wide := float64(b.before)/float64(n.Value), float64(b.n.Value)/float64(n.Value)
		x, y := svgSide+from*inner, svgTop+b.depth*svgHeight
		label := ""
		if letters := int((wide*inner - 6) / svgLetter); letters >= 3 {
			label = fit(term.SafeLine(b.n.Name), letters)
		}
		fmt.Fprintf(out, "<g class=\"f %s\" data-x=\"%.9f\" data-w=\"%.9f\" data-d=\"%d\"><title>%s\n%d of %d samples (%.1f%%), %d of them itself</title><rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\"/><text x=\"%.2f\" y=\"%d\">%s</text></g>\n",
			[]string{"own", "flink", "jvm", "none"}[KindOf(b.n.Name)], from, wide, b.depth,
			xmlText(b.n.Name), b.n.Value, n.Value, 100*wide, b.n.Self(), x, y, wide*inner, svgHeight-1, x+3, y+12, xmlText(label))
	}
	script := strings.NewReplacer("SIDE", fmt.Sprint(svgSide), "WIDTH", fmt.Sprint(inner), "LETTER", fmt.Sprint(svgLetter)).Replace(svgScript)
	fmt.Fprintf(out, "<script><![CDATA[%s]]></script>\n</svg>\n", script)
	return out.Flush()
}

// boxes are the calls to draw, callers before what they call, and how many are
// left out. A call is never drawn without its caller, which is as wide at least
// and comes before it.
func (n *Node) boxes() (out []box, left int) {
	if n.Value <= 0 {
		return nil, 0
	}
	n.Walk(func(n *Node, depth int, before int64) { out = append(out, box{n, depth, before}) })
	if len(out) <= maxBoxes {
		return out, 0
	}
	values := make([]int64, len(out))
	for i, b := range out {
		values[i] = b.n.Value
	}
	slices.Sort(values)
	least := values[len(values)-maxBoxes]
	room := 0 // for those that are as narrow as that
	for _, value := range values[len(values)-maxBoxes:] {
		if value == least {
			room++
		}
	}
	all := len(out)
	out = slices.DeleteFunc(out, func(b box) bool {
		if b.n.Value == least {
			room--
			return room < 0
		}
		return b.n.Value < least
	})
	return out, all - len(out)
}
