#!/usr/bin/env bash
# The browser tests: the page in real Chromium. Installs what is missing. Screenshots go to runs/browser, to be looked at.
#   crates/server/browser/run.sh                                   against the release binary (cargo build --release) and its page
#   KAIGA_WEB_DIR=crates/server/web crates/server/browser/run.sh   the same with the page's files as they lie there
#   KAIGA_URL=http://127.0.0.1:8080 crates/server/browser/run.sh   against a server that runs
# What no good server does on demand (troubles.test.mjs) is asked of a stand-in, mock.mjs.
set -euo pipefail
[ -z "${KAIGA_WEB_DIR:-}" ] || { KAIGA_WEB_DIR=$(realpath "$KAIGA_WEB_DIR"); export KAIGA_WEB_DIR; }
cd "$(dirname "$0")"
install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
command -v "${CHROMIUM:=chromium}" >/dev/null || install chromium fonts-noto-cjk
command -v npm >/dev/null || install nodejs npm
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --silent
fi
CHROMIUM=$(command -v "$CHROMIUM")
export CHROMIUM
# One file after the other: one browser at a time.
exec ../serving.sh node --test --test-concurrency=1 --test-reporter=spec ./*.test.mjs
