import { barChart } from "./bar_chart.ts";
import { figure, format } from "./format.ts";
import { type Html, html, shorten } from "./html.ts";
import { titleOf, toneOf } from "./names.ts";
import { groupAt, listAt, numberAt, type RunData, textAt } from "./run_data.ts";

/** Test accuracy of the labelled-only model, 0..1, and where it is written. */
export function baselineOf(
  { summary }: RunData,
): { value: number; path: string } | undefined {
  for (const path of ["baseline", "phases.baseline"]) {
    const value = numberAt(summary, ...path.split("."), "test_accuracy");
    if (value !== undefined) return { value, path: `${path}.test_accuracy` };
  }
  return undefined;
}

/** Test accuracy of ridge regression on the pixels with the same labels, 0..1. */
export function pixelRidgeOf({ phases, summary }: RunData): number | undefined {
  return phases.map((phase) =>
    numberAt(summary, "phases", phase, "pixel_ridge_accuracy")
  ).find((value) => value !== undefined);
}

/** Name, data and the one sentence that people come for. */
export function header(data: RunData): Html {
  const name = textAt(data.config, "name") ?? "run";
  const kind = textAt(data.config, "data", "kind");
  const ranks = listAt(data.run, "ranks").length;
  const seconds = data.phases.reduce(
    (sum, phase) =>
      sum + (numberAt(data.summary, "phases", phase, "seconds") ?? 0),
    0,
  );
  const facts = [
    kind,
    labels(data),
    ranks > 0 && `${ranks} rank${ranks === 1 ? "" : "s"}`,
    seconds > 0 && `${format(seconds, "seconds")} of training`,
    numberAt(data.config, "seed") !== undefined &&
    `seed ${numberAt(data.config, "seed")}`,
  ].filter((fact) => typeof fact === "string" && fact !== "") as string[];
  return html`<header>
<p class="brand"><span class="logo" aria-hidden="true"></span>Signet</p>
<h1>${shorten(name, 64)}</h1>
<p class="facts">${
    facts.map((fact) => html`<span>${shorten(fact, 80)}</span>`)
  }</p>
${verdict(data)}
${tiles(data)}
</header>`;
}

function labels({ config, byHand }: RunData): string | undefined {
  const count = numberAt(config, "data", "labelsPerClass");
  if (count === undefined) return undefined;
  const own = count === 0
    ? "all labels"
    : `${count} label${count === 1 ? "" : "s"} per class`;
  return byHand === 0 ? own : `${own} and ${byHand} by hand`;
}

function verdict(data: RunData): Html {
  const phase = textAt(data.summary, "shipped", "phase");
  const reason = textAt(data.summary, "shipped", "reason");
  const state = textAt(data.run, "state");
  const failure = failureOf(data);
  if (phase === undefined) {
    const ready = data.phases.length === 0
      ? "No phase has finished yet."
      : "The run has not chosen a model yet.";
    return html`<p class="verdict">${ready}</p>${
      reasonLine(failure ?? reason)
    }`;
  }
  const accuracy = numberAt(data.summary, "phases", phase, "test_accuracy");
  const base = baselineOf(data);
  const difference = accuracy === undefined || base === undefined ||
      phase === "baseline"
    ? undefined
    : accuracy - base.value;
  return html`
    <p
      class="verdict">${state !== undefined && state !== "done" &&
        html`
          <b>This run is not complete (${shorten(state, 20)}).</b> So far,
        `}<b>${titleOf(
          phase,
        )}</b> is the model to use${accuracy !== undefined &&
        html`: it gets <b>${
          format(accuracy, "percent")
        }</b> of the test images right`}${difference !== undefined &&
        html`, <b>${
          format(Math.abs(difference), "points").slice(1)
        } points</b> ${
          difference < 0 ? "below" : "above"
        } training on the labels alone`}.</p>${reasonLine(
          failure ?? reason,
        )}${floorLine(accuracy, pixelRidgeOf(data))}
  `;
}

/** What a linear classifier on the pixels gets with the same labels. */
function floorLine(
  accuracy: number | undefined,
  floor: number | undefined,
): Html | undefined {
  if (floor === undefined || accuracy === undefined) return undefined;
  return html`<p class="reason">Ridge regression on the pixels, without any network,
gets ${format(floor, "percent")} with the same labels${
    floor > accuracy
      ? html`: <b>this model is not better</b>. Train longer, or label more.`
      : "."
  }</p>`;
}

