import { deepStrictEqual, ok } from "node:assert";
import { assertClose, runTiny, writeTinyCifar } from "../helpers/mod.ts";

const PHASE = {
  // Of a fraction of the gradients, so that several buckets leave.
  bucketBytes: 20_000,
  checksum: { everySteps: 1 },
  phases: { baseline: { images: 24 * 20 } },
};

/** Relative difference of the losses of 20 steps from those of one rank. */
const TOLERANCE = { bf16: 2e-2, f16: 2e-3, int8: 2e-2 } as const;

async function withFolder(
  action: (folder: string, data: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await action(folder, `${folder}/data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The weights after the last step. */
function modelOf(folder: string): Promise<Uint8Array> {
  return Deno.readFile(`${folder}/checkpoints/baseline-20/model.safetensors`);
}

for (const wire of ["bf16", "f16", "int8"] as const) {
  Deno.test(`runPhase() learns the same when 1, 2 or 3 ranks send gradients as ${wire}`, async () => {
    await withFolder(async (folder, data) => {
      const losses: number[][] = [];
      for (const ranks of [1, 2, 3]) {
        // Each step proves that all ranks hold the same bits.
        const { metrics, outcomes } = await runTiny({
          ranks,
          folder: `${folder}/ranks-${ranks}`,
          data,
          phases: ["baseline"],
          config: { ...PHASE, wire, lossScale: { initial: 256 } },
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

  Deno.test(`runPhase() resumes bit for bit when gradients are sent as ${wire}`, async () => {
    await withFolder(async (folder, data) => {
      const models: Uint8Array[] = [];
      for (const stopAfter of [undefined, 9]) {
        const own = `${folder}/${stopAfter ?? "whole"}`;
        const options = {
          ranks: 2,
          folder: own,
          data,
          phases: ["baseline"] as const,
          config: { ...PHASE, wire, lossScale: { initial: 256 } },
        };
        const first = await runTiny({
          ...options,
          ...(stopAfter === undefined ? {} : { stopAfter }),
        });
        if (stopAfter !== undefined) {
          deepStrictEqual(first.outcomes[0]!.state, "stopped");
          await runTiny(options);
        }
        models.push(await modelOf(own));
      }
      deepStrictEqual(models[1], models[0]);
    });
  });
}

Deno.test("runPhase() skips a step whose gradients exceed f16 on the way, and then trains", async () => {
  await withFolder(async (folder, data) => {
    const { metrics, outcomes, warnings } = await runTiny({
      ranks: 2,
      folder: `${folder}/run`,
      data,
      phases: ["baseline"],
      config: { ...PHASE, wire: "f16", lossScale: { initial: 2 ** 24 } },
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
