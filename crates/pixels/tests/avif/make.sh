#!/usr/bin/env bash
# Makes the pictures of this folder from a photo, with avifenc, and what avifdec makes of them: libavif 0.11.1 (libaom
# 3.6, dav1d 1.0) and ImageMagick 6.9.
#   ./make.sh ../../../../samples/street.jpg
set -euo pipefail
photo=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
# Odd sides, so that the last chroma sample is for less than a block.
convert "$photo" -gravity center -crop 600x400+0+0 +repage -resize '75x49!' -strip "$work/street.png"
convert "$work/street.png" \( -size 75x49 radial-gradient:white-gray20 -colorspace gray \) -alpha off \
  -compose CopyOpacity -composite "$work/translucent.png"
# Four tiles of the smallest size, and soft, so that what avifdec makes of them is small.
convert "$work/street.png" -resize '16x16!' -resize '128x128!' "$work/soft.png"

# name, source, and what avifenc is told
make() {
  local name=$1 source=$work/$2.png
  shift 2
  avifenc -s 4 --min 20 --max 30 --minalpha 20 --maxalpha 30 "$@" "$source" "$name.avif" >/dev/null
  avifdec -d 8 -u bilinear --png-compress 9 "$name.avif" "$work/decoded.png" >/dev/null
  convert "$work/decoded.png" -define webp:lossless=true -define webp:exact=true -define webp:method=6 "$name.webp"
}
make 420-limited-bt601 street -y 420 -r limited --cicp 1/13/6
make 420-10bit-bt709 street -y 420 -d 10 --cicp 1/13/1
make 422-bt709 street -y 422 --cicp 1/13/1
make 422-12bit-limited-bt2020 street -y 422 -d 12 -r limited --cicp 1/13/9
make 444-12bit-bt601 street -y 444 -d 12 --cicp 1/13/6
make 444-10bit-limited-bt709 street -y 444 -d 10 -r limited --cicp 1/13/1
make 444-ycgco street -y 444 --cicp 1/13/8
make monochrome street -y 400
make monochrome-10bit-limited street -y 400 -d 10 -r limited
make lossless street --lossless
make translucent translucent -y 420
make translucent-10bit translucent -y 444 -d 10
make premultiplied translucent -y 444 -p
make film-grain street -y 420 -a film-grain-test=1
make grid soft -y 420 -g 2x2
