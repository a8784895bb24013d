# shellcheck shell=sh
# What Deno and the adapter need: what set-up has left under .tools, then defaults.
# Adapters belong to a machine, not to a checkout that several machines share.

TOOLS=$ROOT/.tools
ADAPTER_ENV=$TOOLS/adapter-$(uname -n)
[ ! -f "$TOOLS/env" ] || . "$TOOLS/env"
[ ! -f "$ADAPTER_ENV" ] || . "$ADAPTER_ENV"
export DENO_NO_UPDATE_CHECK=1
export DENO_WEBGPU_BACKEND="${DENO_WEBGPU_BACKEND:-vulkan}"
export MESA_SHADER_CACHE_DIR="${MESA_SHADER_CACHE_DIR:-$TOOLS/cache/mesa}"
[ -d "${XDG_RUNTIME_DIR:-}" ] || export XDG_RUNTIME_DIR="${TMPDIR:-/tmp}"
mkdir -p "$MESA_SHADER_CACHE_DIR" 2>/dev/null || true
