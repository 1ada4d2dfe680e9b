package portforward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

func TestTruncationIsAnError(t *testing.T) {
	r := newRig(t, Options{})
	ends := r.pipe("jm-1")
	conn := r.dial()
	end := <-ends
	end.Write([]byte("half"))
	buffer := make([]byte, 4)
	if _, err := io.ReadFull(conn, buffer); err != nil {
		t.Fatal(err)
	}
	r.kubelet.Cut("jm-1")
	_, err := conn.Read(buffer)
	var lost *LostError
	if !errors.As(err, &lost) {
		t.Errorf("got %v, want a LostError rather than an end of file", err)
	}
	end.Close()
}

func TestHalfClose(t *testing.T) {
	r := newRig(t, Options{})
	ends := r.pipe("jm-1")
	conn := r.dial()
	end := <-ends
	// This side first.
	io.WriteString(conn, "question")
	conn.(interface{ CloseWrite() error }).CloseWrite()
	got, err := io.ReadAll(end)
	if err != nil || string(got) != "question" {
		t.Fatalf("the pod got %q, %v", got, err)
	}
	io.WriteString(end, "answer")
	end.Close()
	if got, err = io.ReadAll(conn); err != nil || string(got) != "answer" {
		t.Fatalf("got %q, %v", got, err)
	}
	// The pod first.
	second := r.dial()
	end = <-ends
	io.WriteString(end, "bye")
	end.(*net.TCPConn).CloseWrite()
	if got, err = io.ReadAll(second); err != nil || string(got) != "bye" {
		t.Fatalf("got %q, %v", got, err)
	}
	io.WriteString(second, "still here")
	buffer := make([]byte, len("still here"))
	if _, err := io.ReadFull(end, buffer); err != nil || string(buffer) != "still here" {
		t.Fatalf("the pod got %q, %v", buffer, err)
	}
	end.Close()
}

func TestDeadlines(t *testing.T) {
	r := newRig(t, Options{BufferLimit: 64 << 10})
	ends := r.pipe("jm-1")
	conn := r.dial()
	end := <-ends
	defer end.Close()
	conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a time-out", err)
	}
	// The connection lives on.
	conn.SetReadDeadline(time.Time{})
	io.WriteString(end, "x")
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	// A pod that doesn't read blocks a writer until its deadline.
	conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	var err error
	for err == nil {
		_, err = conn.Write(make([]byte, 1<<20))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a time-out", err)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v doesn't say that it is a time-out", err)
	}
}

// What arrives must be what was sent, with readers faster and slower than the
// pod and answers that come in pieces.
func TestContentsSurvive(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	var cuts []int
	for at := 0; at < len(sent); at += 1 + random.IntN(60_000) {
		cuts = append(cuts, at)
	}
	cuts = append(cuts, len(sent))
	for _, limit := range []int{20_000, 64 << 10, 1 << 20} {
		r := newRig(t, Options{BufferLimit: limit})
		ends := r.pipe("jm-1")
		_, address := r.listen(ListenOptions{})
		for name, dial := range map[string]func() (net.Conn, error){
			"Read":    func() (net.Conn, error) { return r.tunnel.DialContext(t.Context(), restTarget) },
			"WriteTo": func() (net.Conn, error) { return r.tunnel.DialContext(t.Context(), restTarget) },
			"local":   func() (net.Conn, error) { return net.Dial("tcp", address) },
		} {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			end := <-ends
			go func() {
				for i := range len(cuts) - 1 {
					end.Write(sent[cuts[i]:cuts[i+1]])
				}
				end.Close()
			}()
			var got bytes.Buffer
			if name == "WriteTo" {
				_, err = conn.(io.WriterTo).WriteTo(&got)
			} else {
				_, err = io.Copy(&got, struct{ io.Reader }{conn})
			}
			conn.Close()
			if err != nil || !bytes.Equal(got.Bytes(), sent) {
				t.Errorf("%s, limit %d: %d bytes arrived changed, %v", name, limit, got.Len(), err)
			}
		}
	}
}

func TestUnreadStreamHoldsNobodyUp(t *testing.T) {
	r := newRig(t, Options{BufferLimit: 64 << 10})
	r.serve("jm-1", func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/big" {
			w.Write(make([]byte, 32<<20))
		}
		io.WriteString(w, "ok")
	})
	client := &http.Client{Transport: r.tunnel.RoundTripper(restTarget, nil), Timeout: 10 * time.Second}
	big, err := client.Get("http://x/big")
	if err != nil {
		t.Fatal(err)
	}
	defer big.Body.Close()
	for range 5 {
		response, err := client.Get("http://x/small")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
}

func TestThousandShortConnections(t *testing.T) {
	r := newRig(t, Options{Connections: 8})
	ends := r.pipe("jm-1")
	go func() {
		for end := range ends {
			go func() {
				io.Copy(end, end)
				end.Close()
			}()
		}
	}()
	var work sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range 1000 {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			conn, err := r.tunnel.DialContext(context.Background(), restTarget)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			text := fmt.Sprint("connection ", i)
			io.WriteString(conn, text)
			conn.(interface{ CloseWrite() error }).CloseWrite()
			if got, err := io.ReadAll(conn); err != nil || string(got) != text {
				t.Errorf("got %q, %v; want %q", got, err, text)
			}
		})
	}
	work.Wait()
	if n := r.kubelet.Upgrades("spdy"); n > 200 {
		t.Errorf("%d upgrades for 1,000 connections: they aren't used again", n)
	}
}
