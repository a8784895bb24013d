import { deepStrictEqual } from "node:assert";
import { nodesIn } from "../../cluster/gpus/mod.ts";

// What the kernel driver says in /proc of two cards, shortened.
const FACTS = `Model: \t\t Tesla T4
IRQ:   \t\t 93
GPU UUID: \t GPU-6fb6d3db-0c4c-1f1a-3a0e-7a7d3c8f2b11
Video BIOS: \t 90.04.38.00.03
Bus Location: \t 0000:3b:00.0
Device Minor: \t 1
GPU Excluded:\t No
Model: \t\t Tesla T4
GPU UUID: \t GPU-11b6d3db-0c4c-1f1a-3a0e-7a7d3c8f2b12
Bus Location: \t 0000:af:00.0
Device Minor: \t 0
GPU Excluded:\t No
`;

Deno.test("nodesIn() finds the device node of each GPU, whose number is not its place", () => {
  deepStrictEqual([...nodesIn(FACTS)], [
    ["6fb6d3db-0c4c-1f1a-3a0e-7a7d3c8f2b11", "/dev/nvidia1"],
    ["11b6d3db-0c4c-1f1a-3a0e-7a7d3c8f2b12", "/dev/nvidia0"],
  ]);
  deepStrictEqual([...nodesIn("")], []);
});
