#!/usr/bin/env bash
# Makes street.jpg, the picture at the top of the README: the sample, and three looks of it. Needs ImageMagick and the release
# binary (cargo build --release).
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for look in meadow storybook manga; do
  target/release/kaiga samples/street.jpg -n "$look" -o "$folder/$look.png" >/dev/null
done
montage samples/street.jpg "$folder"/{meadow,storybook,manga}.png -tile 2x2 -geometry 640x+3+3 -quality 88 docs/gallery/street.jpg
