import { nearest } from "../../src/config/mod.ts";
import { ConfigError } from "../../src/env/mod.ts";

/** What a code of the doctor means, and what to do, line by line. */
export interface Explanation {
  title: string;
  lines: readonly string[];
}

/** All codes, in the order of the checks. */
export const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  "VK-01": {
    title: "no NVIDIA kernel driver",
    lines: [
      "The kernel knows no NVIDIA GPU: /proc/driver/nvidia/version is missing, or",
      "nvidia-smi -L lists nothing.",
      "  on SLURM      this is a login node, or the job has no GPU: --gres=gpu:1",
      "  in a container  start it with the GPU: docker --gpus all, apptainer --nv",
      "  a MIG slice   has no Vulkan; ask for a whole GPU",
      "Without a GPU Signet computes on the CPU through Mesa's driver.",
    ],
  },
  "VK-02": {
    title: "a device node cannot be opened",
    lines: [
      "Vulkan's driver opens /dev/nvidiactl, /dev/nvidia-uvm and /dev/nvidiaN for",
      "reading and writing.",
      "  No such file      nvidia-smi -L makes the nodes; a container must be given them",
      "  Permission denied the job's device list (cgroup) lacks it: --gres=gpu:1",
      "/dev/nvidia-modeset and /dev/dri are not needed to compute.",
    ],
  },
  "VK-03": {
    title: "the driver has no Vulkan files",
    lines: [
      "CUDA works without them, so compute-only installs leave them out. They must be",
      "of the kernel driver's exact version: libEGL_nvidia or libGLX_nvidia, and",
      "libnvidia-glvkspirv, -eglcore, -glsi, -tls, -gpucomp (from 550 on).",
      "  Debian, Ubuntu   libnvidia-gl-VERSION or libnvidia-gl-VERSION-server",
      "  NVIDIA's runfile without --no-opengl-files",
      "  without root     doctor --explain VK-04",
    ],
  },
  "VK-04": {
    title: "the driver's Vulkan files without root",
    lines: [
      "Take the installer of exactly the version in /proc/driver/nvidia/version from",
      "NVIDIA, on a machine with network, and then:",
      "  sh NVIDIA-Linux-x86_64-VERSION.run --extract-only",
      '  mkdir -p "$HOME/nvidia-gl" && cd NVIDIA-Linux-x86_64-VERSION',
      "  cp libEGL_nvidia.so.* libGLX_nvidia.so.* libnvidia-glvkspirv.so.* \\",
      "    libnvidia-eglcore.so.* libnvidia-glcore.so.* libnvidia-glsi.so.* \\",
      '    libnvidia-tls.so.* libnvidia-gpucomp.so.* "$HOME/nvidia-gl/"',
      '  ln -s libEGL_nvidia.so.VERSION "$HOME/nvidia-gl/libEGL_nvidia.so.0"',
      '  export LD_LIBRARY_PATH="$HOME/nvidia-gl:$LD_LIBRARY_PATH"',
      "A driver of another version refuses to start. Signet downloads none of it.",
    ],
  },
  "VK-05": {
    title: "the Vulkan loader is missing",
    lines: [
      "libvulkan.so.1 finds the drivers; Deno loads it by that name.",
      "  sh cluster/run.sh bootstrap   puts one under .tools, without root",
      "  Debian, Ubuntu                apt-get install libvulkan1",
      "  Fedora, RHEL                  dnf install vulkan-loader",
    ],
  },
  "VK-06": {
    title: "the Vulkan loader cannot choose among equal GPUs",
    lines: [
      "A settings file of the loader tells equal GPUs apart, by UUID, from version",
      "1.4.329 on. CUDA_VISIBLE_DEVICES means nothing to Vulkan, and DRI_PRIME chooses",
      "the wrong one in Mesa 22. Else `train` closes the other GPUs to the ranks that",
      "it starts on its machine, where users may make namespaces (unshare -Urm true)",
      "and the driver starts without them.",
      "  sh cluster/run.sh bootstrap   puts a newer loader into .tools/loader",
      "  else                          one rank a machine: --ranks 1 --gpu-bind none",
    ],
  },
  "VK-07": {
    title: "no Vulkan driver answers",
    lines: [
      "The loader reads /etc/vulkan/icd.d and /usr/share/vulkan/icd.d, or what",
      "VK_DRIVER_FILES names; Signet tries NVIDIA's EGL library before those.",
      "  docker, enroot  NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics",
      "  apptainer       exec --nv",
      "  libXext.so.6    is missing for the GLX library: unset VK_DRIVER_FILES",
      "VK_LOADER_DEBUG=error deno task devices shows the loader's own words.",
    ],
  },
  "VK-08": {
    title: "the driver refuses because GPUs are closed to the job",
    lines: [
      "Some drivers start Vulkan only when every GPU of the machine can be opened;",
      "SLURM's ConstrainDevices closes those of other jobs.",
      "  the whole node   --exclusive --gpu-bind=none, and let Signet bind the ranks",
      "A settings file of the loader that names no GPU of this machine has the same",
      "effect: unset XDG_CONFIG_HOME.",
    ],
  },
  "VK-09": {
    title: "only a CPU adapter although there is a GPU",
    lines: [
      "WebGPU got Mesa's llvmpipe: the GPU's own driver did not answer, and the",
      "checks before this one say why (VK-03, VK-07).",
      "  --adapter cpu   computes on the CPU anyway",
      "A missing feature is named here too; precision f32 needs none.",
    ],
  },
  "VK-10": {
    title: "two ranks share a GPU",
    lines: [
      "Each would take more than twice as long, and memory for one serves two.",
      "  --gpu-bind auto        a GPU each, by UUID (the default)",
      "  --gpu-bind UUID,UUID   these, by place on the machine",
      "  --ntasks-per-node=N    no more ranks than GPUs",
      "  --allow-shared         share it all the same",
    ],
  },
  "VK-11": {
    title: "compiled shaders are not kept, or on a network disk",
    lines: [
      "Compiling all kernels takes up to a minute; a cache on the machine's own disk",
      "makes the second start quick. NVIDIA's driver keeps none when the folder is",
      "missing. The launcher makes one and sets, for the ranks:",
      "  __GL_SHADER_DISK_CACHE_PATH=/tmp/nv-UID  __GL_SHADER_DISK_CACHE_SIZE=1 GiB",
      "Mesa's drivers use MESA_SHADER_CACHE_DIR.",
    ],
  },
  "VK-12": {
    title: "the GPU's memory is full",
    lines: [
      "Deno refuses a buffer when more than 97 % of the memory that the driver grants",
      "would be in use, and ends the device at 99 %, counting every heap: so buffers",
      "stay under 32 MB, and 13 of 15 GB are usable.",
      "  microBatch=N     fewer images at a time",
      "  recompute=true   blocks run again in backward",
      "  deno task plan   says what a configuration needs",
    ],
  },
};

/**
 * The text for a code.
 *
 * @throws {ConfigError} If there is no such code.
 */
export function explain(code: string): string[] {
  const known = EXPLANATIONS[code.toUpperCase()];
  if (known !== undefined) {
    return [`${code.toUpperCase()}: ${known.title}`, "", ...known.lines];
  }
  const codes = Object.keys(EXPLANATIONS);
  const meant = nearest(code.toUpperCase(), codes);
  throw new ConfigError(`Cannot explain ${code}: unknown code`, {
    hint: meant === undefined
      ? `codes: ${codes.join(" ")}`
      : `did you mean ${meant}?`,
  });
}
