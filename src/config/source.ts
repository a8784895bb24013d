import { ConfigError, type Disk } from "../env/mod.ts";
import { isText } from "./keys.ts";

/** Groups inside groups; the schema itself has 4. */
const MAX_DEPTH = 16;

/** A configuration as written: values by path, each with the place it came from. */
export class ConfigSource {
  readonly value: Record<string, unknown> = Object.create(null);
  readonly #origins = new Map<string, { origin: string; order: number }>();
  readonly #fallback: string;
  #order = 0;

  /** `name` is the place named for what no file or override mentions. */
  constructor(name: string) {
    this.#fallback = name;
  }

  /** Sets a value; groups are merged key by key, everything else is replaced. */
  merge(path: readonly string[], value: unknown, origin: string): void {
    if (path.length > MAX_DEPTH) {
      throw new ConfigError(
        `${origin}: ${path.slice(0, 3).join(".")}: nested too deeply`,
      );
    }
    this.#origins.set(path.join("\0"), { origin, order: this.#order++ });
    if (isGroup(value)) {
      for (const [key, below] of Object.entries(value)) {
        this.merge([...path, key], below, origin);
      }
      if (path.length > 0 && Object.keys(value).length === 0) this.#group(path);
    } else {
      this.#group(path.slice(0, -1))[path.at(-1)!] = value;
    }
  }

  /** File or override that set the key or its `cause`, else the group around it. */
  originOf(path: readonly string[], cause?: readonly string[]): string {
    const last = [path, cause ?? path].flatMap((keys) => this.#at(keys))
      .sort((a, b) => b.order - a.order)[0];
    if (last !== undefined) return last.origin;
    return path.length <= 1 ? this.#fallback : this.originOf(path.slice(0, -1));
  }

  /** Origins of a key, or of what is set below it. */
  #at(path: readonly string[]): { origin: string; order: number }[] {
    const key = path.join("\0");
    const exact = this.#origins.get(key);
    if (exact !== undefined) return [exact];
    return [...this.#origins].filter(([name]) => name.startsWith(`${key}\0`))
      .map(([, origin]) => origin);
  }

  /** The value at a path, as written. */
  at(path: readonly string[]): unknown {
    let value: unknown = this.value;
    for (const key of path) {
      if (Array.isArray(value)) value = value[Number(key)];
      else if (isGroup(value)) value = value[key];
      else return undefined;
    }
    return value;
  }

  #group(path: readonly string[]): Record<string, unknown> {
    let group = this.value;
    for (const key of path) {
      const next = group[key];
      group = isGroup(next) ? next : (group[key] = Object.create(null));
    }
    return group;
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A configuration is written by hand; more than this is another file. */
const MAX_BYTES = 1 << 20;
/** Files that build on one another. */
const MAX_CHAIN = 32;

/** Reads `path` and the files it extends into `source`, the outermost last. */
export async function mergeFile(
  disk: Disk,
  path: string,
  source: ConfigSource,
): Promise<void> {
  const chain: { path: string; value: Record<string, unknown> }[] = [];
  let next: string | undefined = normalisePath(path);
  while (next !== undefined) {
    const current: string = next;
    const from = chain.at(-1)?.path;
    if (chain.some((file) => file.path === current)) {
      throw new ConfigError(
        `${from}: extends: ${current} extends itself: ${
          [...chain.map((file) => file.path), current].join(" -> ")
        }`,
      );
    }
    if (chain.length === MAX_CHAIN) {
      throw new ConfigError(
        `${from}: extends: more than ${MAX_CHAIN} files build on one another`,
      );
    }
    const value = await readObject(disk, current, from);
    const base = value.extends;
    if (base !== undefined && (typeof base !== "string" || base === "")) {
      throw new ConfigError(`${current}: extends: expected a file name`);
    }
    delete value.extends;
    delete value.$schema;
    chain.push({ path: current, value });
    next = base === undefined ? undefined : normalisePath(
      base.startsWith("/")
        ? base
        : `${current.slice(0, current.lastIndexOf("/") + 1)}${base}`,
    );
  }
  for (const file of chain.reverse()) source.merge([], file.value, file.path);
}

/** Applies `key.path=value`; the value is JSON or plain text. */
export function mergeOverride(text: string, source: ConfigSource): void {
  const equals = text.indexOf("=");
  const key = text.slice(0, Math.max(0, equals));
  if (equals < 1 || key.split(".").includes("")) {
    throw new ConfigError(
      `${text}: expected key.path=value`,
      { hint: "for example phases.distill.temperature=4" },
    );
  }
  const path = key.split(".");
  const raw = text.slice(equals + 1);
  let value: unknown = raw;
  if (!isText(path)) {
    try {
      value = JSON.parse(raw);
    } catch {
      // Plain text such as adamw or auto; the schema judges it.
    }
  }
  source.merge(path, value, "override");
}

async function readObject(
  disk: Disk,
  path: string,
  from: string | undefined,
): Promise<Record<string, unknown>> {
  const place = from === undefined ? "" : `${from}: extends: `;
  const info = await disk.stat(path);
  if (info?.kind !== "file") {
    throw new ConfigError(
      `${place}Cannot read configuration ${path}: ${
        info ? "it is no file" : "it does not exist"
      }`,
    );
  }
  if (info.size > MAX_BYTES) {
    throw new ConfigError(
      `${place}Cannot read configuration ${path}: it has ${info.size} bytes, more than ${MAX_BYTES}`,
    );
  }
  const text = (await disk.readText(path)).replace(/^\ufeff/, "");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path}${jsonProblem(text, error)}`);
  }
  if (!isGroup(value)) {
    throw new ConfigError(`${path}: expected an object with keys`);
  }
  return value;
}

/** `:line:column: what` from the message of `JSON.parse`. */
function jsonProblem(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const offset = Number(/at position (\d+)/.exec(message)?.[1] ?? text.length);
  const before = text.slice(0, offset).split("\n");
  const column = before.at(-1)!.length + 1;
  const what = message.replace(/(, "[^]*| in JSON at position[^]*)$/, "");
  return `:${before.length}:${column}: not JSON: ${what}`;
}

/** Removes `.` and `x/..`, so that one file has one name. */
function normalisePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "." || (part === "" && parts.length > 0)) continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") {
      if (parts.at(-1) !== "") parts.pop();
    } else parts.push(part);
  }
  return parts.length === 1 && parts[0] === "" ? "/" : parts.join("/") || ".";
}
