import { SignetError } from "../../src/env/mod.ts";
import type { Contestant, Sample } from "../common/measure.ts";
import type { OpenPeers } from "../peers/open_peers.ts";
import type { GemmCase } from "./gemm_bench.ts";

/** Longest wait for one product of a peer, compilation included. */
const SECONDS = 120;
const REPEATS = 4;
/** Values that are compared. */
const HEAD = 8;

/** The same product by every peer that is there, checked at its first values. */
export async function peerProducts(
  { sizes, layout }: GemmCase,
  peers: OpenPeers,
): Promise<Contestant[]> {
  const expected = headOf(sizes, layout);
  const contestants: Contestant[] = [];
  for (const peer of peers.list) {
    const request = { do: "gemm", layout, ...sizes, repeats: REPEATS };
    const first = await peers.ask(peer, request, SECONDS);
    if (first === undefined) continue;
    const head = first.head as number[];
    if (!expected.every((value, i) => Math.abs(value - head[i]!) < 1e-3)) {
      throw new SignetError(
        `Cannot compare with ${peer.name}: its ${layout} product begins ${
          head.join(" ")
        }, expected ${expected.join(" ")}`,
      );
    }
    contestants.push({
      name: peer.name,
      run: async () =>
        await peer.request(request, SECONDS) as unknown as Sample,
    });
  }
  return contestants;
}

/** First values of the product of the operands that peers make themselves. */
function headOf(
  { rows, depth, cols }: GemmCase["sizes"],
  layout: GemmCase["layout"],
): number[] {
  const value = (i: number, factor: number) => ((i * factor) % 17 - 8) / 8;
  return Array.from({ length: Math.min(HEAD, rows * cols) }, (_, i) => {
    const [row, col] = [Math.floor(i / cols), i % cols];
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      const left = layout === "TN" ? k * rows + row : row * depth + k;
      const right = layout === "NT" ? col * depth + k : k * cols + col;
      sum += value(left, 7) * value(right, 5);
    }
    return sum;
  });
}
