import type { Program, Tensor } from "../gpu/mod.ts";
import {
  dropout,
  linearForward,
  linearInputGradient,
  linearWeightGradient,
  reluBackward,
  reluForward,
} from "../ops/mod.ts";
import type { Regularisation } from "./branch.ts";
import type { NamedTensors } from "./parameter_set.ts";
import type { Vit } from "./vit.ts";
import { headLayerNames, type HeadName } from "./vit_config.ts";

/** Masks of heads lie above those of blocks, which take four for each of 128. */
const FIRST_SALT = 1024;
const SALTS: Readonly<Record<HeadName, number>> = {
  head: FIRST_SALT,
  head_dist: FIRST_SALT + 16,
};

/**
 * A head's forward pass: one linear layer, or an MLP with ReLU and dropout
 * behind each hidden layer.
 */
export interface HeadPass {
  readonly name: HeadName;
  /** Input of each layer, `[batch, width]`; the first is the feature. */
  readonly inputs: readonly Tensor[];
  /** Output of each hidden layer's ReLU, before dropout. */
  readonly hidden: readonly Tensor[];
  /** `[batch, classes]` */
  readonly logits: Tensor;
  readonly regularisation: Regularisation | undefined;
}

/** Records a head on its feature, `[batch, dim]`. */
export function headForward(
  program: Program,
  { config, parameters }: Vit,
  { name, feature, regularisation }: {
    name: HeadName;
    feature: Tensor;
    regularisation: Regularisation | undefined;
  },
): HeadPass {
  const batch = feature.shape[0]!;
  const inputs: Tensor[] = [];
  const hidden: Tensor[] = [];
  let x = feature;
  let logits = feature;
  const widths = [...config.hidden ?? [], config.classes];
  headLayerNames(config, name).forEach((layer, i) => {
    inputs.push(x);
    const output = program.scratch([batch, widths[i]!]);
    linearForward(program, {
      input: x,
      weight: parameters.get(`${layer}.weight`),
      bias: parameters.get(`${layer}.bias`),
      output,
    });
    if (i === widths.length - 1) {
      logits = output;
      return;
    }
    const active = program.scratch(output.shape);
    reluForward(program, { input: output, output: active });
    program.release(output);
    hidden.push(active);
    x = active;
    const masks = masksOf(regularisation, name, i);
    if (masks === undefined) return;
    x = program.scratch(active.shape);
    dropout(program, { input: active, output: x, ...masks });
  });
  return { name, inputs, hidden, logits, regularisation };
}

/**
 * Records the gradients of a head's layers.
 *
 * @param options.dFeature Where the gradient of the feature goes, if it is
 * wanted, and what is added to it.
 */
export function headBackward(
  program: Program,
  { config, parameters }: Vit,
  options: {
    pass: HeadPass;
    dLogits: Tensor;
    gradients: NamedTensors;
    dFeature?: { output: Tensor; residual?: Tensor | undefined };
  },
): void {
  const { pass, gradients, dFeature } = options;
  const layers = headLayerNames(config, pass.name);
  let dOutput = options.dLogits;
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i]!;
    const input = pass.inputs[i]!;
    linearWeightGradient(program, {
      input,
      dOutput,
      dWeight: gradients.get(`${layer}.weight`),
      dBias: gradients.get(`${layer}.bias`),
    });
    if (i === 0 && dFeature === undefined) return;
    const dInput = i === 0 ? dFeature!.output : program.scratch(input.shape);
    linearInputGradient(program, {
      dOutput,
      weight: parameters.get(`${layer}.weight`),
      dInput,
      ...(i === 0 && dFeature?.residual ? { residual: dFeature.residual } : {}),
    });
    if (i === 0) return;
    dOutput = hiddenBackward(program, pass, i - 1, dInput);
  }
}

/** Gradient for a hidden layer's linear output; `dHidden` is released. */
function hiddenBackward(
  program: Program,
  { name, hidden, regularisation }: HeadPass,
  layer: number,
  dHidden: Tensor,
): Tensor {
  const masks = masksOf(regularisation, name, layer);
  let dOutput = dHidden;
  if (masks !== undefined) {
    dOutput = program.scratch(dHidden.shape);
    dropout(program, { input: dHidden, output: dOutput, ...masks });
    program.release(dHidden);
  }
  const dInput = program.scratch(dHidden.shape);
  reluBackward(program, { output: hidden[layer]!, dOutput, dInput });
  program.release(dOutput);
  return dInput;
}

function masksOf(
  regularisation: Regularisation | undefined,
  name: HeadName,
  layer: number,
) {
  if (regularisation === undefined || regularisation.headDropout === 0) {
    return undefined;
  }
  const { headDropout: rate, step, positions } = regularisation;
  return { rate, step, positions, rowsPerImage: 1, salt: SALTS[name] + layer };
}
