#!/usr/bin/env bash
# Makes the paintings on the welcome screen anew: web/samples/NAME-STYLE.webp, from NAME.webp there and as large. Needs the
# release binary (cargo build --release). Look at them; web/welcome.js and web/sw.js have to name the same.
#   crates/server/samples.sh                  those that are shown
#   crates/server/samples.sh coast manga      one for trying
set -euo pipefail
cd "$(dirname "$0")/web/samples"
program=$(cd ../../../.. && pwd)/target/release/kaiga
[ -x "$program" ] || { echo "there is no $program: cargo build --release" >&2; exit 1; }
if ! command -v cwebp >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends webp >/dev/null
fi
[ $# -gt 0 ] || set -- street meadow coast skyglow sweets storybook
painting=$(mktemp --suffix .png)
trap 'rm "$painting"' EXIT
while [ $# -gt 1 ]; do
  "$program" "$1.webp" -n "$2" -o "$painting" >/dev/null
  cwebp -quiet -q 84 -m 6 -sharp_yuv "$painting" -o "$1-$2.webp"
  echo "$1-$2.webp"
  shift 2
done
