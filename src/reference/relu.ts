/** `max(x, 0)` */
export function reluReference(
  input: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(input, (x) => Math.max(x, 0));
}
