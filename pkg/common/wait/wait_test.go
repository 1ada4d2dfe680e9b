package wait

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// closing ends each watch as soon as it is opened.
type closing struct {
	dynamic.ResourceInterface
	watches int
}

func (c *closing) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	return &unstructured.UnstructuredList{Object: map[string]any{"metadata": map[string]any{"resourceVersion": "1"}}}, nil
}

func (c *closing) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	c.watches++
	w := watch.NewFake()
	w.Stop()
	return w, nil
}

// A proxy that ends every watch must not be asked thousands of times.
func TestFollowIsPatientWithWatchesThatEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		defer cancel()
		c := &closing{}
		err := Follow(ctx, c, Named("x"), func(watch.EventType, *unstructured.Unstructured) (bool, error) { return false, nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if c.watches < 1 || c.watches > 4 {
			t.Errorf("%d watches in 600 ms", c.watches)
		}
	})
}

// What has come true at the last moment is no time-out.
func TestFollowIsDoneThoughTheContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Follow(ctx, &closing{}, Named("x"), func(watch.EventType, *unstructured.Unstructured) (bool, error) {
		cancel()
		return true, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// scripted answers each list with the next of errs, then with success; each
// watch stays open.
type scripted struct {
	dynamic.ResourceInterface
	errs []error
}

func (s *scripted) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	if len(s.errs) == 0 {
		s.errs = []error{nil}
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return &unstructured.UnstructuredList{Object: map[string]any{"metadata": map[string]any{"resourceVersion": "1"}}}, err
}

// Watch says at once that the server has to be asked again.
func (s *scripted) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	w := watch.NewFakeWithChanSize(1, false)
	w.Error(&apierrors.NewResourceExpired("too old").ErrStatus)
	return w, nil
}

func idle(watch.EventType, *unstructured.Unstructured) (bool, error) { return false, nil }

func TestFollowReportsAServerThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		away := &url.Error{Op: "Get", URL: "https://long", Err: errors.New("connection refused")}
		var reported []string
		err := Follow(ctx, &scripted{errs: []error{nil, away, away, nil, away}}, Named("x"), idle, OnTrouble(func(err error) {
			if err == nil {
				reported = append(reported, "back")
				return
			}
			reported = append(reported, Reason(err))
			if len(reported) == 4 {
				cancel()
			}
		}))
		if want := []string{"connection refused", "connection refused", "back", "connection refused"}; !slices.Equal(reported, want) {
			t.Errorf("reported %q, want %q", reported, want)
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the API server doesn't answer (connection refused)") || strings.Contains(err.Error(), "https:") {
			t.Errorf("error %v", err)
		}
	})
}

// Another server at the same address doesn't become the one that was asked.
func TestFollowGivesUpOnAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stranger := &url.Error{Op: "Get", URL: "https://long", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}
		s := &scripted{errs: []error{nil, stranger, stranger, stranger, stranger, stranger, stranger}}
		err := Follow(t.Context(), s, Named("x"), idle)
		if !errors.As(err, new(x509.UnknownAuthorityError)) || len(s.errs) != 1 {
			t.Errorf("%d answers left, error %v", len(s.errs), err)
		}
	})
}

// A token may expire between two watches; the next request renews it.
func TestFollowAsksAgainWithANewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unknown := apierrors.NewUnauthorized("who?")
		if err := Follow(t.Context(), &scripted{errs: []error{unknown}}, Named("x"), idle); !apierrors.IsUnauthorized(err) {
			t.Errorf("at first: error %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		recovered := false
		s := &scripted{errs: []error{nil, unknown, unknown, nil}}
		err := Follow(ctx, s, Named("x"), idle, OnTrouble(func(err error) {
			if err == nil {
				recovered = true
				cancel()
			}
		}))
		if !recovered || !errors.Is(err, context.Canceled) {
			t.Errorf("later: recovered %v, error %v", recovered, err)
		}
		s = &scripted{errs: []error{nil, unknown, unknown, unknown, unknown, unknown, unknown}}
		if err := Follow(t.Context(), s, Named("x"), idle); !apierrors.IsUnauthorized(err) || len(s.errs) != 1 {
			t.Errorf("for good: error %v, %d answers left", err, len(s.errs))
		}
	})
}
