import { type Device, Program, type Tensor } from "../gpu/mod.ts";
import {
  headsBackward,
  headsForward,
  type NamedValues,
  ParameterSet,
  type Vit,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import { Optimizer, PatchInput, StepUniform } from "../training/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";
import type { GroupName } from "./groups.ts";
import {
  EMA_DECAY,
  optimizerOf,
  segmentsOf,
  vitConfigOf,
} from "./model_config.ts";
import { AS_IS, fixMatch } from "./model_fixmatch.ts";
import { type Objective, objectiveOf, stepOf } from "./model_objective.ts";
import { modelConfig, readJson } from "./schema.ts";

const KEY_BIAS_REASON =
  "the gradient of the key bias is 0 in theory; AdamW turns its rounding into steps of size lr";

/** Forward, losses, gradients, optimizer steps and moving average of a model. */
export async function modelCase(
  fixture: Fixture,
  { device }: GoldenContext,
): Promise<void> {
  const config = readJson(fixture, "config", modelConfig);
  const size = vitConfigOf(config);
  using parameters = new ParameterSet(device, segmentsOf(fixture, size));
  readParameters(fixture, parameters);
  using gradients = new ParameterSet(device, parameters.segments);
  const model: Vit = { config: size, parameters };
  using semi = config.loss === "fixmatch"
    ? fixMatch(device, fixture, config, model)
    : undefined;
  const objective: Objective = config.loss === "fixmatch"
    ? semi!
    : objectiveOf(device, fixture, config);
  const rows = config.batch + (config.loss === "fixmatch" ? config.batch_u : 0);
  using optimizer = new Optimizer(device, parameters, optimizerOf(config));
  const step = record(device, { model, gradients, optimizer, objective, rows });
  using _program = step.program;

  const steps = fixture.stored("in.image").shape[0] ?? 0;
  for (let i = 0; i < steps; i++) {
    await semi?.label(i);
    objective.write(i);
    const images = stepOf(fixture, "in.image", i);
    device.write(step.images, images.data);
    if (semi) {
      const strong = stepOf(fixture, "in.strong", i);
      device.write(step.images, strong.data, images.data.length);
    }
    step.uniform.write({
      seed: 0,
      stream: 0,
      step: i,
      learningRate: config.opt.lr,
      ...(config.opt.kind === "adamw"
        ? optimizer.corrections(i)
        : { correction1: 1, correction2: 1 }),
      emaDecay: EMA_DECAY,
    });
    step.program.submit();
    const values = await device.read(step.values);
    const total = objective.parts.reduce(
      (sum, { weight }, slot) => sum + weight * values[slot]!,
      0,
    );
    const [norm = 0] = await device.read(optimizer.norm);
    compareIfThere(fixture, "loss", `step.${i}.loss`, [total]);
    compareIfThere(fixture, "grad", `step.${i}.grad_norm`, [norm]);
    if (i > 0) continue;
    objective.parts.forEach(({ name }, slot) =>
      compareIfThere(fixture, "loss", `loss.${name}`, [values[slot]!])
    );
    compareIfThere(fixture, "loss", "loss.total", [total]);
    await compareOutputs(fixture, device, step.outputs, config.batch / rows);
    await compareAll(fixture, "grad", await gradients.read());
  }
  const adam = config.opt.kind === "adamw";
  await compareAll(fixture, "after", await parameters.read(), adam);
  await compareAll(fixture, "ema", await optimizer.average!.read(), adam);
}

function readParameters(fixture: Fixture, parameters: ParameterSet): void {
  for (const { parameters: specs } of parameters.segments) {
    for (const { name, shape } of specs) {
      const values = fixture.input(`param.${name}`);
      if (`${values.shape}` !== `${shape}`) {
        fixture.fail(
          "layout",
          `${name} is [${values.shape}] in the file, [${shape}] here`,
        );
      }
      parameters.write(name, values.data);
    }
  }
}

/** Records one whole step, keeping copies of what step 0 is compared by. */
function record(
  device: Device,
  args: {
    model: Vit;
    gradients: ParameterSet;
    optimizer: Optimizer;
    objective: Objective;
    rows: number;
  },
) {
  const { model, gradients, optimizer, objective, rows } = args;
  const { image } = model.config;
  const program = new Program(device);
  const uniform = new StepUniform(device);
  const images = device.tensor([rows, 3, image, image]);
  const values = device.tensor([4]);
  const outputs = new Map<string, Tensor>();
  const keep = (name: string, tensor: Tensor) => {
    const copy = device.tensor(tensor.shape);
    program.copy(tensor, copy);
    outputs.set(name, copy);
  };
  const input = new PatchInput(device, AS_IS);
  const activations = vitForward(program, model, {
    patches: input.record(program, images, model.config),
    batch: rows,
    keep: true,
    onTokens: keep,
  });
  keep("tokens", activations.tokens);
  const heads = headsForward(program, model, activations, "class");
  keep("feat", heads.feature);
  keep("logits", heads.logits);
  if (heads.distillation) keep("logits_dist", heads.distillation.logits);
  const losses = objective.record(program, heads, values);
  const dTokens = headsBackward(program, model, {
    heads,
    kind: "class",
    batch: rows,
    gradients,
    losses,
  });
  vitBackward(program, model, { activations, dTokens, gradients });
  optimizer.record(program, model.parameters, gradients, uniform.tensor);
  return { program, uniform, images, values, outputs };
}

/** @param labelled Share of the rows that are labelled; the others are strong views. */
async function compareOutputs(
  fixture: Fixture,
  device: Device,
  outputs: ReadonlyMap<string, Tensor>,
  labelled: number,
): Promise<void> {
  for (const [name, tensor] of outputs) {
    const all = await device.read(tensor);
    const end = Math.round(all.length * labelled);
    compareIfThere(fixture, "out", `out.${name}`, all.subarray(0, end));
    if (name !== "logits" || labelled === 1) continue;
    compareIfThere(fixture, "out", "out.logits_strong", all.subarray(end));
  }
}

/**
 * Compares a value per parameter. The key third of attention biases is judged
 * apart: its gradient absolutely, and what an adaptive optimizer makes of it
 * (`adaptive`) not at all.
 */
function compareAll(
  fixture: Fixture,
  group: "grad" | "after" | "ema",
  values: NamedValues,
  adaptive = false,
): void {
  for (const [name, { data }] of values) {
    const tensor = `${group}.${name}`;
    if (!fixture.has(tensor)) continue;
    if (!name.endsWith("attn.qkv.bias") || group !== "grad" && !adaptive) {
      fixture.compare(group, tensor, data);
      continue;
    }
    const third = data.length / 3;
    const isKey = (i: number) => i >= third && i < 2 * third;
    fixture.compare(group, tensor, data, (i) => !isKey(i));
    if (group === "grad") fixture.compare("key bias", tensor, data, isKey);
    else fixture.excuse(`${tensor} (key third)`, KEY_BIAS_REASON);
  }
}

function compareIfThere(
  fixture: Fixture,
  group: GroupName,
  name: string,
  values: ArrayLike<number>,
): void {
  if (fixture.has(name)) fixture.compare(group, name, values);
}
