#!/usr/bin/env bash
# Fuzzes the HTTP interface from its own description: no answer may be a 5xx, and each must be described.
#   crates/server/fuzz.sh [EXAMPLES]      100 requests for each operation by default
# Needs the release binary (cargo build --release) and Python; installs schemathesis (PyPI) into target/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
examples=${1:-100}
venv=target/fuzz
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'schemathesis>=4,<5'; }
store=$(mktemp -d)
target/release/kaiga serve --listen 127.0.0.1:0 --store "$store" --rate-per-minute 0 --log error > "$store/address" &
service=$!
trap 'kill $service; wait $service 2>/dev/null; rm -r "$store"' EXIT
until grep -q '^kaiga is at' "$store/address"; do kill -0 $service; sleep 0.1; done
address=$(sed -n 's/^kaiga is at //p' "$store/address")
until curl -sf "$address/readyz" >/dev/null; do sleep 0.1; done
# Requests whose body is no picture are refused as they should be, so acceptance of random data is not asked for.
cd "$venv"
bin/schemathesis run "$address/api/openapi.json" --url "$address" --max-examples "$examples" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
