// Package jvm reads what JVMs say of their threads: dumps, grouped by stack,
// with the deadlocks and the threads that work; flame graphs, in the forms that
// people and programs read; and what jcmd prints of a heap. It connects to nothing: texts
// come in, texts go out. All of them are foreign, so each has a bound.
package jvm
