// Package sqljob makes an application of a SQL script: what such a script may
// have in it, the objects that run it, and what the image needs for that. Flink
// runs the script itself (SqlDriver, since 2.0), so no jar has to be built.
package sqljob
