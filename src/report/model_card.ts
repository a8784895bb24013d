import type { ModelInfo } from "../classifier/mod.ts";
import { format } from "./format.ts";
import { loadingSnippets } from "./model_card_code.ts";
import { titleOf } from "./names.ts";
import {
  groupAt,
  listAt,
  numberAt,
  PHASE_ORDER,
  textAt,
  valueAt,
} from "./run_data.ts";

type Json = Readonly<Record<string, unknown>>;

/** A model that is described for others. */
export interface ModelCard {
  info: ModelInfo;
  /** Only the backbone is there. */
  headless: boolean;
  /** Figures of exactly these weights, as the phase that made them found them. */
  figures?: Json | undefined;
  /** Files of the run that it is from. */
  run?: { config: Json; run: Json; summary: Json; split: Json } | undefined;
}

/** More classes than these are left to config.json. */
const MOST_CLASSES = 100;
/** Phases that build on those before them; the others begin anew. */
const CHAINED = ["distill", "classify", "selfTrain"];

/** `README.md` of a model folder: only what is known of the model. */
export function renderModelCard(card: ModelCard): string {
  const { info, headless, run } = card;
  const { image, patch, dim, depth, heads, distilled } = info.model;
  const task = headless ? "image-feature-extraction" : "image-classification";
  const kind = distilled
    ? "A DeiT (a Vision Transformer with a distillation token)"
    : "A Vision Transformer";
  const sections = [
    [
      "---",
      "library_name: transformers",
      `pipeline_tag: ${task}`,
      "tags:",
      ...[task, distilled ? "deit" : "vit", "signet"].map((tag) => `- ${tag}`),
      ...(headless ? [] : ["metrics:", "- accuracy"]),
      "---",
    ],
    [`# ${plain(textAt(run?.config, "name") ?? task)}`],
    [
      `${
        headless ? "Backbone of " : ""
      }${kind} for images of ${image} x ${image} pixels${
        headless ? "" : ` and ${info.classNames.length} classes`
      }: patches of ${patch} x ${patch}, width ${dim}, ${depth} blocks, ${heads} attention heads.${
        origin(card)
      }`,
    ],
    headless ? [] : classes(info),
    headless ? [] : results(card),
    training(card),
    loadingSnippets(info, headless),
  ];
  return `${
    sections.filter((lines) => lines.length > 0)
      .map((lines) => lines.join("\n")).join("\n\n")
  }\n`;
}

/** Models of other programs are imported as well. */
function origin({ info, run }: ModelCard): string {
  if (info.phase === "imported") return "";
  const version = textAt(run?.run, "versions", "signet");
  return ` It was trained with Signet${
    version === undefined ? "" : ` ${version}`
  }.`;
}

/** Text of the user's, without what Markdown would make of it. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]+/g, " ")
    .replace(/[\\`*_{}[\]<>#|~]/g, (sign) => `\\${sign}`);
}

function classes({ classNames }: ModelInfo): string[] {
  return [
    "## Classes",
    "",
    classNames.length > MOST_CLASSES
      ? `${classNames.length}, named in config.json.`
      : `${classNames.map(plain).join(", ")}.`,
  ];
}

function results({ info, figures, run }: ModelCard): string[] {
  // With five classes and fewer it is always right.
  const several = info.classNames.length > 5 ? ["top5"] : [];

  const cells = (split: "test" | "val", images: string | undefined) => {
    const accuracy = numberAt(figures, `${split}_accuracy`);
    return accuracy === undefined ? [] : [[
      split === "test" ? "test" : "validation",
      images ?? "",
      format(accuracy, "percent"),
      ...[...several, "macro_f1"].map((name) =>
        percentOrNothing(numberAt(figures, `${split}_${name}`))
      ),
      percentOrNothing(
        numberAt(figures, `${split}_ece_calibrated`) ??
          numberAt(figures, `${split}_ece`),
      ),
    ]];
  };
  const count = (name: string) => {
    const value = numberAt(figures, name);
    return value === undefined ? undefined : String(value);
  };
  const rows = [
    ...cells("test", count("test_images")),
    ...cells("val", count("val_images")),
  ];
  if (rows.length === 0) return [];
  const alone = ["classify", "selfTrain"].includes(info.phase)
    ? numberAt(run?.summary, "baseline", "test_accuracy")
    : undefined;
  return [
    "## Results",
    "",
    `| split | images | accuracy |${
      several.length > 0 ? " top-5 |" : ""
    } macro F1 | calibration error |`,
    `|${" --- |".repeat(5 + several.length)}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
    `The validation images have chosen the step and the temperature; the test images have chosen nothing.${
      alone === undefined
        ? ""
        : ` Training on the labels alone, without a teacher and without unlabelled images, gets ${
          format(alone, "percent")
        } of the test images right.`
    }`,
  ];
}

function percentOrNothing(value: number | undefined): string {
  return value === undefined ? "" : format(value, "percent");
}

function training({ info, run }: ModelCard): string[] {
  if (run === undefined) return [];
  const { config, summary, split } = run;
  const path = textAt(config, "data", "path");
  const labelled = listAt(split, "labelled").length;
  const validation = listAt(split, "validation").length;
  const chain = CHAINED.includes(info.phase)
    ? PHASE_ORDER.slice(0, PHASE_ORDER.indexOf(info.phase) + 1)
    : [info.phase];
  const phases = chain.filter((phase) =>
    valueAt(summary, "phases", phase) !== undefined
  );
  return [
    "## Training",
    "",
    `- Data: \`${textAt(config, "data", "kind")}\`${
      path === undefined ? "" : ` from ${plain(lastPart(path))}`
    }${
      labelled + validation === 0
        ? ""
        : `, ${labelled} images with labels, ${validation} held back for validation`
    }.`,
    ...weights(config, info.phase),
    ...phases.map((phase) => {
      const figures = groupAt(summary, "phases", phase);
      return `- ${titleOf(phase)} (\`${phase}\`): ${
        format(numberAt(figures, "images"), "count")
      } images in ${format(numberAt(figures, "steps"), "count")} steps${
        detail(config, phase)
      }.`;
    }),
  ];
}

/** What a phase's title does not say of it. */
function detail(config: Json, phase: string): string {
  if (phase.startsWith("teacher")) {
    return textAt(config, "phases", "teacher", "labels") === "all"
      ? ", with the labels of all training images"
      : ", with the labelled images";
  }
  if (phase === "classify") {
    const backbone = textAt(config, "phases", "classify", "backbone");
    return backbone === undefined ? "" : `, backbone ${backbone}`;
  }
  const method = textAt(config, "phases", "selfTrain", "method");
  return phase !== "selfTrain" || method === undefined
    ? ""
    : `, method ${method}`;
}

/** Files that models have started from. */
function weights(config: Json, phase: string): string[] {
  const models = phase.startsWith("teacher")
    ? ["teacher"]
    : phase === "baseline"
    ? ["student"]
    : ["teacher", "student"];
  return models.flatMap((model) => {
    const file = textAt(config, model, "weights");
    return file === undefined
      ? []
      : [`- Weights that the ${model} started from: ${plain(lastPart(file))}.`];
  });
}

/** Where it lies on this machine is nobody's business. */
function lastPart(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1)!;
}
