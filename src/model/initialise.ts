import { philox } from "../random.ts";
import type { NamedValues } from "./parameter_set.ts";
import type { Segment } from "./segments.ts";

/** Philox purpose of initial parameters: apart from every other random choice. */
const PURPOSE = 0x1217;

/**
 * Initial values of a ViT as in the original JAX code: Xavier for linear
 * layers, LeCun for the patch embedding, 0.02 for tokens, 0 for biases and the
 * last layers of heads, 1 for LayerNorm gains; the hidden layers of heads as He
 * et al. for ReLU. Normal, cut at two deviations. Positions are as large as half
 * of what the patch embedding gives, not 0.02: blocks tell places apart at once
 * instead of after a hundred steps.
 */
export function initialValues(
  segments: readonly Segment[],
  seed: number,
): NamedValues {
  const values: NamedValues = new Map();
  const names = new Set(
    segments.flatMap(({ parameters }) => parameters.map(({ name }) => name)),
  );
  let index = 0;
  for (const { parameters } of segments) {
    for (const { name, shape, length } of parameters) {
      const data = new Float32Array(length);
      const next = name.replace(/\d+(?=\.weight$)/, (n) => `${Number(n) + 1}`);
      const isLast = next === name || !names.has(next);
      const deviation = deviationOf(name, shape, isLast);
      if (deviation > 0) fillNormal(data, deviation, seed, index);
      else if (/norm\d?\.weight$/.test(name)) data.fill(1);
      values.set(name, { shape, data });
      index++;
    }
  }
  return values;
}

/** Standard deviation of a parameter's initial values; 0 for constants. */
function deviationOf(
  name: string,
  shape: readonly number[],
  isLast: boolean,
): number {
  if (name.endsWith("token")) return 0.02;
  if (name.endsWith("pos_embed")) return 0.5;
  const [outputs = 1, ...inputs] = shape;
  const fanIn = inputs.reduce((product, size) => product * size, 1);
  if (shape.length < 2) return 0;
  if (name.startsWith("head")) return isLast ? 0 : Math.sqrt(2 / fanIn);
  if (name.startsWith("patch_embed")) return Math.sqrt(1 / fanIn);
  return Math.sqrt(2 / (fanIn + outputs));
}

function fillNormal(
  data: Float32Array,
  deviation: number,
  seed: number,
  stream: number,
): void {
  // Four words a call give two pairs for Box and Muller's transform.
  let filled = 0;
  for (let block = 0; filled < data.length; block++) {
    const words = philox([seed >>> 0, PURPOSE], [block, stream, 0, 0]);
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[pair]! + 0.5) / 2 ** 32));
      const angle = 2 * Math.PI * (words[pair + 1]! + 0.5) / 2 ** 32;
      for (const x of [radius * Math.cos(angle), radius * Math.sin(angle)]) {
        if (Math.abs(x) <= 2 && filled < data.length) {
          data[filled++] = x * deviation;
        }
      }
    }
  }
}
