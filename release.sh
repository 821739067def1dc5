#!/usr/bin/env bash
# Makes what is handed out, from the committed sources, into dist/: static programs for Linux (x86-64, aarch64), a program for
# Windows, a Debian package, completions, manual pages, a list of all parts with their licences (SBOM), checksums.
# Each program is started once where this machine can run it; where it cannot, that is said.
#   ./release.sh                     everything
#   ./release.sh linux-x86_64        one of linux-x86_64, linux-aarch64, windows-x86_64, debian
# Needs Rust (by rustup) and Python; fetches cargo-zigbuild and zig (PyPI), cargo-deb and cargo-cyclonedx (crates.io) into target/.
# To have the foreign programs started too: apt-get install qemu-user-static wine wine64, and a Wine of version 10 or later (Debian 13 has it).
set -euo pipefail
cd "$(dirname "$0")"
say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed: a release is made of a commit"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
# Nothing of line numbers would be left in a stripped program: they are not made at all.
export SOURCE_DATE_EPOCH CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_DEBUG=none
target=${CARGO_TARGET_DIR:-$PWD/target}
dist=$PWD/dist files=$PWD/target/release-files
mkdir -p "$dist" "$files"
wanted() { [ -z "$one" ] || [ "$one" = "$1" ]; }
one=${1:-}
case $one in ""|linux-x86_64|linux-aarch64|windows-x86_64|debian) ;; *) fail "there is no \"$one\"; there are linux-x86_64, linux-aarch64, windows-x86_64, debian" ;; esac

tools=$PWD/target/release-tools
if [ ! -x "$tools/bin/cargo-zigbuild" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet cargo-zigbuild ziglang
fi
PATH=$tools/bin:$PATH
# What reads AVIF is faster with an assembler, and is built without where there is none.
command -v nasm >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends nasm >/dev/null; } ||
  echo "there is no nasm here: AVIF will be read more slowly"

build() {
  say "$1: compile"
  rustup target list --installed | grep -qx "$1" || rustup target add "$1" || fail "rustup cannot fetch the target $1"
  cargo zigbuild --release --locked -p kaiga-cli --target "$1"
}

# Starts a program, by the first emulator that is here if it needs one, and has it paint the sample.
try() { # name program emulator…
  local name=$1 program=$2 starter= work seconds
  shift 2
  if [ $# -gt 0 ]; then
    for starter in "$@" ""; do if command -v "$starter" >/dev/null; then break; fi; done
    if [ -z "$starter" ]; then echo "$name: not started, there is no $1 here"; return; fi
    # Rust's own library takes random numbers from bcryptprimitives.dll, which Wine 8 lacks and Wine 10 has.
    if [[ $starter = wine* && ! $("$starter" --version 2>/dev/null) =~ ^wine-[1-9][0-9] ]]; then
      echo "$name: not started, this Wine is older than version 10"; return
    fi
  fi
  work=$(mktemp -d)
  export WINEPREFIX=$work/wine WINEDEBUG=-all
  ${starter:+"$starter"} "$program" --version
  ${starter:+"$starter"} "$program" samples/street.jpg -o "$work/street.png" >/dev/null
  [ -s "$work/street.png" ] || fail "$name painted nothing"
  # Wine goes on writing for some seconds after the program has ended.
  for seconds in 1 2 3 4 5; do if rm -rf "$work"; then break; fi; sleep "$seconds"; done
  echo "$name: started${starter:+ by $starter}, and it paints"
}

# A tool of Cargo's, where it is missing.
tool() { command -v "$1" >/dev/null || cargo install --quiet --locked --root "$tools" "$1"; }

pack() { # name program
  local name=kaiga-$version-$1 program=$2
  rm -rf "${dist:?}/$name"
  mkdir -p "$dist/$name"
  cp "$program" README.md LICENSE-MIT LICENSE-APACHE CHANGELOG.md "$dist/$name/"
  [ ! -d "$files/man" ] || cp -r "$files/man" "$files/completions" "$dist/$name/"
  case $1 in
    windows-*) (cd "$dist" && python3 -m zipfile -c "$name.zip" "$name/") ;;
    *) tar -C "$dist" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -czf "$dist/$name.tar.gz" "$name" ;;
  esac
  rm -r "${dist:?}/$name"
}

linux=$target/x86_64-unknown-linux-musl/release/kaiga
build x86_64-unknown-linux-musl
if ldd "$linux" 2>&1 | grep -q '=>'; then fail "the program for Linux is not static"; fi
say "completions and manual pages"
rm -rf "$files"; mkdir -p "$files/completions"
"$linux" man "$files/man"
"$linux" completions bash > "$files/completions/kaiga.bash"
"$linux" completions zsh > "$files/completions/_kaiga"
"$linux" completions fish > "$files/completions/kaiga.fish"
"$linux" completions powershell > "$files/completions/kaiga.ps1"
for unit in kaiga kaiga-worker@; do
  sed 's#/usr/local/bin/kaiga#/usr/bin/kaiga#; s#^\# /etc/systemd.*##' "deploy/$unit.service" > "$files/$unit.service"
done

if wanted linux-x86_64; then try linux-x86_64 "$linux"; pack linux-x86_64 "$linux"; fi
if wanted linux-aarch64; then
  build aarch64-unknown-linux-musl
  program=$target/aarch64-unknown-linux-musl/release/kaiga
  try linux-aarch64 "$program" qemu-aarch64-static qemu-aarch64
  pack linux-aarch64 "$program"
fi
if wanted windows-x86_64; then
  build x86_64-pc-windows-gnu
  program=$target/x86_64-pc-windows-gnu/release/kaiga.exe
  try windows-x86_64 "$program" wine64 wine
  pack windows-x86_64 "$program"
fi
if wanted debian; then
  say "debian: package"
  tool cargo-deb
  cargo deb -p kaiga-cli --no-build --no-strip --target x86_64-unknown-linux-musl --output "$dist/kaiga_${version}_amd64.deb"
  # Read to its end, or dpkg-deb would complain of a broken pipe.
  [[ $(dpkg-deb --contents "$dist/kaiga_${version}_amd64.deb") = *systemd/system/kaiga.service* ]] || fail "the package lacks the unit"
fi

say "the parts and their licences"
tool cargo-cyclonedx
cargo cyclonedx --quiet --format json --manifest-path crates/cli/Cargo.toml --override-filename kaiga-sbom
# Where this was compiled says nothing to anybody.
sed "s#file://$PWD/#file:///#g" crates/cli/kaiga-sbom.json > "$dist/kaiga-$version-sbom.json"
find crates models -name kaiga-sbom.json -delete

say "checksums"
cd "$dist"
rm -f SHA256SUMS
sha256sum -- * > SHA256SUMS
du -h -- * && cat SHA256SUMS
