package logs

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stream is one container's log while it is read.
type stream struct {
	make assembler
	put  func(*Record) bool
	// last is the kubelet's time of the last line.
	last time.Time
}

const (
	// idle is how long a record waits for more of its lines.
	idle = 150 * time.Millisecond
	// retries is how often a log that breaks off is taken up again in a row.
	retries = 5
)

// read reads a log to its end. One that is followed and breaks off, though its
// container goes on, is taken up again where it was.
func (s *stream) read(ctx context.Context, pods Pods, namespace, pod string, options *corev1.PodLogOptions) error {
	failures := 0
	for {
		body, err := pods.Open(ctx, namespace, pod, options)
		if err == nil {
			before := s.last
			err = s.copy(ctx, body)
			body.Close()
			if s.last.After(before) {
				failures = 0
			}
		}
		if ctx.Err() != nil || !options.Follow || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return err
		}
		// The end of a followed log is that of the container, mostly, and then
		// this brings nothing new.
		failures++
		if err == nil && failures > 1 || failures > retries {
			return err
		}
		if !s.last.IsZero() {
			since := metav1.NewTime(s.last)
			options.SinceTime, options.SinceSeconds, options.TailLines = &since, nil, nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(failures) * 300 * time.Millisecond):
		}
	}
}

type line struct {
	at   time.Time
	text string
}

// copy makes records of the lines of body.
func (s *stream) copy(ctx context.Context, body io.Reader) error {
	lines := make(chan line)
	done := make(chan struct{})
	defer close(done)
	var failure error
	go func() {
		defer close(lines)
		reader := bufio.NewReaderSize(body, 64<<10)
		for {
			text, err := readLine(reader)
			if text != "" || err == nil {
				select {
				case lines <- stamped(text):
				case <-done:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failure = err
				}
				return
			}
		}
	}()
	resumed := s.last
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l, open := <-lines:
			if !open {
				s.all(s.make.flush())
				return failure
			}
			if !l.at.IsZero() {
				if !l.at.After(resumed) {
					continue // written before it broke off
				}
				s.last = l.at
			}
			if !s.all(s.make.add(l.at, l.text)) {
				return context.Cause(ctx)
			}
			timer.Reset(idle)
		case <-timer.C:
			if !s.all(s.make.flush()) {
				return context.Cause(ctx)
			}
		}
	}
}

// readLine reads a line without its break. What is too long of it is dropped.
func readLine(reader *bufio.Reader) (string, error) {
	var out []byte
	for {
		part, err := reader.ReadSlice('\n')
		if room := maxLine - len(out); room > 0 {
			out = append(out, part[:min(len(part), room)]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if n := len(out); n > 0 && out[n-1] == '\n' {
			out = out[:n-1]
		}
		return string(out), err
	}
}

// stamped takes off the time that the kubelet puts before a line.
func stamped(text string) line {
	for i := 0; i < len(text) && i < 40; i++ {
		if text[i] == ' ' {
			if at, err := time.Parse(time.RFC3339Nano, text[:i]); err == nil {
				return line{at, text[i+1:]}
			}
			break
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return line{at, ""} // an empty line
	}
	return line{text: text}
}

// all puts records; false where one can't be.
func (s *stream) all(records []*Record) bool {
	for _, record := range records {
		if !s.put(record) {
			return false
		}
	}
	return true
}
