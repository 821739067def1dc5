#!/usr/bin/env bash
# Fuzzes the HTTP interface from its own description: no answer may be a 5xx, and each must be described.
#   crates/server/fuzz.sh [EXAMPLES [SEED]]      100 requests for each operation by default, other ones each time
# Needs the release binary (cargo build --release) and Python; installs schemathesis (PyPI) into target/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
examples=${1:-100}
venv=$PWD/target/fuzz
if ! [ -x "$venv/bin/schemathesis" ]; then
  # Debian has the module in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; }
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet 'schemathesis>=4,<5'
fi
# Requests whose body is no picture are refused as they should be, so acceptance of random data is not asked for.
# shellcheck disable=SC2016
crates/server/serving.sh bash -c 'cd "$0" && exec bin/schemathesis run "$KAIGA_URL/api/openapi.json" --url "$KAIGA_URL" "$@"' "$venv" \
  --max-examples "$examples" ${2:+--seed "$2"} --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
