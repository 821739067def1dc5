#!/usr/bin/env bash
# Installs libtorch for the trainer from the Python package registry: the wheel of torch 2.11.0 without its many
# dependencies, and the two small CUDA libraries that its CPU part is linked with.
#
# Usage: crates/train/setup-libtorch.sh [DIR]     (default: .libtorch at the repository root, where cargo looks)
# For any other DIR it writes DIR/env.sh: source it before cargo. Takes 1.2 GB of disk.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=${1:-$root/.libtorch}
version=2.11.0

if [ "$(cat "$dir/torch/version.py" 2>/dev/null | grep -o "'$version[^']*'" | head -1)" = "" ]; then
    python3 -m pip install --quiet --no-deps --target "$dir" "torch==$version" nvidia-cuda-runtime nvidia-cuda-cupti
fi
dir=$(cd "$dir" && pwd)

libraries=$dir/torch/lib
for folder in "$dir"/nvidia/*/lib; do
    [ -d "$folder" ] && libraries=$libraries:$folder
done
{
    echo "export LIBTORCH='$dir/torch'"
    # Only for programs moved elsewhere: what cargo builds finds libtorch by itself.
    echo "export LD_LIBRARY_PATH='$libraries'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
} > "$dir/env.sh"
echo "libtorch $version is in $dir"
[ "$dir" = "$root/.libtorch" ] || echo "before cargo:  source '$dir/env.sh'"
