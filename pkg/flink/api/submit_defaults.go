package api

// checkpointDirKeys are the names of the checkpoints' directory, newest first.
var CheckpointDirKeys = []string{"execution.checkpointing.dir", "state.checkpoints.dir"}
