import type { ModelInfo } from "../classifier/mod.ts";

/** Layer norm's epsilon in timm, unless it is told another. */
const TIMM_EPSILON = 1e-6;

/** How other programs load a model folder, as sections of Markdown. */
export function loadingSnippets(info: ModelInfo, headless: boolean): string[] {
  const { width, height } = info.images;
  const { image } = info.model;
  return [
    "## Use with transformers",
    "",
    "```python",
    ...transformers(info, headless),
    "```",
    "",
    ...(info.images.padded
      ? [
        `Where images of the data set are smaller than ${width} x ${height} pixels, training gave them a border, and did not enlarge them.`,
        "",
      ]
      : []),
    ...(width < image || height < image
      ? [
        `Training kept images at ${width} x ${height} pixels and enlarged them to ${image} x ${image}: shrink larger pictures to ${width} x ${height} first.`,
        "",
      ]
      : []),
    "## Use with timm",
    "",
    "The weights with timm's names are what `export --format timm` writes.",
    "",
    "```python",
    ...timm(info, headless),
    "```",
  ];
}

function transformers(info: ModelInfo, headless: boolean): string[] {
  const { model, normalisation, temperature = 1 } = info;
  const own = normalisation.kind === "image";
  const auto = headless ? "AutoModel" : "AutoModelForImageClassification";
  const classes = own ? auto : `AutoImageProcessor, ${auto}`;
  return [
    ...(own ? ["import numpy as np"] : []),
    "import torch",
    "from PIL import Image",
    `from transformers import ${classes}`,
    "",
    'folder = "."  # this folder, or its name on the hub',
    `model = ${auto}.from_pretrained(folder${
      headless ? ", add_pooling_layer=False" : ""
    }).eval()`,
    // A model of gray images sees of others their brightness.
    `image = Image.open("picture.png")${
      info.images.channels === 1 ? '.convert("L")' : ""
    }.convert("RGB")`,
    ...(own
      ? [
        `image = image.resize((${model.image}, ${model.image}), Image.BILINEAR)`,
        "pixels = np.asarray(image, np.float32) / 255",
        "# Every image by itself: mean 0, deviation 1 over all its values.",
        "pixels = (pixels - pixels.mean()) / max(pixels.std(), pixels.size ** -0.5)",
        'inputs = {"pixel_values": torch.from_numpy(pixels).permute(2, 0, 1)[None]}',
      ]
      : [
        "processor = AutoImageProcessor.from_pretrained(folder)",
        'inputs = processor(image, return_tensors="pt")',
      ]),
    "with torch.no_grad():",
    ...(headless
      ? [
        "    tokens = model(**inputs).last_hidden_state",
        `features = ${features(info)}`,
      ]
      : [
        "    logits = model(**inputs).logits",
        temperature === 1
          ? "confidences = logits.softmax(-1)[0]"
          : `confidences = (logits / ${
            temperature.toFixed(4)
          }).softmax(-1)[0]  # calibrated`,
        "best = confidences.argmax().item()",
        "print(model.config.id2label[best], confidences[best].item())",
      ]),
  ];
}

/** What the head of the model has seen of its tokens. */
function features({ feature, model }: ModelInfo): string {
  const first = model.distilled ? 2 : 1;
  const patches = `tokens[:, ${first}:].mean(1)`;
  const token = "tokens[:, 0]";
  return feature === "class"
    ? token
    : feature === "mean"
    ? patches
    : `(${token} + ${patches}) / 2`;
}

function timm({ model }: ModelInfo, headless: boolean): string[] {
  const { image, patch, dim, depth, heads, distilled, epsilon } = model;
  const [module, name] = distilled
    ? ["deit", "VisionTransformerDistilled"]
    : ["vision_transformer", "VisionTransformer"];
  const sizes = {
    img_size: image,
    patch_size: patch,
    embed_dim: dim,
    depth,
    num_heads: heads,
    num_classes: headless ? 0 : model.classes,
  };
  const own = epsilon !== TIMM_EPSILON;
  return [
    ...(own ? ["from functools import partial", "import torch"] : []),
    "from safetensors.torch import load_file",
    `from timm.models.${module} import ${name}`,
    "",
    `model = ${name}(`,
    ...Object.entries(sizes).map(([key, value]) => `    ${key}=${value},`),
    ...(own
      ? [`    norm_layer=partial(torch.nn.LayerNorm, eps=${epsilon}),`]
      : []),
    ").eval()",
    'model.load_state_dict(load_file("exported.safetensors"))',
  ];
}
