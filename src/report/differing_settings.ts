/** A key of the configurations of several runs that is not the same in all. */
export interface DifferingSetting {
  /** With dots. */
  key: string;
  /** As JSON, one a run; `-` where a run does not have it. */
  values: string[];
}

/** Keys in which configurations differ, apart from the runs' names. */
export function differingSettings(
  configs: readonly unknown[],
): DifferingSetting[] {
  const flat = configs.map((config) => flatten(config));
  const keys = new Set(flat.flatMap((values) => [...values.keys()]));
  keys.delete("name");
  return [...keys].sort()
    .map((key) => ({ key, values: flat.map((all) => all.get(key) ?? "-") }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** Keys that leave what a run measures as it is, up to chance. */
const OF_CHANCE: readonly string[] = ["seed", "ranks"];

/** Whether the runs are the same experiment again, so that their mean means something. */
export function areRepeats(settings: readonly DifferingSetting[]): boolean {
  return settings.every(({ key }) => OF_CHANCE.includes(key));
}

/** Values of an object by their path. */
function flatten(
  value: unknown,
  path: readonly string[] = [],
  into = new Map<string, string>(),
): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    into.set(path.join("."), JSON.stringify(value));
    return into;
  }
  for (const [key, below] of Object.entries(value)) {
    flatten(below, [...path, key], into);
  }
  return into;
}
