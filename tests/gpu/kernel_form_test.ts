import { strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { agreeOnForm } from "../../src/phases/kernel_form.ts";
import { soloCommunicator } from "../../src/training/mod.ts";

Deno.test("agreeOnForm() measures an adapter once and then reads the cache", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const messages: string[] = [];
    const run = async (name: string) => {
      await Deno.mkdir(`${folder}/${name}`);
      return await agreeOnForm({
        communicator: soloCommunicator(),
        config: { mixed: false },
        env: realEnv,
        log: (_, message) => messages.push(message),
        runFolder: `${folder}/${name}`,
        cacheFolder: `${folder}/cache`,
      });
    };
    const form = await run("first");
    strictEqual(await run("second"), form);
    strictEqual(messages.length, 1);
    strictEqual(
      await Deno.readTextFile(`${folder}/second/kernel_form`),
      `${form}\n`,
    );

    const [entry] = [...Deno.readDirSync(`${folder}/cache/kernel_forms`)];
    const path = `${folder}/cache/kernel_forms/${entry!.name}`;
    const other = form === "register" ? "tiled" : "register";
    await Deno.writeTextFile(path, `${other}\n`);
    strictEqual(await run("third"), other);
    // A run keeps its own.
    await Deno.mkdir(`${folder}/run`);
    await Deno.writeTextFile(`${folder}/run/kernel_form`, `${form}\n`);
    strictEqual(
      await agreeOnForm({
        communicator: soloCommunicator(),
        config: { mixed: false },
        env: realEnv,
        log: () => {},
        runFolder: `${folder}/run`,
        cacheFolder: `${folder}/cache`,
      }),
      form,
    );
    // On mixed adapters each rank has its own.
    await agreeOnForm({
      communicator: soloCommunicator(),
      config: { mixed: true },
      env: realEnv,
      log: () => {},
      runFolder: `${folder}/run`,
      cacheFolder: `${folder}/cache`,
    });
    strictEqual(
      await Deno.readTextFile(`${folder}/run/kernel_form.rank-0`),
      `${other}\n`,
    );
    await Deno.writeTextFile(path, "neither\n");
    strictEqual(await run("fourth"), form);
    strictEqual(messages.length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Device.identity is the same for the same adapter and has its limits", async () => {
  using one = await Device.open({ form: "register" });
  using two = await Device.open({ form: "tiled" });
  strictEqual(one.identity, two.identity);
  strictEqual(one.identity.includes('"maxBufferSize":'), true);
});
