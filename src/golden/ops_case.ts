import { resizePositions } from "../model/mod.ts";
import {
  attentionBackward,
  attentionForward,
  geluBackward,
  geluForward,
  layerNormBackward,
  layerNormForward,
  linearForward,
  linearInputGradient,
  linearWeightGradient,
  softmaxBackward,
  softmaxForward,
} from "../ops/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";
import { patchOp } from "./patch_op.ts";

/** Epsilon of the LayerNorm that made the file. */
const EPSILON = 1e-6;

type Op = (
  fixture: Fixture,
  context: GoldenContext,
  name: string,
) => Promise<void> | void;

/** Every op of the file, forward and backward. */
export async function opsCase(
  fixture: Fixture,
  context: GoldenContext,
): Promise<void> {
  for (const [, name] of fixture.matching(/^(.+)\.out$/)) {
    const kind = name!.split(".")[0]!;
    const op = Object.hasOwn(OPS, kind) ? OPS[kind] : undefined;
    await op?.(fixture, context, name!);
  }
}

const OPS: Readonly<Record<string, Op>> = {
  linear,
  gelu,
  layernorm: layerNorm,
  layernorm_offset: layerNorm,
  softmax,
  attention,
  patch: patchOp,
  resize_pos: resizePos,
};

async function linear(
  fixture: Fixture,
  { device }: GoldenContext,
  name: string,
): Promise<void> {
  const tensor = (key: string) => {
    const { shape, data } = fixture.input(`${name}.${key}`);
    return device.tensor(shape, data);
  };
  const input = tensor("in.input");
  const weight = tensor("in.weight");
  const bias = tensor("in.bias");
  const dOutput = tensor("dout");
  const output = device.tensor(dOutput.shape);
  const dInput = device.tensor(input.shape);
  const dWeight = device.tensor(weight.shape);
  const dBias = device.tensor(bias.shape);
  device.run((program) => {
    linearForward(program, { input, weight, bias, output });
    linearInputGradient(program, { dOutput, weight, dInput });
    linearWeightGradient(program, { input, dOutput, dWeight, dBias });
  });
  fixture.compare("out", `${name}.out`, await device.read(output));
  fixture.compare("grad", `${name}.grad.input`, await device.read(dInput));
  fixture.compare("grad", `${name}.grad.weight`, await device.read(dWeight));
  fixture.compare("grad", `${name}.grad.bias`, await device.read(dBias));
}

async function gelu(
  fixture: Fixture,
  { device }: GoldenContext,
  name: string,
): Promise<void> {
  const { shape, data } = fixture.input(`${name}.in.input`);
  const input = device.tensor(shape, data);
  const dOutput = device.tensor(shape, fixture.input(`${name}.dout`).data);
  const output = device.tensor(shape);
  const dInput = device.tensor(shape);
  device.run((program) => {
    geluForward(program, { input, output });
    geluBackward(program, { input, dOutput, dInput });
  });
  fixture.compare("out", `${name}.out`, await device.read(output));
  fixture.compare("grad", `${name}.grad.input`, await device.read(dInput));
}

async function softmax(
  fixture: Fixture,
  { device }: GoldenContext,
  name: string,
): Promise<void> {
  const { shape, data } = fixture.input(`${name}.in.input`);
  const dOutput = device.tensor(shape, fixture.input(`${name}.dout`).data);
  const output = device.tensor(shape);
  const dInput = device.tensor(shape);
  device.run((program) => {
    softmaxForward(program, { input: device.tensor(shape, data), output });
    softmaxBackward(program, { output, dOutput, dInput });
  });
  fixture.compare("out", `${name}.out`, await device.read(output));
  fixture.compare("grad", `${name}.grad.input`, await device.read(dInput));
}

async function layerNorm(
  fixture: Fixture,
  { device }: GoldenContext,
  name: string,
): Promise<void> {
  const tensor = (key: string) => {
    const { shape, data } = fixture.input(`${name}.${key}`);
    return device.tensor(shape, data);
  };
  const input = tensor("in.input");
  const gamma = tensor("in.weight");
  const beta = tensor("in.bias");
  const dOutput = tensor("dout");
  const [rows = 0, dim = 0] = input.shape;
  const output = device.tensor([rows, dim]);
  const dInput = device.tensor([rows, dim]);
  const dGamma = device.tensor([dim]);
  const dBeta = device.tensor([dim]);
  const mean = device.tensor([rows]);
  const rstd = device.tensor([rows]);
  device.run((program) => {
    layerNormForward(program, {
      input,
      gamma,
      beta,
      output,
      mean,
      rstd,
      epsilon: EPSILON,
    });
    layerNormBackward(program, {
      input,
      gamma,
      mean,
      rstd,
      dOutput,
      dInput,
      dGamma,
      dBeta,
    });
  });
  const offset = name.includes("offset");
  const out = offset ? "offset" : "out";
  const grad = offset ? "offset" : "grad";
  fixture.compare(out, `${name}.out`, await device.read(output));
  fixture.compare(grad, `${name}.grad.input`, await device.read(dInput));
  fixture.compare(grad, `${name}.grad.weight`, await device.read(dGamma));
  fixture.compare(grad, `${name}.grad.bias`, await device.read(dBeta));
}

