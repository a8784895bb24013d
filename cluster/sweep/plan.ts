import { ConfigError } from "../../src/env/mod.ts";

/** One key of the grid with its values, as they are written. */
export interface Axis {
  key: string;
  values: readonly string[];
}

/** One run of a sweep. */
export interface Member {
  /** Name of its folder. */
  name: string;
  /** Configuration file; null = the default one. */
  config: string | null;
  /** `key=value` of everything that differs, the seed last. */
  overrides: readonly string[];
  /** The overrides without the seed: runs that are averaged share it. */
  setting: Readonly<Record<string, string>>;
  seed: number;
}

/** A sweep as `sweep.json` keeps it. */
export interface SweepPlan {
  schema: 1;
  /** Overrides of all members. */
  overrides: readonly string[];
  axes: readonly Axis[];
  seeds: readonly number[];
  members: readonly Member[];
}

/** More runs than this are a slip of the pen. */
const MOST_MEMBERS = 10_000;

/** Axis of several configuration files; no key of theirs. */
const CONFIG_AXIS = "config";

export const LABELS_KEY = "data.labelsPerClass";

/** `key=a,b` as an axis. */
export function parseAxis(text: string): Axis {
  const equals = text.indexOf("=");
  const key = text.slice(0, Math.max(0, equals));
  const values = text.slice(equals + 1).split(",").map((value) => value.trim())
    .filter((value) => value !== "");
  if (key === "" || values.length === 0) {
    throw new ConfigError(`Cannot use --grid ${text}: expected key=a,b`, {
      hint: "for example --grid phases.selfTrain.method=fixmatch,softmatch",
    });
  }
  if (new Set(values).size < values.length) {
    throw new ConfigError(`Cannot use --grid ${text}: a value occurs twice`);
  }
  return { key, values };
}

/** `4,25,100` as the axis of labels. */
export function parseLabels(text: string): Axis {
  const values = text.split(",").map((value) => value.trim());
  const wrong = values.find((value) => !/^\d{1,7}$/.test(value));
  if (wrong !== undefined) {
    throw new ConfigError(
      `Cannot use --labels ${text}: ${wrong || "nothing"} is no whole number`,
      { hint: "for example --labels 4,25,100 (a class; 0 = all)" },
    );
  }
  return parseAxis(`${LABELS_KEY}=${values.join(",")}`);
}

/** Every combination of the configurations and the axes with every seed. */
export function planSweep(
  { configs, overrides, axes, firstSeed, seeds }: {
    /** Configuration files; none = the default one. */
    configs: readonly string[];
    overrides: readonly string[];
    axes: readonly Axis[];
    firstSeed: number;
    /** Number of them. */
    seeds: number;
  },
): SweepPlan {
  const keys = axes.map(({ key }) => key);
  const twice = keys.find((key, i) => keys.indexOf(key) < i);
  if (twice !== undefined || keys.includes("seed")) {
    throw new ConfigError(
      twice === undefined
        ? "Cannot sweep over seed: --seeds N does it"
        : `Cannot sweep over ${twice} twice`,
    );
  }
  const count = axes.reduce(
    (n, { values }) => n * values.length,
    seeds * Math.max(1, configs.length),
  );
  if (count < 1 || count > MOST_MEMBERS) {
    throw new ConfigError(`Cannot sweep over ${count} runs`, {
      hint: `1 to ${MOST_MEMBERS}`,
    });
  }
  const names = configNames(configs);
  let settings: Setting[] = configs.length > 1
    ? configs.map((config, i) => ({
      config,
      setting: { [CONFIG_AXIS]: names[i]! },
      overrides: [],
    }))
    : [{ config: configs[0] ?? null, setting: {}, overrides: [] }];
  for (const { key, values } of axes) {
    settings = settings.flatMap(({ config, setting, overrides }) =>
      values.map((value) => ({
        config,
        setting: { ...setting, [key]: value },
        overrides: [...overrides, ...overridesOf(key, value)],
      }))
    );
  }
  const all = Array.from({ length: seeds }, (_, i) => firstSeed + i);
  const taken = new Set<string>();
  return {
    schema: 1,
    overrides,
    axes: configs.length > 1
      ? [{ key: CONFIG_AXIS, values: names }, ...axes]
      : axes,
    seeds: all,
    members: settings.flatMap(({ config, setting, overrides }) =>
      all.map((seed) => ({
        name: nameOf(setting, seed, taken),
        config,
        overrides: [...overrides, `seed=${seed}`],
        setting,
        seed,
      }))
    ),
  };
}

/** With all labels no image is left for self-training. */
function overridesOf(key: string, value: string): string[] {
  return key === LABELS_KEY && Number(value) === 0
    ? [`${key}=0`, "phases.selfTrain.enabled=false"]
    : [`${key}=${value}`];
}

type Setting = Pick<Member, "config" | "setting" | "overrides">;

/** File names without ending, or the paths where those are alike. */
function configNames(configs: readonly string[]): string[] {
  const twice = configs.find((path, i) => configs.indexOf(path) < i);
  if (twice !== undefined) {
    throw new ConfigError(`Cannot sweep over ${twice} twice`);
  }
  const names = configs.map((path) =>
    path.slice(path.lastIndexOf("/") + 1).replace(/\.json$/, "")
  );
  return new Set(names).size < names.length ? [...configs] : names;
}

/** A folder's name that says the setting; values that look alike in it get a number. */
function nameOf(
  setting: Readonly<Record<string, string>>,
  seed: number,
  taken: Set<string>,
): string {
  const base = [
    ...Object.entries(setting).map(([key, value]) =>
      `${key.slice(key.lastIndexOf(".") + 1)}-${value}`
    ),
    `seed-${seed}`,
  ].join("_").replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 200);
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}-${n}`;
  taken.add(name);
  return name;
}
