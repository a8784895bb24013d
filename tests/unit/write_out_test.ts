import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { embed } from "../../cluster/commands/embed.ts";
import { predict } from "../../cluster/commands/predict.ts";
import { pseudoLabel } from "../../cluster/commands/pseudo_label.ts";
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
    await rejects(writeOut(`${folder}/a`, "x"), {
      message: `Cannot write ${folder}/a: it is a folder`,
    });
    strictEqual((await Deno.stat(pipe)).isFifo, true);
    deepStrictEqual(
      [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
      ["a", "pipe"],
    );
  });
});

Deno.test("predict, embed and pseudo-label refuse a place for their result before they begin", async () => {
  await withFiles({ "out.csv/x": "" }, async (folder) => {
    for (const verb of [predict, embed, pseudoLabel]) {
      // There is no such model, which would be said next.
      const args = ["no/model", "no.png", `--out=${folder}/out.csv`];
      await rejects(verb(args), {
        message: `Cannot write ${folder}/out.csv: it is a folder`,
      });
    }
  });
});
