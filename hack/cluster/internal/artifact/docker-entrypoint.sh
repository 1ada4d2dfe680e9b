#!/bin/bash
# What Flink's own image does, without the parts that need root: native
# Kubernetes mode passes whole command lines, standalone mode these words.
set -e
case "$1" in
jobmanager) exec "$FLINK_HOME/bin/jobmanager.sh" start-foreground "${@:2}" ;;
taskmanager) exec "$FLINK_HOME/bin/taskmanager.sh" start-foreground "${@:2}" ;;
standalone-job) exec "$FLINK_HOME/bin/standalone-job.sh" start-foreground "${@:2}" ;;
*) exec "$@" ;;
esac
