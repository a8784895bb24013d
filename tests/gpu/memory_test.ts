import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import {
  Device,
  DeviceLimitError,
  OutOfMemoryError,
  Program,
} from "../../src/gpu/mod.ts";
import { linearForward, linearWeightGradient } from "../../src/ops/mod.ts";

/** Records the same program on any device and returns what it counts. */
function record(device: Device) {
  const weight = device.memory.as("parameters", () => device.tensor([40, 28]));
  const bias = device.tensor([40]);
  using program = new Program(device);
  const input = program.scratch([130, 28]);
  const output = program.scratch([130, 40]);
  linearForward(program, { input, weight, bias, output });
  linearWeightGradient(program, {
    input,
    dOutput: output,
    dWeight: program.scratch([40, 28]),
    dBias: program.scratch([40]),
  });
  const { bytes, peakBytes, atPeak } = device.memory;
  return { bytes, peakBytes, atPeak };
}

Deno.test("Device.memory counts the same on hardware and on a dry device", async () => {
  for (const form of ["register", "tiled"] as const) {
    using device = await Device.open({ form });
    using dry = device.rehearsal();
    deepStrictEqual(record(dry), record(device), form);
    ok(!device.dry && dry.dry);
  }
});

Deno.test("Device.memory forgets what is destroyed and keeps the peak", async () => {
  using device = await Device.open();
  const start = device.memory.bytes;
  const a = device.memory.as("images", () => device.tensor([1000]));
  const b = device.tensor([500]);
  strictEqual(device.memory.bytes - start, 6000);
  strictEqual(device.memory.use.images, 4000);
  a.buffer.destroy();
  a.buffer.destroy();
  b.buffer.destroy();
  strictEqual(device.memory.bytes, start);
  strictEqual(device.memory.peakBytes, start + 6000);
  strictEqual(device.memory.atPeak.images, 4000);
  device.memory.restart();
  strictEqual(device.memory.peakBytes, start);
});

Deno.test("Device.memory has no bytes of a program after it is disposed", async () => {
  using device = await Device.open();
  const before = device.memory.bytes;
  record(device);
  // The two tensors outside of the program stay.
  strictEqual(device.memory.bytes - before, 40 * 28 * 4 + 40 * 4);
});

Deno.test("Program.scope() gives back what was not released", () => {
  using device = dryDevice();
  using program = new Program(device);
  const outside = program.scratch([100]);
  const first = program.scope(() => {
    program.release(program.scratch([64]));
    return program.scratch([200]).buffer;
  });
  const again = program.scratch([200]);
  strictEqual(again.buffer, first);
  throws(() => program.release(outside, outside), /twice/);
  strictEqual(program.scratchPool.lowerBound, 1200);
});

Deno.test("Device.check() names what was in memory when it ran out", async () => {
  using device = await Device.open();
  using dry = device.rehearsal();
  dry.check();
  device.memory.as("activations", () => device.tensor([1 << 20]));
  device.gpu.dispatchEvent(
    new GPUUncapturedErrorEvent("uncapturederror", {
      error: new GPUOutOfMemoryError("not enough memory left"),
    }),
  );
  throws(
    () => device.check(),
    (error: Error) =>
      error instanceof OutOfMemoryError &&
      /activations 4\.2 MB/.test(error.message),
  );
});

Deno.test("Device.buffer() refuses what the adapter cannot hold", () => {
  using device = dryDevice();
  throws(() => device.tensor([1 << 20]), DeviceLimitError);
  using program = new Program(device);
  throws(() => program.scratch([1 << 20]), DeviceLimitError);
});

function dryDevice(): Device {
  return Device.dry({
    adapter: { name: "dry", vendor: 0, device: 0, cpu: true },
    form: "register",
    limits: {
      maxBufferSize: 1 << 20,
      maxStorageBufferBindingSize: 1 << 19,
      maxTextureDimension2D: 8192,
    },
  });
}

Deno.test("Program keeps scratch where a rehearsal says, and goes its own way where it records otherwise", () => {
  using device = dryDevice();
  const record = (program: Program, last: number) => {
    const small = program.scratch([16]);
    program.release(small);
    const large = program.scratch([4096]);
    program.release(large);
    return [small, large, program.scratch([last])].map(({ buffer }) => buffer);
  };
  using rehearsal = new Program(device);
  record(rehearsal, 16);
  strictEqual(rehearsal.scratchPool.bytes, 4 * (16 + 4096));
  using same = new Program(device, rehearsal.scratchPlan);
  const [first, second, third] = record(same, 16);
  strictEqual(first, second);
  strictEqual(second, third);
  strictEqual(same.scratchPool.bytes, same.scratchPool.lowerBound);
  using other = new Program(device, rehearsal.scratchPlan);
  const buffers = record(other, 5000);
  ok(!buffers.slice(0, 2).includes(buffers[2]!));
  strictEqual(buffers[2]!.size, 20_000);
});
