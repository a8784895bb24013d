import { ConfigError } from "../env/mod.ts";

/** A set's classes as classes of the model. */
export interface ClassMap {
  /** Class of the model for each class of the set. */
  readonly classes: Int32Array;
  /** By equal names, or by position where the names differ. */
  readonly by: "name" | "position";
}

/** What is left of a name that became the name of a folder, or was typed anew. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}

/** The one class of the model with this name, or with one that differs in case, spaces and signs alone. */
function find(model: readonly string[], name: string): number {
  const exact = model.indexOf(name);
  const wanted = plain(name);
  if (exact >= 0 || wanted === "") return exact;
  const like = model.flatMap((own, c) => plain(own) === wanted ? [c] : []);
  return like.length === 1 ? like[0]! : -1;
}

/**
 * Finds the classes of a set among those of a model: by name, where case, spaces and
 * signs need not be equal, or by position when as many have other names.
 *
 * @throws {ConfigError} If neither is possible.
 */
export function mapClasses(
  model: readonly string[],
  set: readonly string[],
): ClassMap {
  const loose = set.map((name) => find(model, name));
  // Two classes of the set may be one of the model's only when read loosely.
  const found = loose.map((c, i) =>
    loose.filter((other) => other === c).length > 1 ? model.indexOf(set[i]!) : c
  );
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