/** What ended the run, if something did. */
function failureOf({ run }: RunData): string | undefined {
  const cause = textAt(run, "failure", "cause");
  const rank = numberAt(run, "failure", "rank");
  if (cause === undefined) return undefined;
  return rank === undefined ? cause : `Rank ${rank}: ${cause}`;
}

function reasonLine(text: string | undefined): Html {
  return text === undefined
    ? html``
    : html`<p class="reason">${shorten(text, 300)}</p>`;
}

function tiles(data: RunData): Html {
  const shipped = textAt(data.summary, "shipped", "phase");
  const base = baselineOf(data);
  const found = data.phases.filter((phase) =>
    numberAt(data.summary, "phases", phase, "test_accuracy") !== undefined
  );
  if (found.length === 0) return html``;
  return html`<div class="tiles">${
    found.map((phase) => {
      const value = numberAt(data.summary, "phases", phase, "test_accuracy")!;
      const compared = base && (phase === "classify" || phase === "selfTrain");
      return html`
        <div
          class="tile ${toneOf(phase)}${phase === shipped
            ? " shipped"
            : ""}"><span class="what">${titleOf(
              phase,
            )}</span><span class="big">${figure(
              `phases.${phase}.test_accuracy`,
              value,
              "percent",
            )}</span><span class="delta">${keptStart(phase, data)
            ? note(phase, data)
            : compared
            ? html`${
              difference(value - base.value)
            } points against the baseline`
            : note(phase, data)}</span></div>
      `;
    })
  }</div>`;
}

/** A signed difference whose direction shows without colour. */
export function difference(value: number): Html {
  return html`<b class="${value < 0 ? "down" : "up"}">${
    value < 0 ? "▼" : "▲"
  } ${format(value, "points")}</b>`;
}

/** Self-training found nothing better than the model it began with. */
function keptStart(phase: string, { summary }: RunData): boolean {
  return phase === "selfTrain" &&
    numberAt(summary, "phases", phase, "best_step") === 0;
}

/** Why self-training has kept the model that it began with. */
function startNote(phase: string, data: RunData): string[] {
  if (!keptStart(phase, data)) return [];
  return textAt(data.summary, "phases", phase, "refused") === undefined
    ? ["tie: its start is kept"]
    : ["not trained: its start was too weak"];
}

/** How often the guard of self-training had to answer. */
function collapseNote({ summary }: RunData): string[] {
  const times = numberAt(summary, "phases", "selfTrain", "collapses") ?? 0;
  if (times === 0) return [];
  return [`collapsed ${times === 1 ? "once" : `${times} times`}`];
}

/** Which labels a phase used, or how it ended, in a few words. */
export function note(phase: string, data: RunData): string {
  const { config } = data;
  switch (phase) {
    case "selfTrain":
      return [
        ...startNote(phase, data),
        ...collapseNote(data),
      ].join("; ");
    case "teacher":
    case "teacher2":
    case "teacher3":
    case "teacher4":
      return textAt(config, "phases", "teacher", "labels") === "labelled"
        ? "labelled images only"
        : "all labels: stands for a pre-trained model";
    case "distill":
      return (numberAt(config, "phases", "distill", "labels") ?? 0) > 0
        ? "with labels"
        : "no labels used";
    case "baseline":
      return "same labels, no unlabelled data";
    default:
      return "";
  }
}

/** All phases side by side. */
export function comparison(data: RunData): Html {
  const base = baselineOf(data);
  const phases = groupAt(data.summary, "phases");
  const bars = data.phases.flatMap((phase) => {
    const value = numberAt(phases, phase, "test_accuracy");
    return value === undefined
      ? []
      : [{ label: titleOf(phase), value, tone: toneOf(phase) }];
  });
  const floor = pixelRidgeOf(data);
  if (floor !== undefined && bars.length > 0) {
    bars.push({
      label: "Pixel ridge, no network",
      value: floor,
      tone: "gray" as const,
    });
  }
  return barChart({
    id: "accuracy-by-phase",
    title: "Accuracy on the test split",
    unit: "percent",
    bars,
    max: 1,
    ...(base ? { reference: { value: base.value, label: "baseline" } } : {}),
  });
}
