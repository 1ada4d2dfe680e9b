package clientset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

const (
	// PageSize is how many objects are asked for at once, as in kubectl.
	PageSize = 500
	// smallestPage is where asking for fewer at once ends: what is too large
	// then isn't a page of objects.
	smallestPage = 4
	// maxPages bounds how often a list goes on, also without any objects: 200,000
	// of usual size.
	maxPages = 400
	// maxVisited bounds all pages of a list of which nothing is kept, MaxKept
	// what is kept of one; both in bytes of memory, as Weigh has it.
	maxVisited = 1 << 30
	// MaxKept is more than 10,000 jobs need.
	MaxKept = 128 << 20
)

// ListTooLongError is a list that is longer than the program goes through.
type ListTooLongError struct {
	// What is what there is more of.
	What string
}

func (e *ListTooLongError) Error() string {
	return "the list has more than " + e.What + ": select less with -l, -n or --limit where the command has them"
}

// Pages lists with list, page by page, and has visit take each. Pages that are
// too large are asked for again in smaller ones; a list that doesn't end is an
// error.
func Pages[L metav1.ListInterface](ctx context.Context, options metav1.ListOptions,
	list func(context.Context, metav1.ListOptions) (L, error), visit func(L) error,
) error {
	return pages(ctx, options, maxVisited, list, visit)
}

// AllPages is Pages for what keeps the pages: their sum has a bound.
func AllPages[L metav1.ListInterface](ctx context.Context, options metav1.ListOptions,
	list func(context.Context, metav1.ListOptions) (L, error), visit func(L) error,
) error {
	return pages(ctx, options, MaxKept, list, visit)
}

func pages[L metav1.ListInterface](ctx context.Context, options metav1.ListOptions, most int64,
	list func(context.Context, metav1.ListOptions) (L, error), visit func(L) error,
) error {
	if options.Limit == 0 {
		options.Limit = PageSize
	}
	weight := int64(0)
	room := &untrusted.Room{}
	defer room.Leave()
	for range maxPages {
		page, err := list(context.WithValue(ctx, held{}, room), options)
		room.Leave()
		if TooLarge(err) && options.Limit > smallestPage {
			options.Limit = SmallerPage(options.Limit)
			continue
		}
		if err != nil {
			return err
		}
		if weight += weigh(page); weight > most {
			return &ListTooLongError{fmt.Sprintf("%d MiB", most>>20)}
		}
		if err := visit(page); err != nil {
			return err
		}
		next := page.GetContinue()
		if next == "" {
			return nil
		}
		if next == options.Continue {
			return &ListTooLongError{"one page that is followed by itself"}
		}
		options.Continue = next
		// A page that continues another is of that one's version.
		options.ResourceVersion, options.ResourceVersionMatch = "", ""
	}
	return &ListTooLongError{fmt.Sprintf("%d pages", maxPages)}
}

// SmallerPage is the size of page to try where one of size was too large; 0
// where there is none.
func SmallerPage(size int64) int64 {
	if size <= smallestPage {
		return 0
	}
	return max(size/8, smallestPage)
}

// weigh is about how much memory a page takes, in bytes.
func weigh(page any) int64 {
	switch list := page.(type) {
	case *unstructured.UnstructuredList:
		sum := int64(0)
		for i := range list.Items {
			sum += Weigh(list.Items[i].Object)
		}
		return sum
	case interface{ Size() int }:
		// Kubernetes' own kinds: what protobuf takes, and the structs around it.
		return 3 * int64(list.Size())
	}
	return 0
}

// Weigh is about how much memory a JSON value takes, in bytes.
func Weigh(value any) int64 {
	switch v := value.(type) {
	case map[string]any:
		sum := int64(48)
		for key, item := range v {
			sum += int64(len(key)) + 48 + Weigh(item)
		}
		return sum
	case []any:
		sum := int64(24)
		for _, item := range v {
			sum += 16 + Weigh(item)
		}
		return sum
	case string:
		return int64(len(v)) + 16
	}
	return 16
}

// Pods are the pods that options select in a namespace.
func Pods(ctx context.Context, core Interface, namespace string, options metav1.ListOptions) ([]corev1.Pod, error) {
	var out []corev1.Pod
	err := AllPages(ctx, options, core.CoreV1().Pods(namespace).List, func(page *corev1.PodList) error {
		out = append(out, page.Items...)
		return nil
	})
	return out, err
}

// Services are the Services of a namespace; "" is all namespaces.
func Services(ctx context.Context, core Interface, namespace string) ([]corev1.Service, error) {
	var out []corev1.Service
	err := AllPages(ctx, metav1.ListOptions{}, core.CoreV1().Services(namespace).List, func(page *corev1.ServiceList) error {
		out = append(out, page.Items...)
		return nil
	})
	return out, err
}
