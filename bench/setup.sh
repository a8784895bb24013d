#!/bin/sh
# The peers of the bench:  sh bench/setup.sh [packages] [torch] [mpi]     (default: all)
#
#   packages   jax-js and TensorFlow.js from npm, into bench/node_modules
#   torch      PyTorch for the CPU with gloo and OpenBLAS from Debian; needs root
#   mpi        Open MPI with mpi4py from Debian; needs root
#
# A peer that cannot be installed here is named and left out: the bench goes on
# without it. Exact versions are in bench/deno.json and bench/deno.lock.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
TOOLS=$ROOT/.tools
LOG=$TOOLS/bench-setup.log
DENO=${DENO:-deno}
[ $# -gt 0 ] || set -- packages torch mpi
mkdir -p "$TOOLS"
: >"$LOG"
. "$ROOT/cluster/setup/packages.sh"

no_peer() {
  echo "setup  $1 is missing: $2" >&2
}

# Outside the checkout: inside it Deno writes the packages of the program above
# into the bench's lock.
install_packages() {
  away=$(mktemp -d) &&
    cp "$ROOT/bench/deno.json" "$ROOT/bench/deno.lock" "$away" &&
    "$DENO" install --quiet --frozen --node-modules-dir=auto --config "$away/deno.json" &&
    rm -rf "$ROOT/bench/node_modules" &&
    mv "$away/node_modules" "$ROOT/bench/node_modules"
  code=$?
  rm -rf "$away"
  return $code
}

step_packages() {
  stamp=$ROOT/bench/node_modules/.signet
  key=$(cksum <"$ROOT/bench/deno.lock")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
    echo "setup  jax-js and tfjs found: bench/node_modules" >&2
  elif install_packages >>"$LOG" 2>&1; then
    echo "$key" >"$stamp"
    echo "setup  jax-js and tfjs installed: bench/node_modules" >&2
  else
    no_peer "jax-js, tfjs" "npm packages cannot be had, see .tools/bench-setup.log"
  fi
}

# Without OpenBLAS Debian's PyTorch multiplies with the reference BLAS, at a tenth
# of the speed: no peer.
has_torch() {
  ls /usr/lib/*/openblas-*/libblas.so.3 >/dev/null 2>&1 &&
    /usr/bin/python3 -c 'import torch, numpy' >/dev/null 2>&1
}

step_torch() {
  if has_torch; then
    echo "setup  torch found: /usr/bin/python3" >&2
  elif may_install && apt_install python3-torch python3-numpy libopenblas0-pthread && has_torch; then
    echo "setup  torch installed: /usr/bin/python3" >&2
  else
    no_peer torch-cpu "as root: apt-get install python3-torch python3-numpy libopenblas0-pthread"
  fi
}

has_mpi() {
  command -v mpirun >/dev/null && /usr/bin/python3 -c 'import mpi4py, numpy' >/dev/null 2>&1
}

step_mpi() {
  if has_mpi; then
    echo "setup  Open MPI found: $(command -v mpirun)" >&2
  elif may_install && apt_install openmpi-bin python3-mpi4py python3-numpy && has_mpi; then
    echo "setup  Open MPI installed: $(command -v mpirun)" >&2
  else
    no_peer openmpi "as root: apt-get install openmpi-bin python3-mpi4py"
  fi
}

for peer in "$@"; do
  case $peer in
  packages) step_packages ;;
  torch) step_torch ;;
  mpi) step_mpi ;;
  *)
    echo "error: no peer is named $peer; there are: packages torch mpi" >&2
    exit 2
    ;;
  esac
done
