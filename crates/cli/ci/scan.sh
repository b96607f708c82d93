#!/bin/sh
# For any other system: run this in the checkout, which must not be shallow. It needs Rust and git.
set -eu
test -x .ctx-key/bin/ctx-key || cargo install --locked --root .ctx-key --git https://git.example.com/ctx-key --tag v0.1.0 ctx-key-cli
exec .ctx-key/bin/ctx-key scan --history
