// deno-lint-ignore-file no-console
/**
 * A token goes around the ring of ranks: everybody adds its rank and hands it on,
 * round after round. Then all ranks pass arrays on at the same time.
 *
 *     deno task launch -n 4 cluster/examples/ring.ts 3
 */
import { init } from "@signet/signet";

type Token = { sum: number; hops: number };

const rounds = Number(Deno.args[0] ?? 1);
await using world = await init();
const { rank, size } = world;
const next = (rank + 1) % size;
const previous = (rank + size - 1) % size;
const TOKEN = 1;
const BLOCK = 2;

for (let round = 0; round < rounds; round++) {
  if (rank === 0) {
    const first: Token = round === 0
      ? { sum: 0, hops: 0 }
      : (await world.recv<Token>({
        from: previous,
        tag: TOKEN,
      })).data;
    await world.send({ ...first, hops: first.hops + 1 }, {
      to: next,
      tag: TOKEN,
    });
  } else {
    const { data } = await world.recv<Token>({
      from: previous,
      tag: TOKEN,
    });
    await world.send({ sum: data.sum + rank, hops: data.hops + 1 }, {
      to: next,
      tag: TOKEN,
    });
  }
}
if (rank === 0) {
  const { data } = await world.recv<Token>({
    from: previous,
    tag: TOKEN,
  });
  console.log(`the token is back: sum ${data.sum} after ${data.hops} hops`);
}

// A megabyte each way at once: sendRecv needs no order.
let block = new Float32Array(262_144).fill(rank);
for (let hop = 0; hop < size; hop++) {
  const { data } = await world.sendRecv<Float32Array<ArrayBuffer>>(block, {
    to: next,
    from: previous,
    sendTag: BLOCK,
    recvTag: BLOCK,
  });
  block = data;
}
const isMine = block.every((value) => value === rank);
console.log(`rank ${rank} has its block back: ${isMine}`);
if (!isMine) throw new Error(`Rank ${rank} got another block: ${block[0]}`);
