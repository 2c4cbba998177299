#!/usr/bin/env bash
# The Python suite against an extension built under ASan and UBSan, in a copy of the tree and a virtual environment of
# its own (the tools never mix with a normal build). Arguments go to pytest. Leaks are the C tests' matter
# (`make ctest-san`): CPython itself keeps memory at exit.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${NERVURE_SANITIZE_DIR:-$root/build/sanitized}
mkdir -p "$dir"
[ -x "$dir/venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q "numpy>=2.0" "setuptools>=77" pytest hypothesis mpmath scipy pandas
mkdir -p "$dir/tree"
tar -C "$root" -cf - --exclude=./.git --exclude=./.venv --exclude=./build --exclude='*.so' --exclude=__pycache__ \
  --exclude='*.egg-info' . | tar -C "$dir/tree" -xf -
cd "$dir/tree"
NERVURE_SANITIZE=1 NERVURE_DEV=1 "$dir/venv/bin/python" setup.py -q build_ext --inplace
export PYTHONPATH=$dir/tree/python PYTHONMALLOC=malloc NERVURE_SANITIZED=1
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
  "$dir/venv/bin/python" -m pytest -p no:cacheprovider "$@"
