module yunguan.dev/e2e/cluster/tools/eater

go 1.26.0
