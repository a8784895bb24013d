import { deepStrictEqual, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { writeTensorBoard } from "../../src/report/mod.ts";
import { crc32c, encodeEvents } from "../../src/report/tf_events.ts";

const { disk } = realEnv;

Deno.test("crc32c() gives the check value of the polynomial", () => {
  strictEqual(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

Deno.test("encodeEvents() writes the bytes that TensorBoard's own writer writes", () => {
  const events = encodeEvents([
    { time: 2, step: 300, tag: "loss", value: 0.5 },
  ]);
  // Version record, then wall time, step, and a summary with tag and value.
  strictEqual(
    events.toHex(),
    "1800000000000000a37f4b22" + "090000000000000040" +
      "1a0d627261696e2e4576656e743a32" + "ff2ee0e7" +
      "1b000000000000001a0d9e13" + "090000000000000040" + "10ac02" +
      "2a0d0a0b0a046c6f7373150000003f" + "dfc52b60",
  );
});

Deno.test("writeTensorBoard() makes a folder for each phase and split", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const line = (split: string, step: number, more: object) =>
      JSON.stringify({ time: 5000, phase: "classify", split, step, ...more });
    await disk.write(
      `${folder}/metrics.jsonl`,
      [
        line("train", 1, { loss: 2, ready_ms: [1, 2] }),
        line("train", 2, { loss: 1 }),
        line("validation", 2, { accuracy: 0.5 }),
      ].join("\n"),
    );
    const place = await writeTensorBoard(disk, folder);
    const name = "events.out.tfevents.5.signet";
    deepStrictEqual(
      await disk.read(`${place}/classify/train/${name}`),
      encodeEvents([
        { time: 5, step: 1, tag: "loss", value: 2 },
        { time: 5, step: 2, tag: "loss", value: 1 },
      ]),
    );
    deepStrictEqual(
      await disk.read(`${place}/classify/validation/${name}`),
      encodeEvents([{ time: 5, step: 2, tag: "accuracy", value: 0.5 }]),
    );
  } finally {
    await disk.remove(folder);
  }
});
