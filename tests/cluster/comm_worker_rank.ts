import { CommWorker } from "../../cluster/communicator/mod.ts";
import { readCredentials } from "../../cluster/links/mod.ts";
import { LIFE_WORDS } from "../../cluster/life_words.ts";

/** Rank 1 of 2 as a process of its own: adds zeros until it is killed. */
const worker = await CommWorker.open({
  credentials: await readCredentials(Deno.args[0]!),
  rank: 1,
  life: new Int32Array(new SharedArrayBuffer(LIFE_WORDS * 4)),
});
const rank = await worker.join({ members: [0, 1] });
const buffer = rank.allocate(200_000);
while (true) await rank.allReduce(buffer.fill(0));
