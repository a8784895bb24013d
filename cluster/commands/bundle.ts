import { fileURLToPath } from "node:url";
import { ConfigError, EnvironmentError, realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import { findNatsServer } from "../launch/mod.ts";
import { parseOptions } from "./options.ts";
import project from "../../deno.json" with { type: "json" };

const HELP = `Usage: bundle OUT [--level N]

One archive for nodes without network: Deno, nats-server, the locked packages, the
Vulkan loader, the code and the configurations, of this machine's architecture.
There:

  tar -xf OUT && cd signet && sh cluster/run.sh train …

The GPU's driver, or a CPU adapter, and the images are the node's own.

  OUT        such as signet.tar.xz
  --level N  effort of xz, 0 to 9 (default 6)

Example:
  deno task bundle signet.tar.xz`;

/** Packages that only tests import. */
const FOR_TESTS = ["fast-check", "playwright-core"];

/** Packs all that a node without network needs. */
export async function bundle(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "bundle",
    number: ["level"],
    boolean: ["help"],
    positional: 1,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const [out] = options.positional;
  const level = options.number("level") ?? 6;
  if (out === undefined) {
    throw new ConfigError("Cannot bundle: the name of the archive is missing", {
      hint: "deno task bundle signet.tar.xz",
    });
  }
  if (!/\.(?:tar\.xz|txz)$/.test(out)) {
    throw new ConfigError(`Cannot bundle ${out}: the archive is a .tar.xz`, {
      hint: "deno task bundle signet.tar.xz",
    });
  }
  if (level > 9) throw new ConfigError(`Cannot use --level ${level}: 0 to 9`);
  const path = out.startsWith("/") ? out : `${Deno.cwd()}/${out}`;
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const [place, there] = await Promise.all(
    [folder, path].map((each) => realEnv.disk.stat(each)),
  );
  if (place?.kind !== "folder" || there?.kind === "folder") {
    throw new ConfigError(
      `Cannot write ${out}: ${
        there ? "it is a folder" : `there is no folder ${folder}`
      }`,
      { hint: "deno task bundle signet.tar.xz" },
    );
  }
  const script = new URL("../setup/bundle.sh", import.meta.url);
  const nats = await findNatsServer();
  const packages = await lockedPackages();
  const { code } = await new Deno.Command("sh", {
    args: [
      fileURLToPath(script),
      path,
      String(level),
      Deno.execPath(),
      nats,
      ...packages.map((name) => name.replace("/", "+")),
    ],
    stdin: "null",
  }).output().then(({ code, stderr }) => {
    const said = new TextDecoder().decode(stderr).trim();
    if (said !== "") terminal.urgent(said);
    return { code };
  });
  const info = await realEnv.disk.stat(out);
  if (code !== 0 || info === undefined) {
    throw new EnvironmentError(`Cannot write ${out}: see above`, {
      hint:
        "cp, tar and xz are needed, and room for 150 MB in the temporary folder",
    });
  }
  terminal.result(`bundle  ${out}  ${(info.size / 1e6).toFixed(1)} MB`);
  return 0;
}

interface Locked {
  dependencies?: readonly string[];
}

/** `name@version` of the packages that the product needs, with theirs. */
async function lockedPackages(): Promise<string[]> {
  const file = fileURLToPath(new URL("../../deno.lock", import.meta.url));
  const lock = JSON.parse(await realEnv.disk.readText(file));
  const packages: Readonly<Record<string, Locked>> = lock.npm;
  const versionOf = (name: string) =>
    Object.keys(packages).find((key) =>
      key === name || key.startsWith(`${name}@`)
    )!;
  const wanted = new Set<string>();
  const add = (name: string) => {
    const key = versionOf(name);
    if (wanted.has(key)) return;
    wanted.add(key);
    for (const needed of packages[key]!.dependencies ?? []) add(needed);
  };
  for (const [name, target] of Object.entries(project.imports)) {
    if (target.startsWith("npm:") && !FOR_TESTS.includes(name)) add(name);
  }
  return [...wanted];
}
