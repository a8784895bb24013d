/** Edits (insert, delete, replace, swap) that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** Longest text worth comparing: a key, not a pasted document. */
const LONGEST = 64;

/** The candidate that `text` was most likely meant to be, if any is close. */
export function nearest(
  text: string,
  candidates: Iterable<string>,
): string | undefined {
  if (text.length > LONGEST) return undefined;
  const wanted = text.toLowerCase();
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | undefined;
  let distance = allowed + 1;
  for (const candidate of candidates) {
    const next = editDistance(wanted, candidate.toLowerCase());
    if (next < distance) {
      best = candidate;
      distance = next;
    }
  }
  return best;
}
