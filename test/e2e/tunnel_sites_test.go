//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// evilSite is a page on another port of this computer that attacks what is
// forwarded on port as soon as it is open, and shows how it went.
func evilSite(t *testing.T, port string) string {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/form": // a form needs nobody's consent
			fmt.Fprintf(w, `<body><form method=post enctype="multipart/form-data" action="http://localhost:%s/jars/upload"><input name=jarfile value=x></form><script>document.forms[0].submit()</script>`, port)
		case "/link":
			fmt.Fprintf(w, `<body><script>location = "http://localhost:%s/jobs/00000000000000000000000000000000/yarn-cancel"</script>`, port)
		default:
			fmt.Fprintf(w, `<body>waiting<script>
				const hosts = ["localhost", "127.0.0.1", "0.0.0.0"], told = [];
				(async () => {
					for (const host of hosts) {
						const at = "http://" + host + ":%s/";
						try { told.push(host + " read: " + (await (await fetch(at + "overview")).text()).slice(0, 20)) } catch { told.push(host + " unread") }
						try { told.push(host + " posted: " + (await fetch(at + "jars/upload", {method: "POST", body: "x"})).status) } catch { told.push(host + " not posted") }
					}
					document.body.innerText = told.join("\n") + "\nfinished"
				})()</script>`, port)
		}
	}))
	t.Cleanup(site.Close)
	return strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
}

// Pages of other sites get neither in nor anything out of a forwarded
// dashboard, even when its connection is open in the browser already.
func TestPortForwardRefusesOtherSitesPages(t *testing.T) {
	t.Parallel()
	main.basic(t)
	f := main.forward(t, 1, "basic-example", ":rest")
	ctx := browser(t)
	must(t, chromedp.Do(ctx, chromedp.Navigate("http://localhost:"+f.ports[0]+"/")))
	shows(t, ctx, "Apache Flink Dashboard")
	site := evilSite(t, f.ports[0])
	must(t, chromedp.Do(ctx, chromedp.Navigate(site+"/")))
	shows(t, ctx, "localhost unread", "localhost not posted", "127.0.0.1 unread", "127.0.0.1 not posted", "0.0.0.0 unread", "0.0.0.0 not posted", "finished")
	must(t, chromedp.Do(ctx, chromedp.Navigate(site+"/form")))
	shows(t, ctx, "refused: ")
	must(t, chromedp.Do(ctx, chromedp.Navigate(site+"/link")))
	shows(t, ctx, "refused: ")
}
