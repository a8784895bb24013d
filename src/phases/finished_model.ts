import { ConfigError, SignetError } from "../env/mod.ts";
import type { Vit } from "../model/mod.ts";
import { loadCheckpoint } from "../run/mod.ts";
import { type Context, createModel } from "./context.ts";
import type { PhaseName } from "./engine.ts";
import { fromTensorMap } from "./stored_values.ts";
import { sectionOf } from "./teachers.ts";

/** The result of a finished phase, or first weights where it is made up. */
export async function finishedModel(
  context: Context,
  phase: PhaseName,
  config: Vit["config"],
): Promise<Vit> {
  const { env, runFolder, device } = context;
  const { precision } = context.config;
  if (device.dry || context.madeUp) {
    return createModel(device, config, 0, precision);
  }
  const checkpoint = await loadCheckpoint(env.disk, runFolder, {
    phase,
    best: true,
  });
  if (checkpoint === undefined) {
    throw new SignetError(
      `Cannot start from phase ${phase}: ${runFolder} has no checkpoint of it`,
      { hint: `run with phases.${sectionOf(phase)}.enabled=true` },
    );
  }
  const model = createModel(device, config, 0, precision);
  const values = fromTensorMap(checkpoint.parts.model);
  for (
    const { name, shape } of model.parameters.segments.flatMap((s) =>
      s.parameters
    )
  ) {
    const found = values.get(name);
    if (found === undefined || String(found.shape) !== String(shape)) {
      throw new ConfigError(
        `Cannot use checkpoint ${checkpoint.name}: ${name} is ${
          found ? `[${found.shape}]` : "missing"
        }, the configuration says [${shape}]`,
        { hint: "resume with the configuration stored in the run folder" },
      );
    }
  }
  model.parameters.writeAll(values);
  return model;
}
