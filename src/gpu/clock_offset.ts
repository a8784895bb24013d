import type { Device } from "./device.ts";
import { Readback } from "./readback.ts";

/** Tries; the one with the shortest way there and back is the most exact. */
const TRIES = 8;

/**
 * What to add to a GPU timestamp, in ms, to get the host's `now()` of the same
 * moment; off by less than half a submission.
 */
export async function clockOffset(
  device: Device,
  now: () => number,
): Promise<number> {
  const querySet = device.gpu.createQuerySet({ type: "timestamp", count: 2 });
  const buffer = device.buffer(
    256,
    GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  );
  using readback = await new Readback(device, 16).prepare();
  const stamps = new BigUint64Array(2);
  let shortest = Infinity;
  let offset = 0;
  for (let i = 0; i < TRIES; i++) {
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: {
        querySet,
        beginningOfPassWriteIndex: 0,
        endOfPassWriteIndex: 1,
      },
    });
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, buffer, 0);
    encoder.copyBufferToBuffer(buffer, 0, readback.buffer, 0, 16);
    const before = now();
    device.gpu.queue.submit([encoder.finish()]);
    readback.read(new Uint8Array(stamps.buffer));
    const after = now();
    if (after - before >= shortest) continue;
    shortest = after - before;
    offset = (before + after) / 2 - Number(stamps[1]) / 1e6;
  }
  querySet.destroy();
  buffer.destroy();
  return offset;
}
