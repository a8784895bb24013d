/** Candidates for each picture that is chosen. */
const CANDIDATES = 5;

/** Pictures by how unsure the model is: the smallest lead of the first class over the second. */
export function leastCertain(
  probabilities: Float64Array,
  classes: number,
  count: number,
): number[] {
  const rows = probabilities.length / classes;
  const lead = Float64Array.from({ length: rows }, (_, row) => {
    let [first, second] = [-Infinity, -Infinity];
    for (let c = 0; c < classes; c++) {
      const p = probabilities[row * classes + c]!;
      if (p > first) [first, second] = [p, first];
      else if (p > second) second = p;
    }
    return first - second;
  });
  return [...lead.keys()].sort((a, b) => lead[a]! - lead[b]!)
    .slice(0, CANDIDATES * count);
}

/**
 * Some of the candidates that are far from each other, so that no two labels tell
 * the same: the first one, then always the one whose nearest chosen one is
 * farthest.
 *
 * @param features `[candidates, dim]`
 * @returns Places among the candidates, at most `count`.
 */
export function farApart(
  features: Float32Array,
  dim: number,
  count: number,
): number[] {
  const rows = features.length / dim;
  const nearest = new Float64Array(rows).fill(Infinity);
  const chosen: number[] = [];
  let next = 0;
  while (chosen.length < Math.min(count, rows)) {
    chosen.push(next);
    let farthest = 0;
    for (let row = 0; row < rows; row++) {
      let distance = 0;
      for (let k = 0; k < dim; k++) {
        distance += (features[row * dim + k]! - features[next * dim + k]!) ** 2;
      }
      nearest[row] = Math.min(nearest[row]!, distance);
      if (nearest[row]! > nearest[farthest]!) farthest = row;
    }
    // Equal pictures need one label only.
    if (nearest[farthest] === 0) break;
    next = farthest;
  }
  return chosen;
}
