import type { RealType, Tensor } from "../gpu/mod.ts";

/**
 * The type that an op computes in: that of its activations, which must agree.
 *
 * @param single Statistics, vectors of parameters and the like: always f32.
 * @throws {TypeError} With the types of all tensors, if there is no such kernel.
 */
export function realTypeOf(
  op: string,
  activations: Record<string, Tensor | undefined>,
  single: Record<string, Tensor | undefined> = {},
): RealType {
  const given = present(activations);
  const type = given[0]?.[1].type;
  if (
    (type !== "f32" && type !== "f16") ||
    given.some(([, tensor]) => tensor.type !== type) ||
    present(single).some(([, tensor]) => tensor.type !== "f32")
  ) {
    const types = [...given, ...present(single)]
      .map(([name, tensor]) => `${name} ${tensor.type}`);
    throw new TypeError(
      `Cannot record ${op}: types do not fit: ${types.join(", ")}`,
    );
  }
  return type;
}

function present(
  tensors: Record<string, Tensor | undefined>,
): [name: string, tensor: Tensor][] {
  return Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor === undefined ? [] : [[name, tensor]]
  );
}
