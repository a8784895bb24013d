import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import {
  ConfigError,
  type Disk,
  type Env,
  EnvironmentError,
} from "../../src/env/mod.ts";
import { devicesIn, type Variables } from "./devices_in.ts";
import type { Lookup } from "./nvidia.ts";
import { byPreference, usableGpus } from "./preference.ts";
import { canChoose, writeSettings } from "./settings_file.ts";
import type { Survey } from "./survey.ts";
import type { VulkanDevice } from "./vulkan.ts";

/**
 * Which GPU each rank of a machine gets: one each of those that are there, the
 * one that it sees first, or these by UUID.
 */
export type GpuBind = "auto" | "none" | readonly string[];

/** A newer Vulkan loader that set-up has put there. */
const OWN_LOADER = fileURLToPath(
  new URL("../../.tools/loader/libvulkan.so.1", import.meta.url),
);

/** Whether set-up has put a loader there. */
export async function hasOwnLoader(disk: Disk): Promise<boolean> {
  return await disk.stat(OWN_LOADER) !== undefined;
}

/** A rank's GPU. */
export interface Placement {
  /** Environment that its process needs. */
  variables: Variables;
  /** The first device that a process in that environment has seen. */
  gpu: VulkanDevice;
  /** A Vulkan loader that it must use in place of the system's. */
  loader?: string;
}

/** Who is to have which GPU. */
export interface Wanted {
  /** Ranks that this machine will have, where that is known. */
  localSize?: number;
  bind: GpuBind;
  /** Several ranks may have one GPU. */
  allowShared: boolean;
}

export interface PlaceOptions extends Wanted {
  /** Places on this machine, from 0 on, of the ranks to be placed. */
  localRanks: readonly number[];
  /** Folder for the settings of the ranks. */
  folder: string;
  lookup: Lookup;
  /** Newer Vulkan loader, where it is not in its usual place. */
  ownLoader?: string;
}

/**
 * Gives each rank of this machine a GPU of its own, and proves it: the device
 * list is made again in the rank's environment.
 *
 * Equal GPUs are told apart by UUID alone, with a settings file for the Vulkan
 * loader: WebGPU cannot choose, and Vulkan ignores `CUDA_VISIBLE_DEVICES`.
 *
 * @throws {EnvironmentError} If there are fewer GPUs than ranks, or a rank would
 * get another one.
 * @throws {ConfigError} If a UUID is none of a GPU here.
 */
export async function placeRanks(
  env: Env,
  survey: Survey,
  options: PlaceOptions,
): Promise<Placement[]> {
  const { localRanks } = options;
  const chosen = choose(survey, options);
  if (chosen === undefined) {
    const gpu = survey.devices[0]!;
    return localRanks.map(() => ({ variables: survey.variables, gpu }));
  }
  const loader = await loaderFor(env.disk, survey, options.ownLoader);
  const drivers = driversOf(survey, options.lookup);
  return await Promise.all(localRanks.map(async (localRank) => {
    const wanted = chosen[localRank % chosen.length]!;
    const folder = resolve(options.folder, `rank-${localRank}`);
    const variables = {
      ...survey.variables,
      ...await writeSettings(env.disk, { folder, device: wanted, drivers }),
      ...(loader === undefined ? {} : libraryPath(loader, options.lookup)),
    };
    const gpu = await prove(variables, wanted, localRank);
    return { variables, gpu, ...(loader === undefined ? {} : { loader }) };
  }));
}

/**
 * Looks whether the ranks of a machine can be placed, before anything is started.
 *
 * @throws As {@linkcode placeRanks}, for all that shows beforehand.
 */
export async function checkPlaces(
  disk: Disk,
  survey: Survey,
  wanted: Wanted,
): Promise<void> {
  if (choose(survey, wanted) !== undefined) await loaderFor(disk, survey);
}

/** GPUs by local rank; `undefined` where all take the first device. */
function choose(
  { devices, usable }: Survey,
  { localSize = 1, bind, allowShared }: Wanted,
): readonly VulkanDevice[] | undefined {
  if (bind === "none") return undefined;
  const chosen = bind === "auto"
    ? usable.toSorted((a, b) => a.uuid < b.uuid ? -1 : 1)
    : bind.map((uuid) => find(devices, uuid));
  if (chosen.length === 0) return undefined;
  if (localSize > chosen.length && !allowShared) {
    throw new EnvironmentError(
      `Cannot start ${localSize} ranks on ${Deno.hostname()}: ranks 0 and ${chosen.length} would share GPU-${
        chosen[0]!.uuid
      } [VK-10]`,
      {
        hint:
          `--ranks ${chosen.length}, or --allow-shared to share it in spite of the loss`,
      },
    );
  }
  // One that is there alone is taken in any case.
  return bind === "auto" && usableGpus(devices).length === 1
    ? undefined
    : chosen;
}

function find(devices: readonly VulkanDevice[], text: string): VulkanDevice {
  const wanted = text.replace(/^GPU-/i, "").toLowerCase();
  const found = devices.filter(({ uuid }) =>
    wanted !== "" && uuid.startsWith(wanted)
  );
  if (found.length === 1) return found[0]!;
  throw new ConfigError(
    `Cannot bind a rank to GPU ${text}: ${found.length} devices have that UUID`,
    { hint: `devices: ${devices.map(({ uuid }) => uuid).join(" ")}` },
  );
}

/** The loader that obeys a settings file, when the system's does not. */
async function loaderFor(
  disk: Disk,
  { loader, devices }: Survey,
  ownLoader = OWN_LOADER,
): Promise<string | undefined> {
  if (canChoose(loader)) return undefined;
  if (await disk.stat(ownLoader) !== undefined) return ownLoader;
  throw new EnvironmentError(
    `Cannot give each rank its GPU: the Vulkan loader ${loader} cannot choose among ${devices.length} devices [VK-06]`,
    {
      hint:
        "sh cluster/run.sh bootstrap installs a newer one; else one rank a machine: --ranks 1 --gpu-bind none",
    },
  );
}

/** Files of the drivers that the survey has chosen, or the user. */
function driversOf({ variables }: Survey, lookup: Lookup): string[] {
  const files = variables.VK_DRIVER_FILES ?? lookup("VK_DRIVER_FILES") ??
    lookup("VK_ICD_FILENAMES") ?? "";
  return files.split(":").filter((path) => path !== "");
}

function libraryPath(library: string, lookup: Lookup): Variables {
  const folder = library.slice(0, library.lastIndexOf("/"));
  const before = lookup("LD_LIBRARY_PATH");
  return {
    LD_LIBRARY_PATH: before ? `${folder}:${before}` : folder,
  };
}

async function prove(
  variables: Variables,
  wanted: VulkanDevice,
  localRank: number,
): Promise<VulkanDevice> {
  const { list, problem } = await devicesIn(variables);
  const gpu = byPreference(list?.devices ?? [])[0];
  if (gpu?.uuid === wanted.uuid) return gpu;
  const instead = gpu === undefined
    ? problem?.message ?? "no device"
    : `GPU-${gpu.uuid} (${gpu.name})`;
  throw new EnvironmentError(
    `Cannot bind local rank ${localRank} to GPU-${wanted.uuid} (${wanted.name}): it sees ${instead} [VK-10]`,
    { hint: "--gpu-bind none with one rank a machine, and report this" },
  );
}
