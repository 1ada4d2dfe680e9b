package operator

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Selection is what to list.
type Selection struct {
	// Namespace is "" for all.
	Namespace string
	Labels    string
	Fields    string
	// Objects wants whole objects beside their summaries.
	Objects bool
	// Budget bounds the memory that this list takes, with others that have the
	// same; nil is one of its own.
	Budget *Budget
	// Metadata wants objects without spec and status, which is enough for
	// labels and ages.
	Metadata bool
}

func (s Selection) options() metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: s.Labels, FieldSelector: s.Fields}
}
