#!/usr/bin/env bash
# Runs a command beside a server of its own: the release binary (cargo build --release) on a free port, with an empty store
# that goes when the command has ended. KAIGA_URL tells the command where; if it is set already, that server is used.
#   crates/server/serving.sh COMMAND [ARGUMENT...]
#   KAIGA_WEB_DIR=crates/server/web crates/server/serving.sh ...     any setting of the server, as its environment has them
set -euo pipefail
[ -z "${KAIGA_URL:-}" ] || exec "$@"
program=${CARGO_TARGET_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/target}/release/kaiga
[ -x "$program" ] || { echo "there is no $program: cargo build --release" >&2; exit 1; }
store=$(mktemp -d)
"$program" serve --listen 127.0.0.1:0 --store "$store" --rate-per-minute 0 --log error > "$store/address" &
service=$!
trap 'kill $service 2>/dev/null; wait $service || true; rm -r "$store"' EXIT
alive() { kill -0 $service 2>/dev/null || { echo "the server did not start" >&2; exit 1; }; }
until grep -qs '^kaiga is at' "$store/address"; do alive; sleep 0.1; done
KAIGA_URL=$(sed -n 's/^kaiga is at //p' "$store/address")
until curl -sf "$KAIGA_URL/readyz" >/dev/null; do alive; sleep 0.1; done
export KAIGA_URL
"$@"
