import { deepStrictEqual, ok } from "node:assert";
import { assertClose, runTiny } from "../helpers/mod.ts";
import { WIRE_RUN, withImages } from "./wire_run.ts";

/** Relative difference of the losses of 20 steps from those of one rank. */
const TOLERANCE = { bf16: 2e-2, f16: 2e-3, int8: 2e-2 } as const;

for (const wire of ["bf16", "f16", "int8"] as const) {
  Deno.test(`runPhase() learns the same when 1, 2 or 3 ranks send gradients as ${wire}`, async () => {
    await withImages(async (folder, data) => {
      const losses: number[][] = [];
      for (const ranks of [1, 2, 3]) {
        // Each step proves that all ranks hold the same bits.
        const { metrics, outcomes } = await runTiny({
          ranks,
          folder: `${folder}/ranks-${ranks}`,
          data,
          phases: ["baseline"],
          config: { ...WIRE_RUN, wire, lossScale: { initial: 256 } },
        });
        deepStrictEqual(outcomes[0]!.state, "done");
        losses.push(
          metrics.filter(({ split }) => split === "train")
            .map(({ loss }) => loss as number),
        );
      }
      const [one, ...others] = losses;
      deepStrictEqual(one!.length, 20);
      ok(one!.at(-1)! < one![0]!);
      for (const other of others) {
        assertClose(other, one!, { rtol: TOLERANCE[wire] });
      }
    });
  });
}

Deno.test("runPhase() skips a step whose gradients exceed f16 on the way, and then trains", async () => {
  await withImages(async (folder, data) => {
    const { metrics, outcomes, warnings } = await runTiny({
      ranks: 2,
      folder: `${folder}/run`,
      data,
      phases: ["baseline"],
      config: { ...WIRE_RUN, wire: "f16", lossScale: { initial: 2 ** 24 } },
    });
    deepStrictEqual(outcomes[0]!.state, "done");
    const lines = metrics.filter(({ split }) => split === "train");
    const skipped = lines.reduce(
      (sum, line) => sum + Number(line.skipped_steps ?? 0),
      0,
    );
    ok(
      skipped > 0,
      "f32 gradients of this loss are finite: only the way overflows",
    );
    ok(warnings.includes("a gradient overflowed, the step is skipped"));
    deepStrictEqual(lines.at(-1)!.loss_scale, 2 ** (24 - skipped));
  });
});
