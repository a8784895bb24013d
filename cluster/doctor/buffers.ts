import { Device } from "../../src/gpu/mod.ts";
import type { Check } from "./check.ts";

const MIB = 1024 * 1024;
/** Segments of parameters are at most this large. */
const BUFFER_NEEDED = 32 * MIB;
/** More tells nothing that a run would use. */
const BUFFER_MOST = 1024 * MIB;
/** In which the whole memory is taken. */
const STEP = 256 * MIB;
const STEPS_MOST = 1024;

/**
 * D9: doubles a buffer until the driver refuses, then takes all of the memory of a
 * GPU, on a device that may be lost by it.
 */
export async function checkBuffers(cpu: boolean): Promise<Check> {
  using device = await Device.open();
  const most = Math.min(BUFFER_MOST, device.limits.maxBufferSize);
  let usable = 0;
  for (let size = MIB; size <= most; size *= 2) {
    const buffer = await take(device, size);
    if (buffer === undefined) break;
    buffer.destroy();
    usable = size;
  }
  const open = usable * 2 > most ? " (not tried further)" : "";
  // A CPU adapter would take the memory of everybody else on the machine.
  const total = cpu || usable < BUFFER_NEEDED
    ? undefined
    : await takeAll(device, Math.min(usable, STEP));
  const facts = { usableBytes: usable, ...(total && { totalBytes: total }) };
  const detail = `one buffer up to ${usable / MIB} MiB${open}${
    total === undefined
      ? ""
      : `, total ${
        (total / 2 ** 30).toFixed(1)
      } GiB (Deno stops at 97 % of the driver's budget)`
  }`;
  return usable < BUFFER_NEEDED
    ? {
      name: "buffers",
      code: "VK-12",
      status: "error",
      detail,
      hint: `runs need ${
        BUFFER_NEEDED / MIB
      } MiB: the driver's memory is taken or too small`,
      facts,
    }
    : { name: "buffers", status: "ok", detail, facts };
}

/** A cleared buffer, so that its memory is really there. */
async function take(
  { gpu }: Device,
  size: number,
): Promise<GPUBuffer | undefined> {
  gpu.pushErrorScope("validation");
  gpu.pushErrorScope("out-of-memory");
  const buffer = gpu.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  });
  const encoder = gpu.createCommandEncoder();
  encoder.clearBuffer(buffer);
  gpu.queue.submit([encoder.finish()]);
  const memory = await gpu.popErrorScope();
  const validation = await gpu.popErrorScope();
  // wgpu panics when a device goes whose last submission takes longer than 5 s.
  await gpu.queue.onSubmittedWorkDone();
  if (memory === null && validation === null) return buffer;
  buffer.destroy();
  return undefined;
}

async function takeAll(device: Device, step: number): Promise<number> {
  const held: GPUBuffer[] = [];
  while (held.length < STEPS_MOST) {
    const buffer = await take(device, step);
    if (buffer === undefined) break;
    held.push(buffer);
  }
  for (const buffer of held) buffer.destroy();
  return held.length * step;
}
