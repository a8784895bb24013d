import { deepStrictEqual } from "node:assert";
import { runTiny } from "../helpers/mod.ts";
import { WIRE_RUN, withImages } from "./wire_run.ts";

/** The weights after the last step. */
function modelOf(folder: string): Promise<Uint8Array> {
  return Deno.readFile(`${folder}/checkpoints/baseline-20/model.safetensors`);
}

for (const wire of ["bf16", "f16", "int8"] as const) {
  Deno.test(`runPhase() resumes bit for bit when gradients are sent as ${wire}`, async () => {
    await withImages(async (folder, data) => {
      const models: Uint8Array[] = [];
      for (const stopAfter of [undefined, 9]) {
        const own = `${folder}/${stopAfter ?? "whole"}`;
        const options = {
          ranks: 2,
          folder: own,
          data,
          phases: ["baseline"] as const,
          config: { ...WIRE_RUN, wire, lossScale: { initial: 256 } },
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
