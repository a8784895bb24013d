/** How many jobs an array such as `1-5`, `0-20:5` or `1,7,9%2` has; 0 where it is none. */
export function countArray(text: string): number {
  const [list = "", atOnce = "1", ...more] = text.split("%");
  if (more.length > 0 || !/^\d{1,7}$/.test(atOnce)) return 0;
  let count = 0;
  for (const part of list.split(",")) {
    const match = /^(\d{1,7})(?:-(\d{1,7})(?::(\d{1,7}))?)?$/.exec(part);
    if (match === null) return 0;
    const [, first, last = first, step = "1"] = match;
    const steps = (Number(last) - Number(first)) / Number(step);
    // Backwards, or in steps of 0.
    if (!(steps >= 0 && steps < Infinity)) return 0;
    count += Math.floor(steps) + 1;
  }
  return count;
}
