import type { Env } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { planRun } from "../../src/phases/mod.ts";
import { requestedConfig } from "../launch/mod.ts";
import type { Check } from "./check.ts";

const NAME = "kernels";

/** As few images as the default configuration can split. */
const FEW_IMAGES = ["data.trainPerClass=60", "data.testPerClass=20"];

/**
 * D10: compiles every kernel of the default training, then once more on a new
 * device, which shows what the driver's cache saves.
 */
export async function checkKernels(env: Env, device: Device): Promise<Check> {
  const config = await requestedConfig(env.disk, { overrides: FEW_IMAGES });
  using dry = device.rehearsal();
  try {
    await planRun({ env, config, ranks: 2, device: dry });
  } catch (error) {
    return {
      name: NAME,
      status: "warn",
      detail: `not tried: ${(error as Error).message}`,
      hint: "sh cluster/run.sh bootstrap all fetches the images",
    };
  }
  const cold = await compile(env, { on: device, of: dry });
  using again = await Device.open();
  const warm = await compile(env, { on: again, of: dry });
  const count = dry.pipelines.uses.length;
  const facts = { count, coldMs: cold.ms, warmMs: warm.ms };
  const { refused } = cold;
  if (refused !== undefined) {
    return {
      name: NAME,
      status: "error",
      detail: `${refused.kernel} does not compile: ${refused.message}`,
      hint: "update the driver, and report its version with this line",
      facts,
    };
  }
  return {
    name: NAME,
    status: "ok",
    detail: `${count} kernels compile in ${cold.ms} ms, again in ${warm.ms} ms`,
    facts,
  };
}

/** The driver's own word about the first kernel that it refuses. */
async function compile(
  env: Env,
  { on, of }: { on: Device; of: Device },
): Promise<
  { ms: number; refused?: { kernel: string; message: string } }
> {
  const start = env.clock.now();
  for (const use of of.pipelines.uses) {
    on.gpu.pushErrorScope("validation");
    on.pipelines.get(use);
    const error = await on.gpu.popErrorScope();
    if (error === null) continue;
    const message = error.message.trim().split("\n")[0] ?? "";
    return { ms: 0, refused: { kernel: use.kernel.name, message } };
  }
  return { ms: Math.round(env.clock.now() - start) };
}
