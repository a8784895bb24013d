import { ConfigError } from "../env/mod.ts";
import {
  fitWeights,
  initialValues,
  type Segment,
  type Vit,
  vitSegments,
} from "../model/mod.ts";
import { type Context, createModel } from "./context.ts";
import { readWeights } from "./read_weights.ts";

/** Random first weights, or those of a timm or Hugging Face file. */
export async function firstWeights(
  context: Context,
  options: {
    role: string;
    size: Vit["config"];
    weights: string | undefined;
    seed: number;
    /** The file must hold every parameter. */
    complete?: boolean;
    /** Segments beside the model's own, which no file has. */
    extra?: readonly Segment[];
  },
): Promise<Vit> {
  const { role, size, weights, seed } = options;
  const model = createModel(
    context.device,
    size,
    seed,
    context.config.precision,
    options.extra,
  );
  if (weights === undefined || context.device.dry) return model;
  const { env, log, communicator, runFolder } = context;
  const file = await readWeights(env.disk, role, weights);
  const segments = vitSegments(size);
  const { values, report } = fitWeights(file, {
    config: size,
    segments,
    initial: initialValues(segments, seed),
  });
  const missing = report.filter(({ action }) => action === "initialised");
  if (options.complete && missing.length > 0) {
    throw new ConfigError(
      `Cannot use ${role}.weights ${weights}: it has no ${
        missing.map(({ name }) => name).join(", ")
      } for ${size.classes} classes`,
      { hint: "give a model that was trained on these classes" },
    );
  }
  model.parameters.writeAll(values);
  const left = new Set(
    report.filter(({ action }) => action === "ignored")
      .flatMap(({ name }) => /^blocks\.\d+/.exec(name) ?? []),
  );
  if (left.size > 0) {
    const all = size.depth + left.size;
    log(
      "warn",
      `${role}.depth=${size.depth} leaves out the last of ${all} blocks of ${weights}`,
    );
  }
  const counts: Record<string, number> = {};
  for (const { action } of report) counts[action] = (counts[action] ?? 0) + 1;
  log("info", `weights of the ${role} from ${weights}`, counts);
  if (communicator.rank === 0) {
    await env.disk.write(
      `${runFolder}/weights_${role}.csv`,
      ["name,action,detail"].concat(
        report.map(({ name, action, detail }) =>
          `${name},${action},"${detail ?? ""}"`
        ),
      ).join("\n") + "\n",
    );
  }
  return model;
}
