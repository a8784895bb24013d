# shellcheck shell=sh
# What Deno and the adapter need: what set-up has left under .tools, then defaults.
# Adapters belong to a machine, not to a checkout that several machines share.

TOOLS=$ROOT/.tools

# Jobs come with the environment of whoever submitted them: what set-up has chosen
# on that machine is chosen anew on this one.
case ${DENO_DIR:-} in "$ROOT"/*) unset DENO_DIR ;; esac
case ${MESA_SHADER_CACHE_DIR:-} in "$ROOT"/*) unset MESA_SHADER_CACHE_DIR ;; esac
case ${VK_DRIVER_FILES:-} in "$ROOT"/*) unset VK_DRIVER_FILES ;; esac
case ${VK_ICD_FILENAMES:-} in "$ROOT"/*) unset VK_ICD_FILENAMES ;; esac

# node_folder NAME: on a disk of this machine, and nobody else's.
node_folder() {
  folder=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/signet-$1-$(id -u)
  mkdir -m 700 "$folder" 2>/dev/null || [ -O "$folder" ] || folder=$(mktemp -d)
  echo "$folder"
}

# cache_folder NAME CHOICE: the user's choice, else in the checkout, or on the node in
# a SLURM job. On network file systems the locks of Deno and Mesa hang.
cache_folder() {
  folder=$2
  [ -n "$folder${SLURM_JOB_ID:-}" ] || folder=$TOOLS/cache/$1
  [ -z "$folder" ] || mkdir -p "$folder" 2>/dev/null || folder=
  case ${folder:+$(stat -f -c %T "$folder" 2>/dev/null)} in
  nfs* | lustre | gpfs | fuseblk | ceph | smb* | cifs | beegfs) folder= ;;
  esac
  echo "${folder:-$(node_folder "$1")}"
}

ADAPTER_ENV=$TOOLS/adapter-$(uname -n)
[ ! -f "$TOOLS/env" ] || . "$TOOLS/env"
[ ! -f "$ADAPTER_ENV" ] || . "$ADAPTER_ENV"
export DENO_NO_UPDATE_CHECK=1
export DENO_WEBGPU_BACKEND="${DENO_WEBGPU_BACKEND:-vulkan}"
MESA_SHADER_CACHE_DIR=$(cache_folder mesa "${MESA_SHADER_CACHE_DIR:-}")
export MESA_SHADER_CACHE_DIR
[ -d "${XDG_RUNTIME_DIR:-}" ] || export XDG_RUNTIME_DIR="${TMPDIR:-/tmp}"
