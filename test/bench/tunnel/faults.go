package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
)

// stalled downloads 49 × 2 MiB at once, alone and beside one that is never
// read.
func (b *bench) stalled(ctx context.Context) error {
	tunnel, err := portforward.New(b.config, portforward.Options{})
	if err != nil {
		return err
	}
	defer tunnel.Close()
	listener, err := tunnel.Listen(ctx, portforward.ListenOptions{Target: b.target})
	if err != nil {
		return err
	}
	address := fmt.Sprintf("http://127.0.0.1:%d", listener.Port())
	var without, with time.Duration
	for range b.rounds {
		alone, err := b.many(ctx, address, false)
		if err != nil {
			return err
		}
		beside, err := b.many(ctx, address, true)
		if err != nil {
			return err
		}
		if without == 0 || alone < without {
			without = alone
		}
		if with == 0 || beside < with {
			with = beside
		}
	}
	fmt.Printf("49 downloads of 2 MiB at once: %v alone, %v beside one that isn't read\n", without.Round(time.Millisecond), with.Round(time.Millisecond))
	b.verdict("beside a stalled stream", with.Seconds()/without.Seconds(), 1.2, 0, true)

	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	address, _, stop, err := b.kubectlForward(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if took, err := b.many(limited, address, true); err != nil {
		fmt.Printf("  kubectl port-forward: stalls (%v)\n", err)
	} else {
		fmt.Printf("  kubectl port-forward: %v\n", took.Round(time.Millisecond))
	}
	return nil
}

func (b *bench) many(ctx context.Context, address string, stall bool) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if stall {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/256", nil)
		if err != nil {
			return 0, err
		}
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		if _, err := io.ReadFull(response.Body, make([]byte, 1)); err != nil {
			return 0, err
		}
		// Until the buffers on the way are full, the unread download competes.
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	started := time.Now()
	errs := make(chan error, 49)
	var work sync.WaitGroup
	for range 49 {
		work.Go(func() {
			if _, err := b.fetch(ctx, client, address+"/2"); err != nil {
				errs <- err
			}
		})
	}
	work.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return time.Since(started), nil
	}
}

// replaced deletes the pod, puts another in its place and measures from its
// readiness to the first byte on the same local port.
func (b *bench) replaced(ctx context.Context) error {
	tunnel, err := portforward.New(b.config, portforward.Options{ReconnectTimeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer tunnel.Close()
	listener, err := tunnel.Listen(ctx, portforward.ListenOptions{Target: b.target})
	if err != nil {
		return err
	}
	address := fmt.Sprintf("http://127.0.0.1:%d/1", listener.Port())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := b.fetch(ctx, client, address); err != nil {
		return err
	}
	pods := b.clients.CoreV1().Pods(b.namespace)
	watch, err := pods.Watch(ctx, metav1.ListOptions{LabelSelector: "app=payload"})
	if err != nil {
		return err
	}
	defer watch.Stop()
	if err := pods.Delete(ctx, "payload", metav1.DeleteOptions{}); err != nil {
		return err
	}
	for event := range watch.ResultChan() {
		if event.Type == "DELETED" {
			break
		}
	}
	if _, err := pods.Create(ctx, b.pod(), metav1.CreateOptions{}); err != nil {
		return err
	}
	type result struct {
		at  time.Time
		err error
	}
	got := make(chan result, 1)
	go func() {
		_, err := b.fetch(ctx, client, address)
		got <- result{time.Now(), err}
	}()
	for {
		pod, err := pods.Get(ctx, "payload", metav1.GetOptions{})
		if err != nil {
			return err
		}
		ready := false
		for _, c := range pod.Status.Conditions {
			ready = ready || c.Type == "Ready" && c.Status == "True"
		}
		if ready {
			break
		}
		time.Sleep(10 * time.Millisecond) // the resolution of the measurement
	}
	readyAt := time.Now()
	r := <-got
	if r.err != nil {
		return r.err
	}
	b.verdict("seconds from Ready to first bytes", max(r.at.Sub(readyAt), 0).Seconds(), 1, 0, true)
	return nil
}
