import { deepStrictEqual } from "node:assert";
import {
  defineKernel,
  Device,
  matrixLayout,
  Program,
  view,
} from "../../src/gpu/mod.ts";
import { linearForward } from "../../src/ops/mod.ts";
import { linearReference } from "../../src/reference/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const CLOSE = { atol: 1e-5, rtol: 1e-5 };
const SIZES = { rows: 20, inner: 64, outer: 64 };

Deno.test("Program copies a tensor to its texture again when it was written", async () => {
  using device = await Device.open({ form: "register" });
  const weight = gaussian(64 * 64, { seed: 1, scale: 0.2 });
  const [first, second, third] = [2, 3, 4].map((seed) =>
    gaussian(20 * 64, { seed })
  ) as [Float32Array, Float32Array, Float32Array];
  const w = device.tensor([64, 64], weight);
  const x = device.tensor([20, 64], first);
  const other = device.tensor([20, 64], second);
  const results = Array.from({ length: 5 }, () => device.tensor([20, 64]));
  using program = new Program(device);
  const multiply = (i: number) =>
    linearForward(program, { input: x, weight: w, output: results[i]! });
  multiply(0);
  multiply(1);
  program.copy(other, x);
  multiply(2);
  // A kernel writes it.
  linearForward(program, { input: other, weight: w, output: x });
  multiply(3);
  program.cut();
  multiply(4);
  program.submit(0);
  // The host writes it between two pieces.
  device.write(x, third);
  program.submit(1);

  const times = (input: ArrayLike<number>) =>
    linearReference(Float32Array.from(input), weight, undefined, SIZES);
  const expected = [
    times(first),
    times(first),
    times(second),
    times(times(second)),
    times(third),
  ];
  for (const [i, result] of results.entries()) {
    assertClose(await device.read(result), expected[i]!, CLOSE, `product ${i}`);
  }
});

Deno.test("Program copies a view again when the tensor around it was written", async () => {
  using device = await Device.open({ form: "register" });
  const weight = gaussian(64 * 64, { seed: 1, scale: 0.2 });
  const values = gaussian(20 * 64, { seed: 2 });
  const w = device.tensor([64, 64], weight);
  const whole = device.tensor([40, 64]);
  const part = view(whole, [20, 64], 20 * 64);
  const before = device.tensor([20, 64]);
  const after = device.tensor([20, 64]);
  const source = device.tensor(
    [40, 64],
    Float32Array.from([...values, ...values]),
  );
  device.run((program) => {
    linearForward(program, { input: part, weight: w, output: before });
    program.copy(source, whole);
    linearForward(program, { input: part, weight: w, output: after });
  });
  const expected = linearReference(values, weight, undefined, SIZES);
  assertClose(await device.read(before), expected.map(() => 0), CLOSE);
  assertClose(await device.read(after), expected, CLOSE);
});

Deno.test("Program copies a matrix again when rows of another length fill as many texels", async () => {
  using device = await Device.open({ form: "register" });
  const rows = 2 * device.limits.maxTextureDimension2D;
  const narrow = device.tensor(
    [rows, 3],
    Float32Array.from({ length: 3 * rows }, (_, i) => i % 7),
  );
  const outputs = [device.tensor([rows, 1]), device.tensor([rows / 2, 1])];
  device.run((program) =>
    [narrow, view(narrow, [rows / 2, 6])].forEach((input, i) => {
      const inner = input.shape[1]!;
      const ones = new Float32Array(inner).fill(1);
      const weight = device.tensor([1, inner], ones);
      linearForward(program, { input, weight, output: outputs[i]! });
    })
  );
  const [ofThree, ofSix] = await Promise.all(
    outputs.map((output) => device.read(output)),
  );
  deepStrictEqual(
    ofSix,
    ofSix!.map((_, i) => ofThree![2 * i]! + ofThree![2 * i + 1]!),
  );
});

Deno.test("Program.dispatch() keeps a tensor's texture when a matrix beside it is laid out", async () => {
  using device = await Device.open({ form: "register" });
  const kernel = defineKernel(
    "first_of_both",
    `@group(0) @binding(0) var plain: texture_storage_2d<rgba32float, read>;
    @group(0) @binding(1) var rows: texture_storage_2d<rgba32float, read>;
    @group(0) @binding(2) var<storage, read_write> output: array<f32>;

    @compute @workgroup_size(1)
    fn main() {
      output[0] = textureLoad(plain, vec2u()).x;
      output[1] = textureLoad(rows, vec2u(0, 1)).x;
    }`,
  );
  const plain = device.tensor([8], new Float32Array(8).fill(7));
  const rows = device.tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  const output = device.tensor([2]);
  const limit = device.limits.maxTextureDimension2D;
  device.run((program) =>
    program.dispatch(kernel, {
      textures: [
        plain,
        { tensor: rows, layout: matrixLayout([2, 3], "f32", limit) },
      ],
      buffers: [output],
      workgroups: 1,
    })
  );
  deepStrictEqual([...await device.read(output)], [7, 4]);
});

Deno.test("matrixLayout() puts rows side by side where a copy or the height needs it", () => {
  const of = (
    rows: number,
    cols: number,
    type: "f32" | "f16",
    limit: number,
  ) => {
    const { quads, shift, padded, width, height } = matrixLayout(
      [rows, cols],
      type,
      limit,
    );
    return { quads, shift, padded, width, height };
  };
  deepStrictEqual(of(65, 192, "f32", 8192), {
    quads: 48,
    shift: 0,
    padded: false,
    width: 48,
    height: 66,
  });
  // 384 bytes a row: two make a multiple of 256.
  deepStrictEqual(of(65, 192, "f16", 8192), {
    quads: 48,
    shift: 1,
    padded: false,
    width: 96,
    height: 33,
  });
  deepStrictEqual(of(20_000, 64, "f32", 8192), {
    quads: 16,
    shift: 2,
    padded: false,
    width: 64,
    height: 5000,
  });
  deepStrictEqual(of(5, 33, "f32", 8192), {
    quads: 9,
    shift: 0,
    padded: true,
    width: 9,
    height: 6,
  });
});