/** q, k, v `[batch, heads, tokens, head dim]`, joined for the kernel and taken apart again. */
async function attention(
  fixture: Fixture,
  { device }: GoldenContext,
  name: string,
): Promise<void> {
  const shape = fixture.stored(`${name}.in.q`).shape;
  const [batch = 0, heads = 0, tokens = 0, headDim = 0] = shape;
  const rows = batch * tokens;
  const dim = heads * headDim;
  /** Where element `at` of the file's layout is in row-major tokens of `width`. */
  const place = (at: number, width: number) => {
    const column = at % headDim;
    const token = Math.floor(at / headDim) % tokens;
    const head = Math.floor(at / headDim / tokens) % heads;
    const image = Math.floor(at / headDim / tokens / heads);
    return (image * tokens + token) * width + head * headDim + column;
  };
  const joined = new Float32Array(rows * 3 * dim);
  for (const [part, key] of ["q", "k", "v"].entries()) {
    const { data } = fixture.input(`${name}.in.${key}`);
    data.forEach((value, at) =>
      joined[place(at, 3 * dim) + part * dim] = value
    );
  }
  const dOut = new Float32Array(rows * dim);
  fixture.input(`${name}.dout`).data
    .forEach((value, at) => dOut[place(at, dim)] = value);
  const qkv = device.tensor([rows, 3 * dim], joined);
  const dOutput = device.tensor([rows, dim], dOut);
  const output = device.tensor([rows, dim]);
  const logSumExp = device.tensor([batch, heads, tokens]);
  const dQkv = device.tensor([rows, 3 * dim]);
  const common = { qkv, output, logSumExp, batch, tokens, heads };
  device.run((program) => {
    attentionForward(program, common);
    attentionBackward(program, { ...common, dOutput, dQkv });
  });
  const length = rows * dim;
  const out = await device.read(output);
  fixture.compare(
    "out",
    `${name}.out`,
    Array.from({ length }, (_, at) => out[place(at, dim)]!),
  );
  const gradient = await device.read(dQkv);
  for (const [part, key] of ["q", "k", "v"].entries()) {
    fixture.compare(
      "grad",
      `${name}.grad.${key}`,
      Array.from(
        { length },
        (_, at) => gradient[place(at, 3 * dim) + part * dim]!,
      ),
    );
  }
}

/** Name `resize_pos.<old>_<new>`; the rows before the grid are kept. */
function resizePos(
  fixture: Fixture,
  _context: GoldenContext,
  name: string,
): void {
  const grids = /\.(\d+)_(\d+)$/.exec(name);
  if (grids === null) return;
  const [oldGrid, newGrid] = [Number(grids[1]), Number(grids[2])];
  const { shape, data } = fixture.input(`${name}.in.pos`);
  const [, rows = 0, dim = 0] = shape;
  const options = { prefix: rows - oldGrid ** 2, oldGrid, newGrid };
  fixture.compare(
    "out",
    `${name}.out`,
    resizePositions(data, { ...options, dim }),
  );
  // Resizing is linear: its matrix is what it makes of the unit matrix, and the
  // gradient is the transposed matrix times the gradient of the output.
  const unit = new Float32Array(rows * rows);
  for (let i = 0; i < rows; i++) unit[i * rows + i] = 1;
  const matrix = resizePositions(unit, { ...options, dim: rows });
  const dOut = fixture.input(`${name}.dout`).data;
  const gradient = new Float64Array(rows * dim);
  for (let o = 0; o < matrix.length / rows; o++) {
    for (let i = 0; i < rows; i++) {
      const weight = matrix[o * rows + i]!;
      if (weight === 0) continue;
      for (let d = 0; d < dim; d++) {
        gradient[i * dim + d]! += weight * dOut[o * dim + d]!;
      }
    }
  }
  fixture.compare("grad", `${name}.grad.pos`, gradient);
}
