import { deepStrictEqual } from "node:assert";

const NAMES = [
  ".ci",
  ".github",
  ".gitignore",
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "bench",
  "cluster",
  "configs",
  "deno.json",
  "deno.lock",
  "mod.ts",
  "src",
  "tests",
];

/** Names at the top of what git keeps; of a copy without its history those that are there. */
async function topLevel(): Promise<string[]> {
  const { success, stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z"],
    stderr: "null",
  }).output().catch(() => ({ success: false, stdout: new Uint8Array() }));
  const names = success
    ? new TextDecoder().decode(stdout).split("\0")
      .map((path) => path.split("/")[0]!)
    : [...Deno.readDirSync(".")].map(({ name }) => name)
      .filter((name) => NAMES.includes(name));
  return [...new Set(names)].filter((name) => name !== "").sort();
}

Deno.test("the top of the checkout holds the known names and nothing that a command has left", async () => {
  deepStrictEqual(await topLevel(), NAMES);
});
