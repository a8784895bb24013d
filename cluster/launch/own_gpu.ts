import type { Env } from "../../src/env/mod.ts";
import {
  type AdapterWish,
  type GpuBind,
  type Placement,
  placeRanks,
  type Survey,
  surveyGpus,
  type VulkanDevice,
} from "../gpus/mod.ts";
import type { Gpu } from "../protocol.ts";

/** What a run wants of the GPUs of a machine. */
export interface GpuWish {
  adapter: AdapterWish;
  bind: GpuBind;
  /** Several ranks may have one GPU. */
  allowShared: boolean;
}

/** A GPU for each rank where there are any, else the CPU for all. */
export const GPU_DEFAULTS: GpuWish = {
  adapter: "auto",
  bind: "auto",
  allowShared: false,
};

/** The choice as options of the verb `rank`, for machines that are not asked here. */
export function gpuArguments({ adapter, bind }: GpuWish): string[] {
  const uuids = typeof bind === "string" ? bind : bind.join(",");
  return [`--adapter=${adapter}`, `--gpu-bind=${uuids}`];
}

/** What a rank tells the coordinator of its GPU. */
export function gpuOf(
  { kind, uuid, vendor, device, driverUuid }: VulkanDevice,
): Gpu {
  // Mesa's CPU driver has its version in the UUID of its only device.
  const driver = kind === "cpu" ? uuid : driverUuid;
  return { kind, uuid, vendor, device, driver };
}

/**
 * Finds the GPU of a rank that srun, mpirun or a person has started: its launcher
 * could not look at this machine.
 *
 * @throws As `placeRanks`.
 */
export async function placeOwn(
  env: Env,
  { wish, localRank, folder, ...known }: {
    wish: GpuWish;
    /** What this machine computes on, where that is known already. */
    survey?: Survey | undefined;
    /** Place among the ranks of this machine. */
    localRank: number;
    /** For settings; may be shared by the ranks of several machines. */
    folder: string;
    /** Newer Vulkan loader, where it is not in its usual place. */
    ownLoader?: string;
  },
): Promise<Placement> {
  const lookup = (name: string) => Deno.env.get(name);
  const survey = known.survey ??
    await surveyGpus(env, { wish: wish.adapter, lookup });
  const { ownLoader } = known;
  // How many ranks there will be here, the coordinator alone knows: it refuses
  // two that have the same.
  const [placement] = await placeRanks(env, survey, {
    ...wish,
    localRanks: [localRank],
    startsBehind: true,
    folder: `${folder}/${Deno.hostname()}`,
    lookup,
    ...(ownLoader === undefined ? {} : { ownLoader }),
  });
  return placement!;
}

/**
 * Takes a GPU in this very process, unless it needs words in front of a command.
 * Must come before anything opens an adapter.
 */
export function takeGpu({ variables, gpu, loader }: Placement): Gpu {
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  // A library path counts at a process's start alone; a library that is loaded
  // is taken by its name, whoever asks for it later.
  if (loader !== undefined) Deno.dlopen(loader, {});
  return gpuOf(gpu);
}
