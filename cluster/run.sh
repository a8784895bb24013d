#!/bin/sh
# Set-up on a bare machine, then a verb:  sh cluster/run.sh [--system] VERB [ARGS]
#
# Everything lands under .tools/ (and data/, node_modules/) in the checkout. System
# packages are installed only as root on a machine that is no SLURM node, in CI, or
# with --system; else they are unpacked privately. Tools that are there are used.
#
#   bootstrap   set-up alone          bootstrap all   also the data set and a browser
#   bootstrap slurm   also a SLURM and an SSH server, for the tests of clusters
#   others      see: sh cluster/run.sh --help
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
SETUP=$ROOT/cluster/setup
if [ "${1:-}" = --system ]; then
  SYSTEM=yes
  shift
fi
VERB=${1:---help}
cd "$ROOT"

. "$SETUP/environment.sh"
LOG=$TOOLS/setup.log
mkdir -p "$TOOLS/cache"
. "$SETUP/versions.sh"
. "$SETUP/packages.sh"
. "$SETUP/adapter.sh"
. "$SETUP/loader.sh"
. "$SETUP/steps.sh"
. "$SETUP/slurm.sh"

# remember NAME VALUE [FILE]: for this process and, in .tools/env or FILE, for every later one.
remember() {
  file=${3:-$TOOLS/env}
  { grep -v "^export $1=" "$file" 2>/dev/null || true; } >"$file.new"
  echo "export $1=\"$2\"" >>"$file.new"
  mv "$file.new" "$file"
  eval "export $1=\"$2\""
}

# link_tool PROGRAM NAME: .tools/bin leads to it, which may be what was found there.
link_tool() {
  real=$(readlink -f "$1")
  [ "$real" = "$(readlink -f "$TOOLS/bin/$2" || true)" ] || ln -sf "$real" "$TOOLS/bin/$2"
}

# Which pieces beyond the tools this verb needs.
wants_data() {
  case "$VERB ${2:-} ${3:-}" in
  "test "* | "bootstrap all "* | "data fetch fashion-mnist") return 0 ;;
  "train "* | "sweep "* | "plan "*) ;;
  *) return 1 ;;
  esac
  files=0 named=0
  for argument in "$@"; do
    case $argument in
    data.path=* | data.kind=* | --help | -h | --resume | --resume=*) return 1 ;;
    *.json)
      files=$((files + 1))
      ! names_data "$argument" || named=$((named + 1))
      ;;
    esac
  done
  # No file is the default one.
  [ "$files" = 0 ] || [ "$named" -lt "$files" ]
}

# Whether a configuration is for other data than the default set.
names_data() {
  grep -Eq '"(path|mnist|cifar10|cifar100|idx|folder|csv)"' "$1" 2>/dev/null
}

# Other libraries that a bench runs beside ours.
wants_peers() {
  [ "$VERB" = bench ] || return 1
  case " $* " in
  *" --help "* | *" -h "* | *" --no-peers "*) return 1 ;;
  *" step "* | *" --peers "* | *" --require-peers "*) return 0 ;;
  *) return 1 ;;
  esac
}

wants_browser() {
  case "$VERB ${2:-}" in
  "test "* | "bootstrap all") return 0 ;;
  *) return 1 ;;
  esac
}

wants_slurm() {
  case "$VERB ${2:-}" in
  "test "* | "bootstrap all" | "bootstrap slurm") return 0 ;;
  *) return 1 ;;
  esac
}

DENO_DIR=$(cache_folder deno "${DENO_DIR:-}")
export DENO_DIR
export DENO_NO_PROMPT=1

# What was set up before, on this machine and from these pins, is not looked at again.
STAMP=$TOOLS/ready/$(uname -n)

stamp_key() {
  echo "$ROOT $(cat "$SETUP/versions.sh" "$ROOT/deno.lock" "$TOOLS/env" "$ADAPTER_ENV" 2>/dev/null | cksum)"
}

has_tools() {
  [ -f "$STAMP" ] && { read -r key && read -r DENO && read -r NATS; } <"$STAMP" || return 1
  [ "$key" = "$(stamp_key)" ] && [ -x "$DENO" ] && [ -x "$NATS" ] && [ -d "$ROOT/node_modules/.deno" ]
}

has_browser() {
  [ -f "$STAMP-browser" ] && [ -x "$(cat "$STAMP-browser")" ]
}

MISSING=
has_tools || MISSING=tools
if wants_data "$@"; then
  [ -z "$MISSING" ] && has_fashion_mnist || MISSING="$MISSING data"
fi
if wants_browser "$@"; then
  [ -z "$MISSING" ] && has_browser || MISSING="$MISSING browser"
fi

if wants_slurm "$@" && ! has_slurm; then MISSING="$MISSING slurm"; fi

if [ -n "$MISSING" ]; then
  # One set-up at a time; ranks that start together wait for the first.
  if command -v flock >/dev/null; then
    exec 9>"$TOOLS/lock"
    flock 9
  fi
  : >"$LOG"
  mkdir -p "$TOOLS/bin" "$TOOLS/ready"
  touch "$TOOLS/env"
  case $MISSING in tools*)
    step_deno
    step_nats
    step_npm
    step_adapter
    step_loader
    link_tool "$DENO" deno
    link_tool "$NATS" nats-server
    ;;
  esac
  case $MISSING in *data*) step_fashion_mnist ;; esac
  case $MISSING in *browser*)
    step_chromium
    echo "$CHROMIUM" >"$STAMP-browser"
    ;;
  esac
  case $MISSING in *slurm*) step_slurm ;; esac
  rm -rf "$TOOLS/apt"
  # Last, since an unpacked browser adds to the environment that the key covers.
  printf '%s\n' "$(stamp_key)" "$DENO" "$NATS" >"$STAMP"
  exec 9>&-
fi

[ "$VERB" != bootstrap ] || exit 0
export PATH="$TOOLS/bin:$PATH"
if wants_peers "$@"; then DENO=$DENO sh "$ROOT/bench/setup.sh"; fi
# Hints say what works here: Deno need not be on the PATH. Tests expect `deno task`.
[ "$VERB" = test ] || export SIGNET_COMMAND="sh $0"
# doctor reads /proc and asks the Vulkan loader, which no lesser set allows.
case $VERB in doctor | test) permissions=all ;; *) permissions=app ;; esac
exec "$DENO" run --quiet --cached-only --frozen --node-modules-dir=manual \
  --config "$ROOT/deno.json" --permission-set="$permissions" \
  "$ROOT/cluster/main.ts" "$@"
