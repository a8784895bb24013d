# shellcheck shell=sh
# Two ways to a Debian or Ubuntu package: apt when this machine is ours to
# change, else a private copy under .tools/root that needs no root.

# The machine is ours: root, and no cluster node that others share.
may_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  [ "${SYSTEM:-no}" = yes ] || [ "${CI:-}" = true ] && return 0
  [ -z "${SLURM_JOB_ID:-}${SLURM_CONF:-}" ] && ! command -v scontrol >/dev/null
}

# apt_install NAME...: prints the command, then runs it.
apt_install() {
  echo "setup  \$ apt-get install --no-install-recommends $*" >&2
  if ! apt_get_install "$@"; then
    apt-get -qq update >>"$LOG" 2>&1 && apt_get_install "$@"
  fi
}

apt_get_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install \
    --no-install-recommends "$@" >>"$LOG" 2>&1 </dev/null
}

# apt-get with lists and cache of our own, so that no lock or root is needed.
private_apt() {
  mkdir -p "$TOOLS/apt/lists/partial" "$TOOLS/apt/cache/archives/partial"
  apt-get -qq -o Dir::State::Lists="$TOOLS/apt/lists" \
    -o Dir::Cache="$TOOLS/apt/cache" -o Debug::NoLocking=1 \
    -o APT::Sandbox::User=root "$@" 2>>"$LOG"
}

private_lists() {
  [ -n "$(find "$TOOLS/apt/lists" -name '*_Packages*' -mmin -720 2>/dev/null | head -n 1)" ] ||
    private_apt update >>"$LOG"
}

# download NAME[=VERSION]...: the .deb files land in .tools/apt/debs.
download() {
  mkdir -p "$TOOLS/apt/debs"
  (cd "$TOOLS/apt/debs" && private_apt download "$@" >>"$LOG")
}

# unpack NAME...: into .tools/root, whose programs and libraries are then used.
unpack() {
  unpack_into "$TOOLS/root" "$@" && use_private_root
}

# unpack_into FOLDER NAME...: the packages and whatever of their dependencies this
# machine lacks. No maintainer script runs.
unpack_into() {
  into=$1
  shift
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  echo "setup  unpacking $* into ${into#"$ROOT/"} (no root needed)" >&2
  private_lists || return 1
  plan=$(private_apt -s install --no-install-recommends "$@") || return 1
  set -- $(printf '%s\n' "$plan" |
    sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p')
  [ $# -gt 0 ] || return 1
  rm -f "$TOOLS"/apt/debs/*.deb
  download "$@" || return 1
  mkdir -p "$into"
  for deb in "$TOOLS"/apt/debs/*.deb; do
    dpkg-deb -x "$deb" "$into" || return 1
  done
  rm -f "$TOOLS"/apt/debs/*.deb
}

# Programs from .tools/root find the libraries unpacked beside them.
use_private_root() {
  libraries=
  for folder in "$TOOLS"/root/usr/lib/*-linux-gnu "$TOOLS"/root/lib/*-linux-gnu \
    "$TOOLS"/root/usr/lib/*-linux-gnu/pulseaudio; do
    [ ! -d "$folder" ] || libraries="$libraries${libraries:+:}$folder"
  done
  [ -z "$libraries" ] || remember LD_LIBRARY_PATH "$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
}

# install NAME...: by whichever way this machine allows.
install() {
  if may_install; then apt_install "$@"; else unpack "$@"; fi
}
