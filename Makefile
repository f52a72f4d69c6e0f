# Everyday commands; `make` alone lists them.
CLUSTER = cargo build -q --locked --workspace --bin cluster && "$${CARGO_TARGET_DIR:-target}/debug/cluster"
PROGRAMS = etcd kube-apiserver kube-controller-manager kubectl

.PHONY: help demo test crash seeds mutants fuzz bench lint crds rules cluster-up cluster-down clean tools

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

demo: PROGRAMS += prometheus promtool
demo: $(if $(KUBECONFIG),,tools) ## Play the standard track and stay up (DEMO=once: check and take down; KUBECONFIG: your cluster)
	e2e/demo/run

test: PROGRAMS += helm prometheus promtool
test: tools ## Run all tests, against a real API server too
	cargo test --locked --workspace -- --show-output

crash: tools ## Kill the operator at writes of the longer flows too; ALL=1: at each write of every flow (an hour)
	$(if $(ALL),YUNGUAN_CRASH=all )cargo test --locked -p yunguan --test cluster faults::crash -- --show-output $(if $(ALL),--include-ignored,--ignored)

seeds: tools ## Put known bugs into a copy, one at a time: the tests named must find each (SEEDS="fence": those named)
	tests/seeds/run $(SEEDS)

mutants: ## Mutation score of src/core (MUTANTS=1/4: a sample, or a file; needs cargo-mutants)
	tests/mutants/run

fuzz: ## Try what reads text with bytes made up for it (FUZZ_SECONDS=60: for each; FUZZ="code fee": those named)
	tests/fuzz/run $(FUZZ)

bench: tools ## Measure the standard track beside what the API server can do (BENCH_QUICK=1: a short run)
	cargo bench --locked -p yunguan --bench track

lint: ## Check format and lints
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p yunguan --bins -- -D warnings

crds: ## Write the CRDs to crds/ from the Rust types
	cargo run -q --locked -- crds --dir crds

rules: ## Write config/prometheus/objects from the rules beside it
	@for name in usage alerts; do { \
	  echo "# Made of ../$$name.yaml by make rules."; \
	  echo "apiVersion: monitoring.coreos.com/v1"; \
	  echo "kind: PrometheusRule"; \
	  echo "metadata: {name: yunguan-$$name, namespace: yunguan-system}"; \
	  echo "spec:"; \
	  sed 's/^\(.\)/  \1/' config/prometheus/$$name.yaml; } > config/prometheus/objects/$$name.yaml; done

cluster-up: tools ## Start a local cluster in the background
	@$(CLUSTER) up

cluster-down: ## Stop it and remove what it held
	@$(CLUSTER) down

clean: ## Stop the local cluster and remove what was built (the programs of the cluster stay in ~/.cache/yunguan)
	-@$(CLUSTER) down
	cargo clean

# The programs of the local cluster, and what the tests need beside them: built once per machine.
tools:
	@e2e/cluster/tools/build $(PROGRAMS) >/dev/null
