import { configJsonSchema } from "./schema.ts";

/** One key of the configuration, for help texts and suggestions. */
export interface ConfigKey {
  /** Path with dots, e.g. `phases.distill.temperature`. */
  path: string;
  description: string;
  /** Absent for keys that may be left out. */
  default?: unknown;
  /** `number`, `"a" | "b"`, … */
  type: string;
}

interface Node {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Node[];
  properties?: Record<string, Node>;
  description?: string;
  default?: unknown;
}

let made: Node | undefined;

/** Made when it is asked for: most processes need no key's description. */
function root(): Node {
  return made ??= configJsonSchema() as Node;
}

function nodeAt(path: readonly string[]): Node | undefined {
  let node: Node | undefined = root();
  for (const part of path) {
    if (!node?.properties || !Object.hasOwn(node.properties, part)) {
      return undefined;
    }
    node = node.properties[part];
  }
  return node;
}

function typeOf(node: Node): string {
  if (node.anyOf) return node.anyOf.map(typeOf).join(" | ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum) return node.enum.map((v) => JSON.stringify(v)).join(" | ");
  return node.type ?? "value";
}

/** Names of the keys directly under `path`; empty when it is no group. */
export function keysUnder(path: readonly string[]): string[] {
  return Object.keys(nodeAt(path)?.properties ?? {});
}

/** Whether the key holds free text, which needs no quotes in an override. */
export function isText(path: readonly string[]): boolean {
  const node = nodeAt(path);
  return node?.type === "string" && !node.enum;
}

/** Every key that can be set, in the order of the schema. */
export function configKeys(): ConfigKey[] {
  const keys: ConfigKey[] = [];
  function visit(node: Node, path: string[]) {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      if (path.length === 0 && (name === "$schema" || name === "extends")) {
        continue;
      }
      const below = [...path, name];
      if (child.properties) visit(child, below);
      else {
        keys.push({
          path: below.join("."),
          description: child.description ?? "",
          type: typeOf(child),
          ...(child.default !== undefined ? { default: child.default } : {}),
        });
      }
    }
  }
  visit(root(), []);
  return keys;
}
