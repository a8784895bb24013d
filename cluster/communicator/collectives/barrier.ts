import { type Port, wrap } from "../port.ts";

const TOKEN = new Uint8Array(1);

/**
 * Completes when every rank has called it. Dissemination: in round k rank r tells
 * rank r + 2^k that it has heard, directly or not, of the 2^k ranks up to itself;
 * after log2 n rounds that is everybody (Hensgen, Finkel, Manber 1988).
 */
export async function barrier(port: Port): Promise<void> {
  const { rank, size } = port;
  const ear = port.scratch(TOKEN, 1);
  for (let round = 0; 2 ** round < size; round++) {
    port.send(wrap(rank + 2 ** round, size), round, TOKEN);
    await port.receive(wrap(rank - 2 ** round, size), round, ear);
  }
}
