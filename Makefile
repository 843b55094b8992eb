# Each target does its own set-up: see scripts/setup.sh. What they need first is cargo, make and a POSIX shell.

help:
	@echo 'make demo     load keys onto 20 simulated cards, deal a master key, make 1,000 cards in a job'
	@echo 'make test     every check and test'
	@echo 'make java     the Java applets and their simulator'
	@echo 'make hsm      tokens in software, SoftHSM2 and Kryoptic: see scripts/hsm.sh'
	@echo 'make chaos    every disk fault at every operation, 100,000 random lives of keys: hours'
	@echo 'make bench    speed, beside the same work done bare'
	@echo 'make fuzz     ten minutes for each fuzz target (SHORT=1: ten seconds)'
	@echo 'make mutants  which changes to the protocol and journal code no test notices'
	@echo 'make doc      API documentation, and the book where mdbook is installed'
	@echo 'make fmt      format the Rust code'

demo:
	@scripts/setup.sh demo
	@cargo run --release --locked --package cardwright --bin cardwright -- demo

test:
	@scripts/test.sh

java:
	@scripts/setup.sh java
	@scripts/java.sh package -DskipTests

hsm:
	@scripts/setup.sh hsm

bench: java hsm
	cargo bench --workspace --locked --bench '*'

chaos:
	@scripts/setup.sh demo
	@scripts/chaos.sh

fuzz:
	@scripts/setup.sh demo
	@scripts/fuzz.sh $(if $(SHORT),10,600)

mutants:
	@scripts/setup.sh test
	@scripts/mutants.sh

doc:
	@scripts/setup.sh demo
	cargo doc --workspace --locked --no-deps
	@if command -v mdbook >/dev/null; then mdbook build docs; else echo 'SKIPPED the book: mdbook is not installed'; fi

fmt:
	cargo fmt --all

.PHONY: help demo test java hsm bench chaos fuzz mutants doc fmt
