import { Program } from "../gpu/mod.ts";
import {
  fitWeights,
  headsForward,
  initialValues,
  type NamedValues,
  ParameterSet,
  toHuggingFaceNames,
  type Vit,
  vitForward,
  vitSegments,
} from "../model/mod.ts";
import { PatchInput } from "../training/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";
import { vitConfigOf } from "./model_config.ts";
import { AS_IS } from "./model_fixmatch.ts";
import { stepOf } from "./model_objective.ts";
import { modelConfig, readJson } from "./schema.ts";

/**
 * A file of Hugging Face names: every tensor equals the renamed parameter of the
 * file without `.hf`, and a model loaded from it gives that file's logits.
 */
export async function huggingFaceCase(
  fixture: Fixture,
  context: GoldenContext,
): Promise<void> {
  const name = fixture.name.replace(/\.hf\.safetensors$/, "");
  const original = await context.sibling(name);
  if (original === undefined) {
    return fixture.fail("exact", `${name}.safetensors is not in the folder`);
  }
  const size = vitConfigOf(readJson(fixture, "config", modelConfig));
  const segments = vitSegments(size);
  const timm: NamedValues = new Map();
  for (const { parameters } of segments) {
    for (const { name, shape } of parameters) {
      timm.set(name, { shape, data: original.expected(`param.${name}`) });
    }
  }
  for (const [name, { shape, data }] of toHuggingFaceNames(timm)) {
    if (!fixture.has(name)) {
      fixture.fail("exact", `${name} is not in the file`);
      continue;
    }
    fixture.compare("exact", name, data);
    const stored = fixture.stored(name).shape;
    if (`${stored}` !== `${shape}`) {
      fixture.fail(
        "exact",
        `${name} is [${stored}] in the file, [${shape}] here`,
      );
    }
  }
  const logits = await loadedLogits(fixture, original, context);
  for (const [name, values] of logits) {
    fixture.compareWith(
      "out",
      `out.${name}`,
      values,
      original.expected(`out.${name}`),
    );
  }
}

/** Logits of the first labelled batch by a model loaded from the file. */
async function loadedLogits(
  fixture: Fixture,
  original: Fixture,
  { device }: GoldenContext,
): Promise<Map<string, Float32Array>> {
  const config = vitConfigOf(readJson(fixture, "config", modelConfig));
  const segments = vitSegments(config);
  const file: NamedValues = new Map(
    fixture.names.map((name) => [name, fixture.input(name)]),
  );
  const { values, report } = fitWeights(file, {
    config,
    segments,
    initial: initialValues(segments, 0),
  });
  for (const { name, action } of report) {
    if (action !== "loaded") fixture.fail("exact", `${name} was ${action}`);
  }
  using parameters = new ParameterSet(device, segments);
  parameters.writeAll(values);
  const model: Vit = { config, parameters };
  const { shape, data } = stepOf(original, "in.image", 0);
  const batch = shape[0] ?? 0;
  using program = new Program(device);
  using input = new PatchInput(device, AS_IS);
  const activations = vitForward(program, model, {
    patches: input.record(program, device.tensor(shape, data), config),
    batch,
    keep: false,
  });
  const heads = headsForward(program, model, activations, "class");
  program.submit();
  const logits = new Map([["logits", await device.read(heads.logits)]]);
  if (heads.distillation) {
    logits.set("logits_dist", await device.read(heads.distillation.logits));
  }
  return logits;
}
