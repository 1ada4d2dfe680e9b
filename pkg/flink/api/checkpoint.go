package api

// notAddressable is what Flink calls the path of a checkpoint that is kept in
// the JobManager's memory.
const NotAddressable = "<checkpoint-not-externally-addressable>"
