import { ConfigError } from "../env/mod.ts";
import { type Safetensors, type StoredTensor, toFloat32 } from "../run/mod.ts";
import { errorOf, type GroupName, GROUPS } from "./groups.ts";
import { type FileReport, type GroupReport, verdict } from "./report.ts";

/** Values of a tensor of a golden file. */
export interface Values {
  shape: readonly number[];
  data: Float32Array<ArrayBuffer>;
}

/**
 * A golden file with a book of what happened to each tensor: used as input,
 * compared, or excused. A tensor of which nothing is known fails the file.
 */
export class Fixture {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #tensors: Safetensors["tensors"];
  readonly #inputs = new Set<string>();
  readonly #compared = new Set<string>();
  readonly #excused = new Map<string, string>();
  readonly #groups = new Map<string, GroupReport>();

  constructor(name: string, content: Safetensors) {
    this.name = name;
    this.metadata = content.metadata;
    this.#tensors = content.tensors;
  }

  get names(): string[] {
    return [...this.#tensors.keys()];
  }

  /** Names that match, with the pattern's groups. */
  matching(pattern: RegExp): RegExpExecArray[] {
    return this.names.map((name) => pattern.exec(name))
      .filter((match) => match !== null);
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** The tensor as it lies in the file; says nothing about its use. */
  stored(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) {
      throw new ConfigError(`Cannot run ${this.name}: it has no ${name}`);
    }
    return tensor;
  }

  /** Takes a tensor as input. */
  input(name: string): Values {
    const tensor = this.stored(name);
    this.#inputs.add(name);
    return { shape: tensor.shape, data: toFloat32(tensor) };
  }

  /** As {@linkcode Fixture.input}, for class ids and indices. */
  labels(name: string): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(this.input(name).data);
  }

  /** The expected values, for a sibling file; says nothing about their use. */
  expected(name: string): Float32Array<ArrayBuffer> {
    return toFloat32(this.stored(name));
  }

  /**
   * Compares a tensor of the file with what was computed.
   *
   * @param keep Leaves out the elements for which it is false.
   */
  compare(
    group: GroupName,
    name: string,
    actual: ArrayLike<number>,
    keep?: (index: number) => boolean,
  ): void {
    const expected = this.expected(name);
    this.#compared.add(name);
    const error = keep === undefined || actual.length !== expected.length
      ? errorOf(actual, expected, GROUPS[group].measure)
      : errorOf(
        Array.from(actual).filter((_, i) => keep(i)),
        expected.filter((_, i) => keep(i)),
        GROUPS[group].measure,
      );
    this.#note(group, name, error);
    if (actual.length !== expected.length) {
      this.fail(
        group,
        `${name} has ${expected.length} values in the file, ${actual.length} here`,
      );
    }
  }

  /** Compares values that another file of the folder holds. */
  compareWith(
    group: GroupName,
    name: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
  ): void {
    this.#note(group, name, errorOf(actual, expected, GROUPS[group].measure));
  }

  /** Something in the file is not compared, for a reason that its README gives. */
  excuse(name: string, reason: string): void {
    this.#excused.set(name, reason);
  }

  /** The file is wrong, or this program, in a way that is no number. */
  fail(group: string, message: string): void {
    const known = this.#groups.get(group) ?? verdict(group, message);
    this.#groups.set(group, { ...known, passed: false, message });
  }

  /** A check of the group passed that compares no tensor. */
  pass(group: string): void {
    if (!this.#groups.has(group)) this.#groups.set(group, verdict(group));
  }

  report(kind: string): FileReport {
    const known = new Set([
      ...this.#inputs,
      ...this.#compared,
      ...this.#excused.keys(),
    ]);
    const forgotten = this.names.filter((name) => !known.has(name));
    const some = forgotten.slice(0, 5).join(", ");
    const reason = forgotten.length > 0
      ? `${forgotten.length} of ${this.names.length} tensors were not compared: ${some}`
      : this.#compared.size === 0
      ? "no tensor was compared"
      : undefined;
    return {
      file: this.name,
      case: kind,
      groups: [...this.#groups.values(), {
        ...verdict("coverage", reason),
        tensors: this.names.length,
      }],
      excused: [...this.#excused].map(([tensor, why]) => ({
        tensor,
        reason: why,
      })),
    };
  }

  #note(group: GroupName, tensor: string, error: number): void {
    const { measure, tolerance } = GROUPS[group];
    const before = this.#groups.get(group);
    const worse = before === undefined || before.worst !== null &&
        error >= before.worst;
    this.#groups.set(group, {
      ...(before ?? { group, measure, tolerance }),
      passed: (before?.passed ?? true) && error <= tolerance,
      tensors: (before?.tensors ?? 0) + 1,
      worst: worse ? Number.isFinite(error) ? error : null : before.worst,
      tensor: worse ? tensor : before.tensor,
    });
  }
}
