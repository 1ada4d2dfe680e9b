module github.com/kubectl-flink/kubectl-flink/hack/cluster

go 1.26
