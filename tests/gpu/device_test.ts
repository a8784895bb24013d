import { deepStrictEqual, ok, rejects, throws } from "node:assert";
import {
  defineKernel,
  Device,
  Program,
  readEach,
  view,
} from "../../src/gpu/mod.ts";
import { geluForward, softmaxForward } from "../../src/ops/mod.ts";

Deno.test("Device says what is wrong with how a tensor is used", async (t) => {
  using device = await Device.open();
  const reals = device.tensor([2, 3]);
  const integers = device.tensor([2, 3], Uint32Array.of(1, 2, 3, 4, 5, 6));

  await t.step("sizes that are no sizes", () => {
    for (const size of [-1, 1.5, NaN]) {
      throws(
        () => device.tensor([size, 3]),
        new RegExp(`Cannot make a tensor \\[${size},3\\]: sizes are whole`),
      );
    }
    deepStrictEqual(device.tensor([0, 3]).length, 0);
  });

  await t.step("reals for integers, and integers for reals", async () => {
    throws(
      () => device.write(reals, Uint32Array.of(1)),
      /Cannot write a Uint32Array to a tensor \[2,3\] of type f32/,
    );
    throws(
      () => device.write(integers, Float32Array.of(1)),
      /Cannot write a Float32Array to a tensor \[2,3\] of type u32/,
    );
    await rejects(device.read(integers), /\[2,3\] of integers as reals/);
    await rejects(device.readU32(reals), /\[2,3\] of reals as integers/);
    throws(
      () =>
        device.run((program) =>
          softmaxForward(program, { input: integers, output: reals })
        ),
      /softmaxForward: types do not fit: input u32, output f32/,
    );
  });

  await t.step("half a pair of f16 among others", async () => {
    const halves = device.tensor([5], Float32Array.of(1, 2, 3, 4, 5), "f16");
    device.write(halves, Float32Array.of(6), 4);
    device.write(halves, Float32Array.of(7, 8), 2);
    for (
      const [values, start] of [[[9], 0], [[9], 1], [[9, 9, 9], 0]] as const
    ) {
      throws(
        () => device.write(halves, Float32Array.from(values), start),
        new RegExp(
          `Cannot write ${values.length} values at ${start} of a tensor \\[5\\] of type f16: they go in pairs`,
        ),
      );
    }
    deepStrictEqual([...await device.read(halves)], [1, 2, 7, 8, 6]);
  });

  await t.step("a buffer that is read and written", () => {
    const both = device.tensor([128]);
    for (const output of [both, view(both, [64], 64)]) {
      throws(
        () =>
          device.run((program) =>
            geluForward(program, {
              input: view(both, output.shape),
              output,
            })
          ),
        /Cannot record gelu: it would read and write the buffer of the tensor/,
      );
    }
  });

  await t.step("a copy that does not fit", () => {
    throws(
      () =>
        device.run((program) => program.copy(device.tensor([4]), reals, 12)),
      /Cannot copy a tensor \[4\] of 16 bytes to byte 12 of 24/,
    );
  });
});

Deno.test("readEach() yields all tensors in order when they are more than is staged at a time", async () => {
  using device = await Device.open();
  const sizes = [1, 5, 17 << 20, 3, 0, 2];
  const tensors = sizes.map((size, i) =>
    device.tensor([size], new Float32Array(size).fill(i + 1))
  );
  const found: number[][] = [];
  for await (const values of readEach(device, tensors)) {
    found.push([values.length, values.at(0) ?? 0, values.at(-1) ?? 0]);
  }
  deepStrictEqual(
    found,
    sizes.map((size, i) => [size, ...Array(2).fill(size > 0 ? i + 1 : 0)]),
  );
  const bytes = (4 * sizes.reduce((a, b) => a + b)) + 5 * 16;
  ok(device.memory.bytes < bytes, "what is staged is given back");
});

Deno.test("Device names the tensor whose buffer was destroyed", async () => {
  using device = await Device.open();
  const input = device.tensor([2, 3]);
  const output = device.tensor([2, 3]);
  using program = new Program(device);
  softmaxForward(program, { input, output });
  input.buffer.destroy();
  program.submit();
  await rejects(
    device.read(output),
    /'tensor \[2,3\]' label has been destroyed/,
  );
});

Deno.test("Device says where a kernel cannot be compiled", async () => {
  using device = await Device.open();
  const output = device.tensor([4]);
  const kernel = defineKernel("broken", "fn main( {");
  device.run((program) =>
    program.dispatch(kernel, { buffers: [output], workgroups: 1 })
  );
  await rejects(device.read(output), /Shader 'broken' parsing error/);
});

Deno.test("Device that is closed says so", async () => {
  const device = await Device.open();
  const tensor = device.tensor([4]);
  device[Symbol.dispose]();
  await rejects(device.read(tensor), /: the device is closed$/);
  throws(() => device.run(() => {}), /: the device is closed$/);
});
