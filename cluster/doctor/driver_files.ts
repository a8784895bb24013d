import type { Check } from "./check.ts";
import type { KernelDriver } from "./kernel_driver.ts";
import type { MachineView } from "./machine_view.ts";

const NAME = "files";

const LIBRARY_FOLDERS = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu/nvidia/current",
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/nvidia/lib64",
  "/usr/local/nvidia/lib",
  "/.singularity.d/libs",
  "/run/opengl-driver/lib",
];
/** Loaded by the Vulkan driver, in the very version of the kernel's. */
const COMPANIONS = [
  "libnvidia-glvkspirv",
  "libnvidia-eglcore",
  "libnvidia-glsi",
  "libnvidia-tls",
];
/** Drivers from here on need one more. */
const GPUCOMP_SINCE = 550;

/**
 * D3: the libraries of the driver's Vulkan part, which compute-only installs lack.
 * `works` when a GPU has been seen through Vulkan: then they lie elsewhere.
 */
export async function checkDriverFiles(
  { env, root, lookup }: MachineView,
  { version }: KernelDriver,
  works: boolean,
): Promise<Check> {
  const own = (lookup("LD_LIBRARY_PATH") ?? "").split(":").filter((path) =>
    path !== ""
  );
  const folders = [...own, ...LIBRARY_FOLDERS.map((path) => `${root}${path}`)];
  const isThere = async (name: string) => {
    for (const folder of folders) {
      if (await env.disk.stat(`${folder}/${name}`)) return true;
    }
    return false;
  };
  const missing: string[] = [];
  const entries = ["libEGL_nvidia", "libGLX_nvidia"];
  const found = await Promise.all(
    entries.map((name) => isThere(`${name}.so.${version}`)),
  );
  if (!found.includes(true)) missing.push("libEGL_nvidia");
  const major = Number.parseInt(version, 10);
  const needed = major >= GPUCOMP_SINCE
    ? [...COMPANIONS, "libnvidia-gpucomp"]
    : COMPANIONS;
  for (const name of needed) {
    if (!await isThere(`${name}.so.${version}`)) missing.push(name);
  }
  const facts = { version, missing };
  if (missing.length === 0 || works) {
    const detail = missing.length === 0
      ? `Vulkan libraries of driver ${version} are complete`
      : `Vulkan libraries of driver ${version} work`;
    return { name: NAME, status: "ok", detail, facts };
  }
  return {
    name: NAME,
    code: "VK-03",
    status: "error",
    detail: `driver ${version} has no Vulkan files (${missing.join(", ")})`,
    hint:
      `compute-only install; ask the admin for the GL package of ${version} (libnvidia-gl-${major}-server), or doctor --explain VK-04`,
    facts,
  };
}
