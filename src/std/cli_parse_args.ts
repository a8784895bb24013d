/** Options of {@linkcode parseArgs}. */
export interface ParseOptions {
  /** Options that take text; `"_"` keeps positional arguments text. */
  string?: string | readonly string[];
  /** Options without a value. */
  boolean?: string | readonly string[];
  /** Options that may be repeated; their values become an array. */
  collect?: string | readonly string[];
  /** Booleans that `--no-<name>` turns off. */
  negatable?: string | readonly string[];
  /** Other names of an option; the result holds all of them. */
  alias?: Record<string, string | readonly string[]>;
  /** Values of options that are not given. */
  default?: Record<string, unknown>;
  /** What follows `--` goes to `result["--"]`, not to `result._`. */
  "--"?: boolean;
  /** Everything from the first positional argument on goes to `result._`. */
  stopEarly?: boolean;
  /** Called for what is not declared; `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Result of {@linkcode parseArgs}. */
export interface Args {
  _: (string | number)[];
  "--"?: string[];
  // deno-lint-ignore no-explicit-any -- as in the published module
  [name: string]: any;
}

const NUMBER = /^(?:0x[0-9a-f]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/i;

function list(value: string | readonly string[] | undefined): string[] {
  return value === undefined
    ? []
    : typeof value === "string"
    ? [value]
    : [...value];
}

/** Every name of each option, whichever of them is used. */
function namesByAlias(alias: ParseOptions["alias"]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, others] of Object.entries(alias ?? {})) {
    const group = [name, ...list(others)];
    for (const member of group) groups.set(member, group);
  }
  return groups;
}

/**
 * Parses command line arguments, as `@std/cli/parse-args` does.
 *
 * A subset of the published function: names with dots are not nested, and the
 * result's type is not inferred from the options.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 * import { deepStrictEqual } from "node:assert";
 *
 * const args = parseArgs(["run", "--ranks", "3", "--json"], {
 *   string: ["ranks"],
 *   boolean: ["json"],
 * });
 * deepStrictEqual(args, { _: ["run"], ranks: "3", json: true });
 * ```
 */
export function parseArgs(
  args: readonly string[],
  options: ParseOptions = {},
): Args {
  const groups = namesByAlias(options.alias);
  const namesOf = (name: string) => groups.get(name) ?? [name];
  const expand = (names: string | readonly string[] | undefined) =>
    new Set(list(names).flatMap(namesOf));
  const strings = expand(options.string);
  const booleans = expand(options.boolean);
  const collected = expand(options.collect);
  const negatable = expand(options.negatable);
  const result: Args = { _: [] };

  const isKnown = (name: string) =>
    strings.has(name) || booleans.has(name) || groups.has(name);
  const convert = (name: string, value: string) =>
    !strings.has(name) && NUMBER.test(value) ? Number(value) : value;
  const define = (name: string, value: unknown) =>
    Object.defineProperty(result, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  const has = (name: string) => Object.hasOwn(result, name);

  const set = (name: string, raw: string | boolean, arg: string) => {
    const value = typeof raw === "string" ? convert(name, raw) : raw;
    if (
      options.unknown !== undefined && !isKnown(name) &&
      options.unknown(arg, name, value) === false
    ) return;
    for (const each of namesOf(name)) {
      if (collected.has(each)) {
        define(each, [...(has(each) ? result[each] : []), value]);
      } else define(each, value);
    }
  };

  /** Sets `name`, taking the next argument as its value when it may be one. */
  const setFromNext = (name: string, index: number, arg: string): number => {
    const next = args[index + 1];
    if (booleans.has(name)) {
      const given = next === "true" || next === "false";
      set(name, given ? next === "true" : true, arg);
      return given ? index + 1 : index;
    }
    if (next !== undefined && (next === "-" || !next.startsWith("-"))) {
      set(name, next, arg);
      return index + 1;
    }
    set(name, strings.has(name) ? "" : true, arg);
    return index;
  };

  const positional = (arg: string) => {
    if (options.unknown !== undefined && options.unknown(arg) === false) return;
    result._.push(convert("_", arg));
  };

  let index = 0;
  for (; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === "--") {
      index++;
      break;
    }
    const long = /^--(.+?)(?:=([\s\S]*))?$/.exec(arg);
    if (long) {
      const [, name, value] = long as unknown as [string, string, string?];
      const positive = name.startsWith("no-") ? name.slice(3) : "";
      if (value !== undefined) {
        set(name, booleans.has(name) ? value !== "false" : value, arg);
      } else if (negatable.has(positive)) set(positive, false, arg);
      else index = setFromNext(name, index, arg);
    } else if (/^-[^-]/.test(arg)) {
      index = shortOptions(arg, index);
    } else {
      positional(arg);
      if (options.stopEarly) {
        index++;
        break;
      }
    }
  }
  const rest = args.slice(index);
  if (options["--"] && args[index - 1] === "--") result["--"] = rest;
  else for (const arg of rest) result._.push(convert("_", arg));
  if (options["--"]) result["--"] ??= [];

  /** `-abc`, `-n5`, `-n=5` and `-n 5`. */
  function shortOptions(arg: string, index: number): number {
    const letters = arg.slice(1);
    for (let at = 0; at < letters.length; at++) {
      const name = letters[at]!;
      const following = letters.slice(at + 1);
      if (following === "") return setFromNext(name, index, arg);
      if (following.startsWith("=")) {
        const value = following.slice(1);
        set(name, booleans.has(name) ? value !== "false" : value, arg);
        return index;
      }
      if (
        !booleans.has(name) && (strings.has(name) || NUMBER.test(following))
      ) {
        set(name, following, arg);
        return index;
      }
      set(name, strings.has(name) ? "" : true, arg);
    }
    return index;
  }

  for (const [name, value] of Object.entries(options.default ?? {})) {
    for (const each of namesOf(name)) if (!has(each)) define(each, value);
  }
  for (const name of booleans) {
    if (!has(name)) define(name, collected.has(name) ? [] : false);
  }
  for (const name of strings) {
    if (name !== "_" && !has(name) && collected.has(name)) define(name, []);
  }
  return result;
}
