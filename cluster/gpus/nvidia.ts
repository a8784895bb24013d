import { fileURLToPath } from "node:url";
import type { Disk } from "../../src/env/mod.ts";
import type { Variables } from "./devices_in.ts";
import { outputOf } from "./output_of.ts";

/** Looks a variable of the environment up. */
export type Lookup = (name: string) => string | undefined;

/** PCI id of NVIDIA. */
export const NVIDIA = 0x10de;

/** Kept compiled shaders, at most; the driver's own 128 MB are cleaned too early. */
const SHADER_CACHE_BYTES = 2 ** 30;

/**
 * NVIDIA's driver through its EGL library, which needs none of the X libraries
 * that headless machines lack.
 */
const EGL_DRIVER = fileURLToPath(
  new URL("nvidia_egl_icd.json", import.meta.url),
);

/** Version of the kernel driver in the text of `/proc/driver/nvidia/version`. */
export function nvidiaVersion(text: string): string | undefined {
  return /\bModule\D*?\s(\d+(?:\.\d+)+)/.exec(text)?.[1];
}

/**
 * Version of NVIDIA's kernel driver on this machine. Through a program, since
 * Deno lets only processes that may do all read `/proc/driver`.
 */
export async function ownNvidiaVersion(): Promise<string | undefined> {
  const text = await outputOf("cat", ["/proc/driver/nvidia/version"]);
  return text === undefined ? undefined : nvidiaVersion(text);
}

/** Variables that choose a file of a driver; older loaders know only the second. */
export function driverFile(path: string): Variables {
  return { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path };
}

/**
 * Variables with which to look for an NVIDIA GPU, the better ones first. What the
 * user has chosen stands.
 */
export function nvidiaDrivers(lookup: Lookup): Variables[] {
  const chosen = lookup("VK_DRIVER_FILES") ?? lookup("VK_ICD_FILENAMES");
  return chosen === undefined ? [driverFile(EGL_DRIVER), {}] : [{}];
}

/** Where NVIDIA's driver keeps compiled shaders when the launcher decides. */
export function shaderCacheFolder(lookup: Lookup): string {
  const base = lookup("SLURM_TMPDIR") || lookup("TMPDIR") || "/tmp";
  return `${base}/nv-${Deno.uid()}`;
}

/**
 * Makes the folder for compiled shaders, on a disk of the machine's own: without
 * it the driver keeps none, and homes are often on the network. Settings of the
 * user stand.
 */
export async function shaderCache(
  disk: Disk,
  lookup: Lookup,
): Promise<Variables> {
  if (lookup("__GL_SHADER_DISK_CACHE_PATH") !== undefined) return {};
  const folder = shaderCacheFolder(lookup);
  await disk.makeFolder(folder);
  return {
    // Off by default for root.
    __GL_SHADER_DISK_CACHE: "1",
    __GL_SHADER_DISK_CACHE_PATH: folder,
    __GL_SHADER_DISK_CACHE_SIZE: String(SHADER_CACHE_BYTES),
  };
}
