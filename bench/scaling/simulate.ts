import { ConfigError } from "../../src/env/mod.ts";
import { modelOf } from "../step/models.ts";
import { vitSegments } from "../../src/model/mod.ts";
import {
  linkRate,
  parseBitRate,
  type StepTime,
  stepTime,
  type Transport,
  TRANSPORTS,
} from "../../cluster/prediction/mod.ts";
import { figure, percent } from "../common/rows.ts";

/** Bytes of an element on the wire over those of f32; int8 has a scale for each block. */
export const WIRES: Readonly<Record<string, number>> = {
  f32: 1,
  bf16: 0.5,
  f16: 0.5,
  int8: 0.25 + 1 / 1024,
};

/** A cluster that is not here. */
export interface Simulation {
  readonly ranks: number;
  readonly link: string;
  readonly stepMs: number;
  readonly shape: string;
  readonly wire: string;
  readonly ranksPerNode: number;
  readonly accumulate: number;
}

/** A size of the world over one transport. */
export interface Predicted extends StepTime {
  readonly ranks: number;
  readonly transport: Transport;
  /** Without overlap of backward and communication. */
  readonly serialEfficiency: number;
}

/** Between processes of one node, over loopback. */
const LOCAL_BITS = 100e9;

/** Predicts steps for worlds of 1, 2, 4, … ranks over every transport. */
export function simulate(simulation: Simulation): Predicted[] {
  const { stepMs, shape, wire, ranksPerNode, accumulate } = simulation;
  const wireShare = WIRES[wire];
  if (wireShare === undefined) {
    throw new ConfigError(`Cannot use --wire ${wire}: there is no such wire`, {
      hint: `wires: ${Object.keys(WIRES).join(" ")}`,
    });
  }
  const bits = parseBitRate(simulation.link);
  // Gradients leave last layers first.
  const bucketBytes = vitSegments(modelOf(shape).config)
    .map(({ length }) => 4 * length).reverse();
  return TRANSPORTS.flatMap((transport) =>
    worldSizes(simulation.ranks).map((ranks) => {
      const world = {
        ranks,
        transport,
        link: linkRate(transport, bits),
        local: linkRate(transport, LOCAL_BITS),
        ranksPerNode,
      };
      const step = (overlap: boolean) =>
        stepTime({
          computeMs: stepMs,
          bucketBytes,
          wireShare,
          accumulate,
          overlap,
          cpuMsPerByte: 0,
        }, world);
      return {
        ranks,
        transport,
        serialEfficiency: step(false).efficiency,
        ...step(true),
      };
    })
  );
}

/** Powers of two up to `most`, and `most`. */
function worldSizes(most: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < most; size *= 2) sizes.push(size);
  return [...sizes, most];
}

/** Headings, then one line a size of the world. */
export function simulationTable(rows: readonly Predicted[]): string[][] {
  return [
    [
      "ranks",
      "transport",
      "algorithm",
      "all-reduce ms",
      "exposed ms",
      "step ms",
      "speed-up",
      "efficiency",
      "without overlap",
    ],
    ...rows.map((row) => [
      `${row.ranks}`,
      row.transport,
      row.algorithms.join(" + ") || "-",
      figure(row.allReduceMs),
      figure(row.exposedMs),
      figure(row.stepMs),
      figure(row.ranks * row.efficiency),
      percent(row.efficiency),
      percent(row.serialEfficiency),
    ]),
  ];
}
