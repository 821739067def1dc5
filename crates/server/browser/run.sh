#!/usr/bin/env bash
# The browser tests: the page in real Chromium. Installs what is missing. Screenshots go to runs/browser, to be looked at.
#   crates/server/browser/run.sh                                   against the stand-in (mock.mjs)
#   KAIGA_URL=http://127.0.0.1:8080 crates/server/browser/run.sh   against a server that runs; the bad days are left out
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v "${CHROMIUM:=chromium}" >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk
fi
command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --silent
fi
CHROMIUM=$(command -v "$CHROMIUM")
export CHROMIUM
# One file after the other: one browser at a time.
exec nice -n 10 node --test --test-concurrency=1 ./*.test.mjs
