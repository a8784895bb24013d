/** Places of each class's images, in one pass: there may be thousands of classes. */
export function membersOf(labels: Int32Array, classes: number): number[][] {
  const members: number[][] = Array.from({ length: classes }, () => []);
  labels.forEach((label, i) => members[label]?.push(i));
  return members;
}
