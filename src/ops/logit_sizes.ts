import { shapeError, type Tensor } from "../gpu/mod.ts";

type Tensors = Readonly<Record<string, Tensor | undefined>>;

/**
 * Sizes of an op on logits `[rows, classes]`, whose other tensors must agree with them.
 *
 * @param tensors.logits f32 of one length; the first one's shape counts.
 * @param tensors.rows f32 `[rows]`.
 * @param tensors.classes f32 `[classes]`.
 * @param tensors.labels u32 `[rows]`.
 * @throws {RangeError} With all shapes, if they do not fit.
 * @throws {TypeError} With all types, if they do not.
 */
export function logitSizes(
  op: string,
  { logits, rows = {}, classes = {}, labels = {} }: {
    logits: Tensors;
    rows?: Tensors;
    classes?: Tensors;
    labels?: Tensors;
  },
): { rows: number; cols: number } {
  const matrices = present(logits);
  const all = Object.fromEntries(
    [logits, labels, rows, classes].flatMap(present),
  );
  const [count, cols, ...more] = matrices[0]?.[1].shape ?? [];
  const fit = (tensors: Tensors, length: number) =>
    present(tensors).every(([, tensor]) => tensor.length === length);
  if (
    count === undefined || cols === undefined || more.length > 0 ||
    !fit(logits, count * cols) || !fit(rows, count) || !fit(classes, cols) ||
    !fit(labels, count)
  ) throw shapeError(op, all);
  const typed = (tensors: Tensors, type: string) =>
    present(tensors).every(([, tensor]) => tensor.type === type);
  if (
    !typed({ ...logits, ...rows, ...classes }, "f32") || !typed(labels, "u32")
  ) {
    const types = Object.entries(all).map(([name, { type }]) =>
      `${name} ${type}`
    );
    throw new TypeError(
      `Cannot record ${op}: types do not fit: ${types.join(", ")}`,
    );
  }
  return { rows: count, cols };
}

function present(tensors: Tensors): [name: string, tensor: Tensor][] {
  return Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor === undefined ? [] : [[name, tensor]]
  );
}
