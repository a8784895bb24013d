// deno-lint-ignore-file no-console
/**
 * A process that takes the device of a UUID for itself, as a rank does that srun has
 * started: own_gpu_rank.ts UUID FOLDER LOADER. Prints what it took, what it then
 * sees and whether WebGPU has an adapter.
 */
import { listVulkan } from "../../cluster/gpus/mod.ts";
import { GPU_DEFAULTS, placeOwn, takeGpu } from "../../cluster/launch/mod.ts";
import { realEnv } from "../../src/env/mod.ts";

const [uuid, folder, ownLoader] = Deno.args as [string, string, string];
const { uuid: taken } = takeGpu(
  await placeOwn(realEnv, {
    wish: { ...GPU_DEFAULTS, bind: [uuid] },
    localRank: 0,
    folder,
    ownLoader,
  }),
);
const seen = listVulkan().devices.map(({ uuid }) => uuid);
const adapter = await navigator.gpu.requestAdapter();
console.log(JSON.stringify({ taken, seen, adapter: adapter !== null }));
