module github.com/kubectl-flink/kubectl-flink/hack/cluster/components/pause

go 1.26
