import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { writeOut } from "../../cluster/commands/write_out.ts";
import { withFiles } from "../helpers/mod.ts";

Deno.test("writeOut() makes the folders on the way, and leaves pipes and devices what they are", async () => {
  await withFiles({}, async (folder) => {
    await writeOut(`${folder}/a/b/c.csv`, "x\n");
    await writeOut(`${folder}/a/b/c.csv`, Uint8Array.of(121));
    strictEqual(await Deno.readTextFile(`${folder}/a/b/c.csv`), "y");

    const pipe = `${folder}/pipe`;
    const made = await new Deno.Command("mkfifo", { args: [pipe] }).output();
    strictEqual(made.code, 0);
    for (const place of [pipe, "/dev/fd/1", "/proc/self/fd/1"]) {
      await rejects(writeOut(place, "x"), {
        message: `Cannot write ${place}: it is a device or a pipe, no file`,
        exitCode: 2,
      });
    }
    strictEqual((await Deno.stat(pipe)).isFifo, true);
    deepStrictEqual(
      [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
      ["a", "pipe"],
    );
  });
});
