import type { NamedValues } from "../model/mod.ts";
import { float32Tensor, type TensorMap, toFloat32 } from "../run/mod.ts";

/** Parameters as they go into a safetensors file. */
export function toTensorMap(values: NamedValues): TensorMap {
  return new Map(
    [...values].map(([name, { shape, data }]) => [
      name,
      float32Tensor(shape, data),
    ]),
  );
}

/** Tensors of a file as f32 parameters, whatever their float type. */
export function fromTensorMap(tensors: TensorMap | undefined): NamedValues {
  return new Map(
    [...tensors ?? []].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: toFloat32(tensor) },
    ]),
  );
}
