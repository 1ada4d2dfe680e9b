package view

import (
	"html"
	"net/url"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// reportStyle is the page's only style. It is allowed by its hash, and nothing else
// is: no script, no picture but those within the page, nothing from elsewhere.
const reportStyle = `
:root{color-scheme:light dark;--bg:#f6f8fa;--card:#fff;--text:#1f2328;--quiet:#59636e;--line:#d1d9e0;--link:#0969da;--error:#cf222e;--error-bg:#ffebe9;--warning:#9a6700;--warning-bg:#fff8c5;--info:#0969da;--info-bg:#ddf4ff;--code:#eff2f5;--ok:#1a7f37}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--card:#151b23;--text:#e6edf3;--quiet:#9198a1;--line:#3d444d;--link:#4493f8;--error:#ff7b72;--error-bg:#301b1e;--warning:#e3b341;--warning-bg:#2e2a1f;--info:#79c0ff;--info-bg:#121d2f;--code:#212830;--ok:#3fb950}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header>div{max-width:1120px;margin:0 auto;padding:0 24px}
header{background:var(--card);border-bottom:1px solid var(--line);padding:26px 0 0}
h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:19px;margin:36px 0 12px}h3{font-size:16px;margin:22px 0 8px;overflow-wrap:anywhere}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
nav{display:flex;gap:20px;flex-wrap:wrap;padding:14px 0 12px}
.quiet{color:var(--quiet)}.small{font-size:13px}
.chips{display:flex;gap:8px;flex-wrap:wrap;margin:12px 0 0}
.chip{border-radius:999px;padding:2px 12px;font-size:13px;font-weight:600;background:var(--code)}
.chip.error{color:var(--error);background:var(--error-bg)}.chip.warning{color:var(--warning);background:var(--warning-bg)}.chip.info{color:var(--info);background:var(--info-bg)}.chip.ok{color:var(--ok)}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 18px;margin:0 0 12px;overflow-wrap:anywhere}
.finding{border-left:4px solid var(--info)}.finding.error{border-left-color:var(--error)}.finding.warning{border-left-color:var(--warning)}
.finding p{margin:0 0 6px}.means{font-weight:600}
.evidence{margin:8px 0;padding:0;list-style:none}.evidence li{margin:4px 0;padding:6px 10px;background:var(--code);border-radius:6px}
code,pre,.evidence span+span{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--code);border-radius:6px;padding:8px 12px;margin:6px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.cure{margin:8px 0 0}.cure b{color:var(--ok)}
table{border-collapse:collapse;width:100%;font-size:14px}td,th{padding:5px 10px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}.time{white-space:nowrap;font:12.5px/1.7 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--quiet);overflow-wrap:normal}.kind{white-space:nowrap;font-weight:600;font-size:13px;overflow-wrap:normal}
tr.error td{color:var(--error)}tr.warning td{color:var(--warning)}tr.gap td{color:var(--quiet);font-style:italic}tr .time,tr.error .time,tr.warning .time{color:var(--quiet)}
ul.details{margin:2px 0;padding-left:18px;color:var(--quiet);font-size:13px}
details{margin:8px 0}summary{cursor:pointer;color:var(--link)}
.scroll{overflow-x:auto}.picture{max-width:100%;height:auto;border:1px solid var(--line);border-radius:6px;margin:6px 0 10px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
footer{color:var(--quiet);font-size:13px;padding:28px 0 48px}
@media (max-width:640px){main,header>div{padding:0 14px}.kind{display:none}}
@media print{body{background:#fff}.card{break-inside:avoid}}
`

// Bounds of the page; the files have all of it.
const (
	reportFindings = 300
	reportEntries  = 400
	reportOpen     = 60
	reportBrief    = 40
)

// reportHTML writes a page of HTML; all text goes through its methods.
type reportHTML struct {
	out  strings.Builder
	hide func(string) string
}

// raw writes what is written here and nowhere else.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func (h *reportHTML) raw(text string) { h.out.WriteString(text) }

// text writes foreign text: without secrets, harmless, escaped.
func (h *reportHTML) text(text string) {
	h.raw(html.EscapeString(h.hide(term.SafeLine(term.Short(text, maxText)))))
}

// tag writes an element with a text; open is what stands between < and >.
func (h *reportHTML) tag(open, text string) {
	name, _, _ := strings.Cut(open, " ")
	h.raw("<" + open + ">")
	h.text(text)
	h.raw("</" + name + ">")
}

// link writes a link to a file of the bundle.
func (h *reportHTML) link(path, text string) {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	h.raw(`<a href="` + html.EscapeString(strings.Join(parts, "/")) + `">`)
	h.text(text)
	h.raw("</a>")
}
