# The recipes are names for `cargo xtask` commands: what they do is in xtask/src/commands.

# what there is
default: list

list:
    @just --list --unsorted

# install what a build needs: wasm target, cargo-leptos, wasm-bindgen, npm packages
setup:
    cargo xtask setup

# start the dashboard; build again and reload the page after each change
dev *ARGS:
    cargo xtask watch {{ARGS}}

# start the dashboard on http://127.0.0.1:8000
serve *ARGS:
    cargo xtask serve {{ARGS}}

# bring the dashboard's own database to this release
db-setup:
    cargo xtask migrate

# the same as setup
install: setup

# install what the tests need as well: nextest, Chromium, pgbouncer
install-dev:
    cargo xtask setup --tests

# add a crate: just add serde --package common
add +CRATE:
    cargo add {{CRATE}}

# add a crate for tests: just add-dev proptest --package common
add-dev +CRATE:
    cargo add --dev {{CRATE}}

format:
    cargo xtask format

# Clippy with warnings as errors
lint:
    cargo xtask lint

typecheck:
    cargo xtask typecheck

# formatting, lint and types, without tests
check:
    cargo xtask check

# every check and test; --full for all versions of PostgreSQL
test *ARGS:
    cargo xtask test {{ARGS}}

# measurements: `just bench web`, `just bench probe`
bench *NAMES:
    cargo xtask bench {{NAMES}}

# remove what was built and installed here (never data)
clean:
    cargo xtask clean

# versions of everything
info:
    cargo xtask info

# write .env from .env.example, if there is none
setup-env:
    cargo xtask setup-env

# find lines of .env that the dashboard would not know
check-env:
    cargo xtask check-env
