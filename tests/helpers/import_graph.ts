import { strictEqual } from "node:assert";
import { pathToFileURL } from "node:url";

/** An import of one product file by another; `type` when it is erased. */
export interface Import {
  from: string;
  to: string;
  type: boolean;
}

const ROOTS = ["src", "cluster"];

/** Product files as `src/gpu/device.ts`, sorted. */
export async function productFiles(): Promise<string[]> {
  const files: string[] = [];
  const visit = async (folder: string) => {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await visit(path);
      else if (path.endsWith(".ts")) files.push(path);
    }
  };
  for (const root of ROOTS) await visit(root);
  return files.sort();
}

interface ModuleInfo {
  specifier: string;
  dependencies?: {
    specifier: string;
    code?: { specifier?: string };
    type?: { specifier?: string };
  }[];
}

/** Every import in the product, from the graph that Deno itself builds. */
export async function importGraph(): Promise<Import[]> {
  const base = pathToFileURL(`${Deno.cwd()}/`).href;
  const roots = (await productFiles()).map((file) =>
    `import "${base}${file}";`
  );
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/roots.ts`, roots.join("\n"));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config=deno.json", `${folder}/roots.ts`],
    }).output();
    strictEqual(code, 0, new TextDecoder().decode(stderr));
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
      modules: ModuleInfo[];
    };
    const short = (url: string) =>
      url.startsWith(base) ? url.slice(base.length) : url;
    return modules.filter((module) => module.specifier.startsWith(base))
      .flatMap((module) =>
        (module.dependencies ?? []).map((dependency) => ({
          from: short(module.specifier),
          to: short(
            dependency.code?.specifier ?? dependency.type?.specifier ??
              dependency.specifier,
          ),
          type: dependency.code === undefined,
        }))
      );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** `src/gpu` of `src/gpu/device.ts`; a file beside the folders is its own part. */
export function partOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

/** A cycle as a list that ends where it starts, or `undefined`. */
export function findCycle(
  edges: readonly (readonly [string, string])[],
): string[] | undefined {
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) {
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (done.has(node)) return undefined;
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    path.push(node);
    for (const target of next.get(node) ?? []) {
      const cycle = visit(target);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of next.keys()) {
    const cycle = visit(node);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
