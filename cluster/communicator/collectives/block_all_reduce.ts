import { BLOCKS } from "../../../src/training/communicator.ts";
import { addBlocks, roundToBlocks } from "../blocks.ts";
import { copyTo, part } from "../elements.ts";
import { type Port, subPort } from "../port.ts";
import { chunk, evenOffsets } from "./chunks.ts";
import { ringAllGather } from "./ring_all_gather.ts";

/**
 * Sums blocks of 8-bit values over all ranks, in place.
 *
 * Each rank owns a part of the groups. It gets that part of all others, adds them
 * in f32 in the order of the ranks, together with its `carry` of the call before,
 * rounds the sums to blocks once and hands them on; `carry` keeps what rounding
 * took away (Tang et al. 2021, 1-bit Adam, with 8 bits). A ring that adds on its
 * way would round at each hop, and nobody would know what was lost.
 *
 * `carry` has 128 values a group; those of the own part are used.
 */
export async function blockAllReduce(
  port: Port,
  blocks: Uint32Array,
  carry: Float32Array,
): Promise<void> {
  const { rank, size } = port;
  const groups = blocks.length / BLOCKS.groupWords;
  const offsets = evenOffsets(groups, size);
  const words = offsets.map((group) => group * BLOCKS.groupWords);
  const own = chunk(blocks, words, rank);
  const others = Array.from({ length: size }, (_, other) => other)
    .filter((other) => other !== rank);
  const parts = new Map([[rank, own]]);
  const arrivals = others.map((other) => {
    const part = port.scratch(own, own.length);
    parts.set(other, part);
    return port.receive(other, 0, part);
  });
  for (const other of others) port.send(other, 0, chunk(blocks, words, other));
  await Promise.all(arrivals);

  const first = offsets[rank]! * BLOCKS.groupValues;
  const end = offsets[rank + 1]! * BLOCKS.groupValues;
  const ownCarry = part(carry, first, end);
  const sums = port.scratch(carry, end - first);
  copyTo(sums, ownCarry);
  for (let other = 0; other < size; other++) {
    addBlocks(sums, parts.get(other)!);
  }
  roundToBlocks(sums, { blocks: own, carry: ownCarry });

  // A rank's sums prove that it has read what was sent to it.
  const everyone = Array.from({ length: size }, (_, other) => other);
  await ringAllGather(subPort(port, everyone, 1), blocks, words);
}
