#!/bin/sh
# A verb in the environment that set-up has left, without any set-up: what
# `deno task VERB` runs. A private adapter needs LD_LIBRARY_PATH before Deno starts.
set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cluster/setup/environment.sh"

# The Deno that runs the task, which need not be on the PATH.
DENO=$(readlink "/proc/$PPID/exe" 2>/dev/null) || DENO=
case $DENO in
*/deno) ;;
*) DENO=$(command -v deno) || DENO=$TOOLS/bin/deno ;;
esac
# doctor reads /proc and asks the Vulkan loader, which no lesser set allows.
case ${1:-} in doctor | test) permissions=all ;; *) permissions=app ;; esac
exec "$DENO" run --quiet --config "$ROOT/deno.json" \
  --permission-set="$permissions" "$ROOT/cluster/main.ts" "$@"
