# `just --list` shows the recipes. Nothing here is needed: each is one command.

export CARGO_TERM_COLOR := env("CARGO_TERM_COLOR", "auto")
extrato := "cargo run --release --quiet --package extrato --"

# From nothing to files per client: database up, generate, transform, summary
pipeline *ARGUMENTS:
    cargo pipeline {{ ARGUMENTS }}

# Fill a database with generated rows
generate *ARGUMENTS:
    {{ extrato }} generate {{ ARGUMENTS }}

# Write flat files from what the database holds
transform *ARGUMENTS:
    {{ extrato }} transform {{ ARGUMENTS }}

# The embedded database: just db psql, just db stop …
db *ARGUMENTS:
    {{ extrato }} db {{ ARGUMENTS }}

test *ARGUMENTS:
    cargo test --release {{ ARGUMENTS }}

lint:
    cargo fmt --check
    cargo clippy --release --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --release --no-deps --document-private-items

# All that must pass before anything lands
gate:
    .ci/run

# Postgres in Docker, for work on a server of its own (POSTGRES_PASSWORD in the environment or in .env)
up:
    docker compose up --detach --wait postgres

down:
    docker compose down
