# `just --list` shows the recipes. None is needed: each is one command or two.

set positional-arguments

extrato := "cargo run --release --quiet --package extrato --"

# From nothing to files per client: database up, generate, transform, summary
pipeline *ARGUMENTS:
    cargo pipeline "$@"

# Fill a database with generated rows
generate *ARGUMENTS:
    {{ extrato }} generate "$@"

# Write flat files from what the database holds
transform *ARGUMENTS:
    {{ extrato }} transform "$@"

# The embedded database: just db psql, just db stop …
db *ARGUMENTS:
    {{ extrato }} db "$@"

# All tests, on a Postgres of their own
test *ARGUMENTS:
    cargo test --release "$@"

# Format, clippy and rustdoc, as the gate runs them
lint:
    cargo fmt --check
    cargo clippy --release --workspace --exclude function --all-targets -- -D warnings
    cargo clippy --release --package function --package storage --package loader --package generator --package backup \
        --features storage/bucket,loader/bucket,generator/bucket,backup/bucket --all-targets -- -D warnings
    cargo clippy --release --package extrato --package transform --features extrato/bucket,extrato/spark --all-targets -- -D warnings
    cargo clippy --release --package backup --features encrypt --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --exclude function --no-deps --document-private-items
    RUSTDOCFLAGS='-D warnings' cargo doc --release --package function --package storage --no-deps --document-private-items

# Linters and schemas of deploy/, and the programs in the root of their images (as root; needs what .ci/run installs)
lint-deploy:
    cargo build --release --package extrato --package generator --package transform
    cargo build --release --package function
    deploy/check

# The pages of docs/ as a book in target/book: just docs --open (needs mdbook 0.5)
docs *ARGUMENTS:
    mdbook build docs "$@"

# Licences, sources and versions of what Cargo.lock names (needs cargo-deny)
deny:
    cargo deny check --hide-inclusion-graph licenses bans sources

# Compare with limits and peers: just bench generate, transform, query, growth, load, backup, models, serve, storage, cluster
bench *ARGUMENTS:
    cargo build --release --quiet --package extrato --package bench --features extrato/bucket,extrato/spark
    cargo run --release --quiet --package bench -- "$@"

# Draw the terminal of README.md anew, from a real run on the embedded server (needs Python)
picture:
    cargo build --release --quiet --package extrato
    docs/pictures/terminal "${CARGO_TARGET_DIR:-target}/release/extrato"

# Search for bytes that a reader takes wrongly: just fuzz records, row, avro 4000, body 4000 (nightly, cargo-fuzz)
fuzz TARGET LENGTH="300":
    cd "$(dirname crates/*/fuzz/fuzz_targets/"$1".rs)/../.." && cargo +nightly fuzz run "$1" -- -max_len="$2"

# Random SELECTs against Postgres, so many: just conformance 100000 (EXTRATO_CONFORMANCE_SEED for others)
conformance QUERIES:
    EXTRATO_CONFORMANCE="$1" cargo test --release --package transform --test it conformance_at_length -- --ignored --nocapture

# All that must pass before anything lands
gate:
    .ci/run

# A Postgres in Docker (POSTGRES_PASSWORD in the environment or in .env)
up:
    docker compose up --detach --wait postgres

# Stop it; its data stays
down:
    docker compose down
