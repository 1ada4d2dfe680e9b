module github.com/kubectl-flink/kubectl-flink

go 1.26
