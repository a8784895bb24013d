import { type Device, Program, type Tensor } from "../gpu/mod.ts";
import { headsForward, type Vit, vitForward } from "../model/mod.ts";
import { crossEntropy, reduceSum, softmaxForward } from "../ops/mod.ts";
import { ThresholdRule } from "../phases/rules/mod.ts";
import { PatchInput } from "../training/mod.ts";
import type { Fixture } from "./fixture.ts";
import { type Objective, stepOf } from "./model_objective.ts";
import type { ModelConfig } from "./schema.ts";

/** Images of the files are normalised already. */
export const AS_IS = {
  kind: "constant",
  mean: [0, 0, 0],
  deviation: [1, 1, 1],
} as const;

/** FixMatch's loss, and its first half: pseudo-labels of the weak view. */
export interface FixMatch extends Objective {
  /** Labels the weak view of a step with the parameters of now. */
  label(step: number): Promise<void>;
  [Symbol.dispose](): void;
}

/**
 * `CE + lambda sum_i m_i CE(strong_i, label_i) / Bu`: one batch of the labelled
 * images, then the strong views, each loss weighing the other's rows 0.
 */
export function fixMatch(
  device: Device,
  fixture: Fixture,
  config: Extract<ModelConfig, { loss: "fixmatch" }>,
  model: Vit,
): FixMatch {
  const { batch, batch_u: unlabelled, classes, smooth } = config;
  const rows = batch + unlabelled;
  const labels = device.tensor([rows], undefined, "u32");
  const labelledWeights = device.tensor(
    [rows],
    new Float32Array(rows).fill(1, 0, batch),
  );
  const masks = device.tensor([rows]);
  const weak = device.tensor([unlabelled, 3, config.image, config.image]);
  const probabilities = device.tensor([unlabelled, classes]);
  const input = new PatchInput(device, AS_IS);
  const program = new Program(device);
  const activations = vitForward(program, model, {
    patches: input.record(program, weak, model.config),
    batch: unlabelled,
    keep: false,
  });
  const heads = headsForward(program, model, activations, "class");
  softmaxForward(program, { input: heads.logits, output: probabilities });
  const rule = new ThresholdRule({ classes, threshold: config.threshold });
  const parts = [
    { name: "ce", weight: 1 },
    { name: "unsup", weight: config.lambda_u },
  ];

  return {
    parts,
    record(program, heads, values) {
      const dLogits = program.scratch([rows, classes]);
      const losses = program.scratch([rows]);
      const term = (slot: number, rowWeights: Tensor, images: number) => {
        crossEntropy(program, {
          logits: heads.logits,
          labels,
          rowWeights,
          smoothing: slot === 0 ? smooth : 0,
          scale: parts[slot]!.weight / images,
          loss: losses,
          dLogits,
          accumulate: slot > 0,
        });
        reduceSum(program, {
          input: losses,
          output: values,
          slot,
          scale: 1 / images,
        });
      };
      term(0, labelledWeights, batch);
      term(1, masks, unlabelled);
      return { dLogits };
    },
    write(step) {
      const { data } = stepOf(fixture, "in.label", step);
      device.write(labels, Uint32Array.from(data));
    },
    async label(step) {
      device.write(weak, stepOf(fixture, "in.weak", step).data);
      program.submit();
      const found = await device.read(probabilities);
      const { labels: chosen, weights } = rule.apply({
        indices: [],
        weak: found,
      });
      device.write(labels, Uint32Array.from(chosen), batch);
      device.write(masks, weights, batch);
      if (step > 0) return;
      fixture.compare("out", "out.weak_probs", found);
      fixture.compare("exact", "out.weak_label", chosen);
      fixture.compare("exact", "out.mask", weights);
    },
    [Symbol.dispose]() {
      program[Symbol.dispose]();
      input[Symbol.dispose]();
    },
  };
}
