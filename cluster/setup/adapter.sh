# shellcheck shell=sh
# A Vulkan adapter: the GPU's own driver when there is one, else Mesa's adapter
# that computes on the CPU.

# Asks Deno itself, since files alone do not tell whether a driver works.
probe_adapter() {
  ADAPTER=$("$DENO" run --quiet --no-config --no-lock --no-prompt \
    "$ROOT/cluster/setup/probe.js" 2>>"$LOG") || ADAPTER=
  [ -n "$ADAPTER" ]
}

has_loader() {
  ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' && return 0
  [ -n "$(find "$TOOLS/root/usr/lib" /usr/lib /usr/lib64 -name libvulkan.so.1 2>/dev/null | head -n 1)" ]
}

has_gpu_driver() {
  [ "${SIGNET_ADAPTER:-}" != cpu ] && [ -e /proc/driver/nvidia/version ]
}

step_adapter() {
  # The system's own drivers first: what an earlier set-up has unpacked hides them.
  if [ -f "$ADAPTER_ENV" ]; then
    rm -f "$ADAPTER_ENV"
    unset VK_DRIVER_FILES VK_ICD_FILENAMES
  fi
  probe_adapter || has_gpu_driver || use_private_mesa
  if [ -n "$ADAPTER" ] || probe_adapter; then
    found "adapter" "$ADAPTER"
    return
  fi
  if has_gpu_driver; then
    has_loader || install libvulkan1 || missing "the Vulkan loader" "$(apt_line libvulkan1)"
    probe_adapter || use_egl_driver
    probe_adapter || missing "a Vulkan driver for the NVIDIA GPU" \
      "in a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics, or apptainer exec --nv" \
      "compute-only installation: ask for the GL package of driver $(nvidia_version) (libnvidia-gl)" \
      "or compute on the CPU: SIGNET_ADAPTER=cpu sh cluster/run.sh ..."
  else
    install libvulkan1 mesa-vulkan-drivers || true
    use_private_mesa
    probe_adapter || missing "a Vulkan adapter" "$(apt_line libvulkan1 mesa-vulkan-drivers)" \
      "Fedora, RHEL: dnf install vulkan-loader mesa-vulkan-drivers"
  fi
  installed "adapter" "$ADAPTER"
}

nvidia_version() {
  sed -n '1s/.*Module *\([0-9.]*\).*/\1/p' /proc/driver/nvidia/version
}

# The EGL flavour of NVIDIA's driver needs no X libraries, which headless nodes lack.
use_egl_driver() {
  use_driver_file "$ROOT/cluster/gpus/nvidia_egl_icd.json"
}

# Driver files name libraries that only the system's linker path would find.
use_private_mesa() {
  library=$(find "$TOOLS/root/usr/lib" -name libvulkan_lvp.so 2>/dev/null | head -n 1)
  [ -n "$library" ] || return 0
  cat >"$TOOLS/lvp_icd.json" <<END
{"file_format_version":"1.0.0","ICD":{"library_path":"$library","api_version":"1.1.0"}}
END
  use_driver_file "$TOOLS/lvp_icd.json"
}

# Loaders before 1.3.207 know only the older name.
use_driver_file() {
  remember VK_DRIVER_FILES "$1" "$ADAPTER_ENV"
  remember VK_ICD_FILENAMES "$1" "$ADAPTER_ENV"
}
