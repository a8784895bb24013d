import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../../src/config/mod.ts";
import { ConfigError } from "../../src/env/mod.ts";

/** Options of a verb by type; names in kebab case, without dashes. */
export interface OptionSpec {
  /** Verb, for messages. */
  verb: string;
  string?: readonly string[];
  boolean?: readonly string[];
  /** Whole numbers from 0 on. */
  number?: readonly string[];
  /** Those that may be given several times. */
  list?: readonly string[];
  /** Those of `string` whose value may begin with a dash. */
  dashed?: readonly string[];
  /** How many arguments without a dash are allowed; default any number. */
  positional?: number;
}

/** Parsed options; an absent one is `undefined` (`false` for a boolean). */
export interface Options {
  string(name: string): string | undefined;
  boolean(name: string): boolean;
  number(name: string): number | undefined;
  /** All values of one of `list`. */
  list(name: string): readonly string[];
  readonly positional: readonly string[];
}

/** @throws {ConfigError} For an unknown option or a value of the wrong type. */
export function parseOptions(
  args: readonly string[],
  spec: OptionSpec,
): Options {
  const {
    verb,
    string = [],
    boolean = [],
    number = [],
    list = [],
    dashed = [],
  } = spec;
  const hint = `deno task ${verb} --help lists the options`;
  const known = [...string, ...boolean, ...number, ...list];
  const values = parseArgs(joinDashed(args, dashed, known), {
    string: ["_", ...string, ...number, ...list],
    boolean: [...boolean],
    collect: [...list],
    unknown(arg, key) {
      if (key === undefined) return true;
      const name = nearest(key, known);
      throw new ConfigError(`Cannot use ${arg.split("=")[0]}: unknown option`, {
        hint: name === undefined ? hint : `did you mean --${name}?`,
      });
    },
  }) as Record<string, unknown> & { _: (string | number)[] };
  const positional = values._.map(String);
  if (positional.length > (spec.positional ?? Infinity)) {
    throw new ConfigError(
      `Cannot use "${positional[spec.positional!]}": ${verb} takes ${
        spec.positional === 0 ? "no" : `at most ${spec.positional}`
      } argument${spec.positional === 1 ? "" : "s"}`,
      { hint },
    );
  }
  if (positional.includes("")) {
    throw new ConfigError(`Cannot use an empty argument of ${verb}`, {
      hint: "is a variable of the shell not set?",
    });
  }
  function required(name: string, value: unknown): string {
    if (typeof value === "string" && value !== "") return value;
    throw new ConfigError(`Cannot use --${name}: it needs one value`, { hint });
  }
  function text(name: string): string | undefined {
    const value = values[name];
    return value === undefined ? undefined : required(name, value);
  }
  function all(name: string): string[] {
    return (values[name] as unknown[]).map((value) => required(name, value));
  }
  // Wrong values are errors even where the verb never asks for them.
  for (const name of string) text(name);
  for (const name of number) whole(name);
  for (const name of list) all(name);
  function whole(name: string): number | undefined {
    const value = text(name);
    if (value === undefined) return undefined;
    if (!/^\d{1,9}$/.test(value)) {
      throw new ConfigError(
        `Cannot use --${name} ${value}: it needs a whole number`,
        { hint },
      );
    }
    return Number(value);
  }
  return {
    string: text,
    number: whole,
    list: all,
    boolean: (name) => values[name] === true,
    positional,
  };
}

/** `--name --value` as `--name=--value`, where a value may look like an option. */
function joinDashed(
  args: readonly string[],
  names: readonly string[],
  known: readonly string[],
): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const takesNext = names.some((name) => args[i] === `--${name}`) &&
      i + 1 < args.length &&
      !known.some((name) => args[i + 1] === `--${name}`);
    joined.push(takesNext ? `${args[i]}=${args[++i]}` : args[i]!);
  }
  return joined;
}
