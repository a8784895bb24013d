import { doesNotMatch, match, ok, strictEqual } from "node:assert";
import type { ModelInfo } from "../../src/classifier/mod.ts";
import { renderModelCard } from "../../src/report/mod.ts";

const INFO: ModelInfo = {
  model: {
    image: 32,
    patch: 8,
    dim: 64,
    depth: 3,
    heads: 4,
    classes: 3,
    distilled: true,
    epsilon: 1e-6,
  },
  feature: "class",
  normalisation: { kind: "image" },
  classNames: ["cat", "dog | wolf", "<b>bird</b>\n# no title"],
  images: { channels: 3, width: 32, height: 32, padded: false },
  temperature: 0.75,
  phase: "selfTrain",
};
const STEPS = { images: 12_800, steps: 100 };
const RUN = {
  config: {
    name: "animals",
    data: { kind: "folder", path: "/home/someone/pets/" },
    student: { weights: "/home/someone/deit_small.safetensors" },
    phases: { teacher: { labels: "all" }, selfTrain: { method: "fixmatch" } },
  },
  run: { versions: { signet: "9.8.7" } },
  summary: {
    baseline: { test_accuracy: 0.56 },
    phases: {
      teacher: STEPS,
      distill: STEPS,
      classify: STEPS,
      selfTrain: STEPS,
      baseline: STEPS,
    },
  },
  split: { labelled: [1, 2, 3], validation: [4, 5] },
};
const FIGURES = {
  test_accuracy: 0.7855,
  test_images: 2000,
  test_top5: 0.9885,
  val_accuracy: 0.84,
  val_images: 200,
};

Deno.test("renderModelCard() tells what is known of a run's model", () => {
  const card = renderModelCard({
    info: INFO,
    headless: false,
    figures: FIGURES,
    run: RUN,
  });
  const [, front] = card.split("---\n");
  strictEqual(
    front,
    "library_name: transformers\npipeline_tag: image-classification\ntags:\n- image-classification\n- deit\n- signet\nmetrics:\n- accuracy\n",
  );
  match(card, /^# animals$/m);
  match(card, /32 x 32 pixels and 3 classes: patches of 8 x 8, width 64, 3 /);
  match(card, /trained with Signet 9\.8\.7/);
  match(card, /^\| test \| 2000 \| 78\.6.% \|/m);
  match(card, /^\| validation \| 200 \| 84\.0.% \|/m);
  match(card, /labels alone, .* gets 56\.0.% of the test images/);
  match(card, /Data: `folder` from pets, 3 images with labels, 2 held back/);
  match(
    card,
    /Teacher .*\n.*\n- ST-Class .*\n- SSL-ST-Class .*, method fixmatch/,
  );
  match(card, /student started from: deit\\_small\.safetensors/);
  match(card, /AutoModelForImageClassification\.from_pretrained/);
  match(card, /logits \/ 0\.7500/);
  match(card, /VisionTransformerDistilled\(\n {4}img_size=32,/);
  // Neither where things lie on this machine, nor what is not this model's.
  doesNotMatch(card, /someone|Labelled-only/);
});

Deno.test("renderModelCard() lets no class name be more than a name", () => {
  const card = renderModelCard({ info: INFO, headless: false });
  match(card, /cat, dog \\\| wolf, \\<b\\>bird\\<\/b\\> \\# no title\./);
  doesNotMatch(card, /^# no title/m);
});

Deno.test("renderModelCard() of a backbone or an imported model claims nothing more", () => {
  const card = renderModelCard({
    info: { ...INFO, phase: "imported", feature: "mean" },
    headless: true,
    figures: FIGURES,
  });
  match(card, /pipeline_tag: image-feature-extraction/);
  match(card, /tokens\[:, 2:\]\.mean\(1\)/);
  match(card, /num_classes=0/);
  doesNotMatch(card, /accuracy|Results|Classes|trained with|id2label/);
  ok(!card.includes("undefined"));
});

Deno.test("renderModelCard() says that images were kept smaller than the model sees them", () => {
  const card = (image: number) =>
    renderModelCard({
      info: { ...INFO, model: { ...INFO.model, image } },
      headless: true,
    });
  match(card(224), /shrink larger pictures to 32 x 32 first/);
  doesNotMatch(card(32), /shrink/);
});

Deno.test("renderModelCard() shows pictures to a model of gray images as it was trained", () => {
  const card = (channels: 1 | 3) =>
    renderModelCard({
      info: { ...INFO, images: { ...INFO.images, channels } },
      headless: false,
    });
  match(card(1), /open\("picture\.png"\)\.convert\("L"\)\.convert\("RGB"\)/);
  match(card(3), /open\("picture\.png"\)\.convert\("RGB"\)/);
});
