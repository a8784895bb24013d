import { ConfigError } from "../env/mod.ts";

/** A set's classes as classes of the model. */
export interface ClassMap {
  /** Class of the model for each class of the set. */
  readonly classes: Int32Array;
  /** By equal names, or by position where the names differ. */
  readonly by: "name" | "position";
}

/**
 * Finds the classes of a set among those of a model: by name, or by position
 * when as many have other names.
 *
 * @throws {ConfigError} If neither is possible.
 */
export function mapClasses(
  model: readonly string[],
  set: readonly string[],
): ClassMap {
  const found = set.map((name) => model.indexOf(name));
  const missing = set.filter((_, i) => found[i]! < 0);
  if (missing.length === 0) {
    return { classes: Int32Array.from(found), by: "name" };
  }
  if (missing.length === set.length && set.length === model.length) {
    return { classes: Int32Array.from(set.keys()), by: "position" };
  }
  throw new ConfigError(
    `Cannot evaluate: the model has no class ${missing.slice(0, 5).join(", ")}${
      missing.length > 5 ? ` and ${missing.length - 5} more` : ""
    }`,
    {
      hint: `its classes: ${model.slice(0, 20).join(", ")}${
        model.length > 20 ? " …" : ""
      }`,
    },
  );
}
