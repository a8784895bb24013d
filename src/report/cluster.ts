import {
  describeStraggler,
  findStraggler,
  median,
  type MetricsLine,
  type RankMeans,
} from "../run/mod.ts";
import { stackChart } from "./bar_chart.ts";
import { format } from "./format.ts";
import { type Html, html } from "./html.ts";
import { titleOf } from "./names.ts";
import { asFigure, type RunData } from "./run_data.ts";

/** More ranks than this have no bars of their own. */
const MOST_BARS = 8;

/** Most ranks that are looked at. */
const MOST_RANKS = 1024;

interface PhaseRanks {
  phase: string;
  ranks: RankMeans[];
  stepMs: number;
  /** Part of the steps that ranks waited for each other. */
  exposed: number;
}

/** When ranks were ready, how long they waited and who held them up. */
export function cluster(data: RunData): Html | undefined {
  const phases = data.phases.flatMap((phase) => ranksOf(data, phase) ?? []);
  if (phases.length === 0) return undefined;
  const bars = phases.filter(({ ranks }) => ranks.length <= MOST_BARS)
    .flatMap(({ phase, ranks }) =>
      ranks.map(({ readyMs, waitMs }, rank) => ({
        label: `${titleOf(phase)}, rank ${rank}`,
        parts: [readyMs, waitMs],
      }))
    );
  return html`
    ${bars.length > 0 && stackChart({
      id: "rank-time",
      title: "Where the ranks' step time went",
      names: ["own work", "waiting for others"],
      rows: bars,
      total: (sum) => `${format(sum, "number")} ms`,
    })}
    <table>
      <thead>
        <tr>
          <th scope="col">Phase</th>
          <th scope="col" class="n">Ranks</th>
          <th scope="col" class="n">Waiting</th>
          <th scope="col">Verdict</th>
        </tr>
      </thead>
      <tbody>${phases.map(({ phase, ranks, stepMs, exposed }) => {
        const straggler = findStraggler(ranks, stepMs);
        return html`
          <tr>
            <td>${titleOf(phase)}</td>
            <td class="n">${String(ranks.length)}</td>
            <td class="n">${format(exposed, "percent")}</td>
            <td>${straggler
              ? describeStraggler(straggler)
              : "no rank is slow"}</td>
          </tr>
        `;
      })}</tbody>
    </table>
    <p
      class="hint">Waiting: part of a step in which ranks wait for sums of the others.</p>
  `;
}

/** Medians over the lines of a phase; undefined without several ranks. */
function ranksOf(data: RunData, phase: string): PhaseRanks | undefined {
  const lines = data.metrics.filter((line) =>
    line.phase === phase && line.split === "train" &&
    figures(line, "ready_ms").length > 1
  );
  if (lines.length === 0) return undefined;
  const count = figures(lines[0]!, "ready_ms").length;
  const ranks = Array.from({ length: count }, (_, rank) => {
    const of = (key: "ready_ms" | "wait_ms" | "round_trip_ms") =>
      median(lines.map((line) => Math.max(0, figures(line, key)[rank] ?? 0)));
    return {
      readyMs: of("ready_ms"),
      waitMs: of("wait_ms"),
      roundTripMs: of("round_trip_ms"),
    };
  });
  return {
    phase,
    ranks,
    stepMs: median(lines.map(({ step_ms }) => asFigure(step_ms) ?? 0)),
    exposed: median(
      lines.map((line) => asFigure(line.exposed_communication) ?? 0),
    ),
  };
}

/** A list of numbers of a line; what is no number counts as 0. */
function figures(line: MetricsLine, key: keyof MetricsLine): number[] {
  const found: unknown = line[key];
  return Array.isArray(found)
    ? found.slice(0, MOST_RANKS).map((value) => asFigure(value) ?? 0)
    : [];
}
