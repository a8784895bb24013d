import { match, strictEqual } from "node:assert";
import { fileURLToPath } from "node:url";
import { writeTinyCifar } from "../helpers/mod.ts";

const PROGRAM = fileURLToPath(
  new URL("./out_of_memory_run.ts", import.meta.url),
);

Deno.test("runPhase() says what it needs and how to need less when the memory ends", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--no-check",
        "--cached-only",
        PROGRAM,
        `${folder}/data`,
        folder,
      ],
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stdout);
    strictEqual(code, 0, `${text}${new TextDecoder().decode(stderr)}`);
    const { name, message, hint } = JSON.parse(text.trim().split("\n").at(-1)!);
    strictEqual(name, "OutOfMemoryError", message);
    match(
      message,
      /^Cannot run phase baseline on rank 0: .* has no memory for .*activations/,
    );
    match(hint, /^set microBatch=\d+ or recompute=true/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
