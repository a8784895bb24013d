import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import {
  ConfigError,
  type Disk,
  type Env,
  EnvironmentError,
} from "../../src/env/mod.ts";
import { devicesIn, type Variables } from "./devices_in.ts";
import { allowsNamespaces, gpuNodes, withoutFiles } from "./namespace.ts";
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

/** How a process is started that is to see one GPU. */
interface Start {
  /** Environment that it needs. */
  variables: Variables;
  /** A Vulkan loader that it must use in place of the system's. */
  loader?: string;
  /** Words in front of its command. */
  before?: readonly string[];
}

/** A rank's GPU. */
export interface Placement extends Start {
  /** The first device that a process so started has seen. */
  gpu: VulkanDevice;
}

/** Who is to have which GPU. */
export interface Wanted {
  /** Ranks that this machine will have, where that is known. */
  localSize?: number;
  bind: GpuBind;
  /** Several ranks may have one GPU. */
  allowShared: boolean;
  /** The ranks can be started with words in front of their command. */
  startsBehind?: boolean;
}

export interface PlaceOptions extends Wanted {
  /** Places on this machine, from 0 on, of the ranks to be placed. */
  localRanks: readonly number[];
  /** Folder for the settings of the ranks. */
  folder: string;
  lookup: Lookup;
  /** Newer Vulkan loader, where it is not in its usual place. */
  ownLoader?: string;
  /** Device nodes by UUID, where the kernel driver does not tell. */
  nodes?: ReadonlyMap<string, string>;
}

/**
 * Gives each rank of this machine a GPU of its own, and proves it: the device
 * list is made again in the rank's environment.
 *
 * Equal GPUs are told apart by UUID alone, with a settings file for the Vulkan
 * loader: WebGPU cannot choose, and Vulkan ignores `CUDA_VISIBLE_DEVICES`. Where
 * the loader does not obey, the nodes of the others are closed to the rank.
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
  const means = await meansOf(env.disk, survey, options);
  const drivers = driversOf(survey, options.lookup);
  return await Promise.all(localRanks.map(async (localRank) => {
    const wanted = chosen[localRank % chosen.length]!;
    const starts: Start[] = [];
    if (means.chooser !== undefined) {
      const { loader } = means.chooser;
      const folder = resolve(options.folder, `rank-${localRank}`);
      starts.push({
        ...means.chooser,
        variables: {
          ...survey.variables,
          ...await writeSettings(env.disk, { folder, device: wanted, drivers }),
          ...(loader === undefined ? {} : libraryPath(loader, options.lookup)),
        },
      });
    }
    if (means.nodes?.has(wanted.uuid)) {
      const others = [...means.nodes].filter(([uuid]) => uuid !== wanted.uuid);
      starts.push({
        variables: survey.variables,
        before: withoutFiles(others.map(([, node]) => node)),
      });
    }
    return await prove(starts, wanted, localRank);
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
  if (choose(survey, wanted) !== undefined) await meansOf(disk, survey, wanted);
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
  const alone = devices.length === 1 || usableGpus(devices).length === 1;
  return alone && chosen.every(({ uuid }) => uuid === devices[0]!.uuid)
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

/** What tells GPUs apart here. */
interface Means {
  /** A loader that obeys a settings file: the system's, or another one. */
  chooser?: { loader?: string };
  /** Device nodes by UUID, which can be closed. */
  nodes?: ReadonlyMap<string, string>;
}

/** @throws {EnvironmentError} If nothing does. */
async function meansOf(
  disk: Disk,
  { loader, devices }: Survey,
  { ownLoader = OWN_LOADER, startsBehind, nodes }:
    & Pick<Wanted, "startsBehind">
    & Pick<PlaceOptions, "ownLoader" | "nodes">,
): Promise<Means> {
  const means: Means = {};
  if (canChoose(loader)) means.chooser = {};
  else if (await disk.stat(ownLoader) !== undefined) {
    means.chooser = { loader: ownLoader };
  }
  if (startsBehind && await allowsNamespaces()) {
    means.nodes = nodes ?? await gpuNodes();
  }
  if (means.chooser !== undefined || means.nodes?.size) return means;
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

/** The first of the starts whose process sees the GPU that is wanted. */
async function prove(
  starts: readonly Start[],
  wanted: VulkanDevice,
  localRank: number,
): Promise<Placement> {
  let instead = "no device";
  for (const start of starts) {
    const { list, problem } = await devicesIn(start.variables, start.before);
    const gpu = byPreference(list?.devices ?? [])[0];
    if (gpu?.uuid === wanted.uuid) return { ...start, gpu };
    instead = gpu === undefined
      ? problem?.message ?? "no device"
      : `GPU-${gpu.uuid} (${gpu.name})`;
  }
  throw new EnvironmentError(
    `Cannot bind local rank ${localRank} to GPU-${wanted.uuid} (${wanted.name}): it sees ${instead} [VK-10]`,
    { hint: "--gpu-bind none with one rank a machine, and report this" },
  );
}
