import { realEnv } from "../../src/env/mod.ts";
import {
  readSafetensorsFile,
  type TensorMap,
  toFloat32,
} from "../../src/run/mod.ts";

/** The model, the optimizer and the batch that everybody computes with. */
export interface Problem {
  readonly model: {
    image: number;
    patch: number;
    dim: number;
    depth: number;
    heads: number;
    classes: number;
    epsilon: number;
  };
  readonly batch: number;
  readonly optimizer: {
    learningRate: number;
    beta1: number;
    beta2: number;
    epsilon: number;
    weightDecay: number;
  };
  /** Parameters that decay. */
  readonly decays: readonly string[];
}

/** Named values of a problem file. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Reads `PATH.json` and `PATH.safetensors`. */
export async function readProblem(path: string): Promise<{
  problem: Problem;
  /** By timm name. */
  weights: Map<string, Values>;
  /** Rows of patches by image, columns by channel, y, x; `[batch, patches, 3 * patch * patch]`. */
  patches: Values;
  /** One-hot, `[batch, classes]`. */
  labels: Values;
}> {
  const problem = JSON.parse(
    await realEnv.disk.readText(`${path}.json`),
  ) as Problem;
  const { tensors } = await readSafetensorsFile(
    realEnv.disk,
    `${path}.safetensors`,
  );
  const values = valuesOf(tensors);
  const patches = values.get("input.patches")!;
  const labels = values.get("input.labels")!;
  for (const name of ["input.patches", "input.labels"]) values.delete(name);
  return { problem, weights: values, patches, labels };
}

function valuesOf(tensors: TensorMap): Map<string, Values> {
  const values = new Map<string, Values>();
  for (const [name, tensor] of tensors) {
    values.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  }
  return values;
}
