# shellcheck shell=sh
# A Vulkan loader that gives each rank its own of several equal GPUs: only from
# 1.4.329 on does its settings file choose by UUID, and few systems have that one.
# Debian's Chromium carries a new one, whatever the release.

LOADER=$TOOLS/loader/libvulkan.so.1

# Loaders that choose have this message in them.
can_choose() {
  [ -f "$1" ] && grep -aq 'VkPhysicalDevice with deviceUUID: %s, driverUUID' "$1"
}

has_several_gpus() {
  [ "$(nvidia-smi -L 2>/dev/null | grep -c '^GPU')" -gt 1 ] 2>/dev/null
}

# Nodes of a cluster take what bootstrap has left on the disk that they share.
is_login_node() {
  [ "$VERB" = bootstrap ] && [ -z "${SLURM_JOB_ID:-}" ] && command -v scontrol >/dev/null
}

step_loader() {
  has_several_gpus || is_login_node || return 0
  system=$(ldconfig -p 2>/dev/null | sed -n 's/.*libvulkan\.so\.1 .*=> //p' | head -n 1)
  if can_choose "$LOADER" || can_choose "$system"; then
    found "Vulkan loader for several GPUs" "$({ can_choose "$LOADER" && echo "$LOADER"; } || echo "$system")"
    return
  fi
  for loader in /usr/lib/chromium/libvulkan.so.1 \
    "$TOOLS/root/usr/lib/chromium/libvulkan.so.1"; do
    ! can_choose "$loader" || break
  done
  mkdir -p "$TOOLS/loader"
  if can_choose "$loader"; then
    cp -L "$loader" "$LOADER"
  else
    loader_from_chromium
  fi
  if can_choose "$LOADER"; then
    installed "Vulkan loader for several GPUs" "$LOADER"
  else
    rm -f "$LOADER"
    # One GPU of them can be used all the same.
    echo "setup  Vulkan loader for several GPUs missing: put a libvulkan.so.1 of 1.4.329 or newer at ${LOADER#"$ROOT/"}" >&2
  fi
}

# The one library out of the package, which nothing else of it needs.
loader_from_chromium() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
  echo "setup  taking a Vulkan loader out of chromium-common (no root needed)" >&2
  rm -f "$TOOLS"/apt/debs/chromium-common_*.deb
  private_lists && download chromium-common || return 0
  dpkg-deb --fsys-tarfile "$TOOLS"/apt/debs/chromium-common_*.deb 2>>"$LOG" |
    tar -xOf - ./usr/lib/chromium/libvulkan.so.1 >"$LOADER" 2>>"$LOG" || true
  rm -f "$TOOLS"/apt/debs/chromium-common_*.deb
}
