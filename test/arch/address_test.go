package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// addressFile is where the client of Flink's HTTP APIs makes its addresses. Its
// requests take the type Address, whose inside no other package sees, so that a
// text that was put together by hand doesn't compile; what the compiler allows
// is held here.
const addressFile = "address.go"

// wrongAddresses are the places in a client's file where an address or a
// request is made around the functions of addressFile.
func wrongAddresses(name string, source any) (wrong []string, requests int, err error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		return nil, 0, err
	}
	report := func(node ast.Node, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s: %s", files.Position(node.Pos()), fmt.Sprintf(format, args...)))
	}
	isAddress := func(node ast.Expr) bool {
		if of, ok := node.(*ast.SelectorExpr); ok {
			node = of.Sel
		}
		ident, ok := node.(*ast.Ident)
		return ok && ident.Name == "Address"
	}
	own := filepath.Base(name) == addressFile
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.CompositeLit:
			if isAddress(n.Type) && !own {
				report(n, "an address is made by hand")
			}
		case *ast.SelectorExpr:
			if (n.Sel.Name == "path" || n.Sel.Name == "query") && !own {
				report(n, "the inside of an address is used")
			}
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch called.Sel.Name {
			case "NewRequest", "NewRequestWithContext":
				requests++
				// The address is the next to last argument: where.String().
				at := n.Args[len(n.Args)-2]
				call, ok := at.(*ast.CallExpr)
				if !ok || len(call.Args) != 0 {
					report(at, "a request's address isn't the String of a URL")
				}
			case "Get", "Post", "Head", "PostForm":
				if of, ok := called.X.(*ast.SelectorExpr); ok && of.Sel.Name == "http" {
					report(n, "a request is made around the client")
				}
			}
		case *ast.FuncDecl:
			if n.Recv == nil {
				return true
			}
			switch n.Name.Name {
			case "call", "once", "open", "send", "Call", "Open":
				found := false
				for _, field := range n.Type.Params.List {
					found = found || isAddress(field.Type)
				}
				if !found {
					report(n, "%s takes no address", n.Name.Name)
				}
			}
		}
		return true
	})
	return wrong, requests, nil
}

// What servers and manifests name gets into a URL by the functions of
// addressFile alone, which check and escape it.
func TestAddressesAreMadeInOnePlace(t *testing.T) {
	if _, err := os.Stat(filepath.Join("../../pkg/flink/httpapi", addressFile)); err != nil {
		t.Error(err)
	}
	for client, want := range map[string]int{"pkg/flink/httpapi": 1, "pkg/flink/rest": 0, "pkg/flink/sqlgateway": 0} {
		files, err := filepath.Glob(filepath.Join("../..", client, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", client, files, err)
		}
		made := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			wrong, requests, err := wrongAddresses(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			made += requests
			for _, w := range wrong {
				t.Error(w)
			}
		}
		if made != want {
			t.Errorf("%s makes requests in %d places, want %d", client, made, want)
		}
	}
}

// The test above sees what it is there for.
func TestAddressesMadeByHandAreSeen(t *testing.T) {
	const by = `package p
func (c *Client) call(ctx context.Context, path string) {}
func (c *Client) a(id string) { c.call(ctx, httpapi.Address{path: "/jobs/" + id}) }
func (c *Client) b(id string) { http.NewRequestWithContext(ctx, "GET", "http://x/jobs/"+id, nil) }
func (c *Client) d(id string) { http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("http://x/jobs/%s", id), nil) }
func (c *Client) e(id string) { c.http.Get("http://x/" + id) }
func (c *Client) f(a Address) { a.path += "/x" }
func (c *Client) g(where *url.URL) { http.NewRequestWithContext(ctx, "GET", where.String(), nil) }
`
	wrong, requests, err := wrongAddresses("client.go", by)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range wrong {
		lines = append(lines, strings.Split(w, ":")[1])
	}
	if got := strings.Join(lines, " "); got != "2 3 4 5 6 7" || requests != 3 {
		t.Errorf("seen in lines %s, %d requests: %q", got, requests, wrong)
	}
}
