import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import { probeForm } from "../../src/ops/mod.ts";

/** The form of kernels that is asked for, or the one that the adapter runs faster. */
export async function formOf(text: string | undefined): Promise<KernelForm> {
  if (text === undefined) {
    return await probeForm((form) => Device.open({ form }), realEnv.clock);
  }
  if (text === "register" || text === "tiled") return text;
  throw new ConfigError(`Cannot use --form ${text}: there is no such form`, {
    hint: "forms: register tiled",
  });
}
