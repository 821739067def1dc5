#!/usr/bin/env bash
# Makes the pictures of the welcome screen anew from the photos in web/samples: for each panel the photo (NAME-photo) and its
# painting (NAME-STYLE), cut upright, small and large, as AVIF and WebP; and ../card.jpg, what a link to the page shows. Needs the
# release binary (cargo build --release). Look at them; web/index.html has to name the same.
#   crates/server/samples.sh
set -euo pipefail
cd "$(dirname "$0")/web/samples"
program=${CARGO_TARGET_DIR:-$(cd ../../../.. && pwd)/target}/release/kaiga
[ -x "$program" ] || { echo "there is no $program: cargo build --release" >&2; exit 1; }
if ! command -v cwebp >/dev/null || ! command -v avifenc >/dev/null || ! command -v convert >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends webp libavif-bin imagemagick >/dev/null
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
rm -f ./*.avif ./*-[0-9]*.webp

# A panel is 100 wide and 161 high; the third word says where it is cut from, from left, in per cent.
panel() {
  local name=$1 style=$2 left=$3
  dwebp -quiet "$name.webp" -o "$work/photo.png"
  "$program" "$work/photo.png" -n "$style" -o "$work/$style.png" >/dev/null
  for what in photo "$style"; do
    local height width
    height=$(identify -format %h "$work/$what.png")
    width=$((height * 62 / 100))
    local x=$((($(identify -format %w "$work/$what.png") - width) * left / 100))
    for side in 240 420; do
      convert "$work/$what.png" -crop "${width}x$height+$x+0" +repage -filter Lanczos -resize "${side}x" "$work/cut.png"
      avifenc -s 0 -y 420 --min 20 --max 46 -a end-usage=q -a cq-level=33 "$work/cut.png" "$name-$what-$side.avif" >/dev/null
      cwebp -quiet -q 70 -m 6 -sharp_yuv "$work/cut.png" -o "$name-$what-$side.webp"
    done
  done
  convert "$work/$style.png" -gravity center -crop "${width}x$height+0+0" +repage -resize 400x630^ -extent 400x630 "$work/card-$name.png"
}
panel street meadow 64
panel coast skyglow 50
panel sweets storybook 50
convert "$work"/card-{street,coast,sweets}.png +append -quality 82 ../card.jpg
du -bc ./*-240.avif | tail -1
