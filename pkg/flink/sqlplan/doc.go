// Package sqlplan reads Flink's compiled plans of SQL and tells what becomes of
// the state of the operators in one where another is to go on from it. It is
// pure: texts go in, judgements come out.
package sqlplan
