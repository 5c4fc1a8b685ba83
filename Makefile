# The commands of this project; the same ones run in CI. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help demo test sim lint bench mutants tools ci

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run the sink against a real NATS server with 200,000 events, and look at what it stored
	@demo/run

# They wait for servers most of the time: twice as many of them at once as processors.
test: tools ## run all tests, against real servers where it matters
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(getconf _NPROCESSORS_ONLN)))} cargo test --locked

sim: ## run simulated worlds that fail; SEEDS=100000 make sim for a soak
	SEEDS=$${SEEDS:-2000} cargo sim --locked --test sweep -- --nocapture

lint: ## check formatting, and clippy without warnings
	cargo fmt --all --check
	cargo clippy --all-targets --all-features --locked -- -D warnings

bench: ## measure the sink beside a bare fetch-and-ack, and how it grows; CASES=beside COUNT=100000 ROUNDS=1 for a minute of it
	@bench/run

mutants: ## break core in every way that cargo-mutants knows: its tests must see each
	@tools/mutants

tools: ## install the pinned test servers and readers into .tools/
	@tools/install

ci: ## do what CI does
	@.ci/run
