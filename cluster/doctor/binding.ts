import { resolve } from "node:path";
import { placeRanks, surveyGpus } from "../gpus/mod.ts";
import type { Check } from "./check.ts";
import type { MachineView } from "./machine_view.ts";

/**
 * D8: gives as many ranks as there are GPUs one each, as a launcher does, and
 * proves it by the list of devices in each one's environment.
 */
export async function checkBinding(machine: MachineView): Promise<Check> {
  const name = "binding";
  const { env, wish, lookup } = machine;
  const survey = await surveyGpus(env, { wish, lookup });
  const size = survey.usable.length;
  if (size === 0) {
    const { name: adapter } = survey.devices[0]!;
    const detail = `ranks share the CPU (${adapter})`;
    return { name, status: "ok", detail, facts: { ranks: 0 } };
  }
  const folder = resolve(`.tools/cache/doctor-${Deno.pid}-gpus`);
  try {
    const placements = await placeRanks(env, survey, {
      localRanks: Array.from({ length: size }, (_, rank) => rank),
      localSize: size,
      startsBehind: true,
      bind: "auto",
      allowShared: false,
      folder,
      lookup,
    });
    const gpus = placements.map(({ gpu }) => gpu.uuid);
    return {
      name,
      status: "ok",
      detail: `${size} rank${
        size === 1 ? " has its GPU" : "s have a GPU each"
      }: ${gpus.map((uuid) => `GPU-${uuid.slice(0, 8)}`).join(" ")}`,
      facts: { ranks: size, gpus },
    };
  } finally {
    await env.disk.remove(folder);
  }
}
