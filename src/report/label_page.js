// The page of `label-queue`: one picture at a time, a key for each class.
// Everything is kept in the browser until the table is saved as a file.

const { classes, given, items, store } = JSON.parse(
  document.getElementById("queue").textContent,
);
/** Up to this many classes each has a key of its own; above, the suggestions have. */
const KEYS = "1234567890";
const fixed = classes.length <= KEYS.length;

const byId = (id) => document.getElementById(id);
const picture = byId("picture");
const choices = byId("choices");
const search = byId("search");
const strip = byId("strip");

/** Class number by picture; null = passed over. */
let labels = new Map();
let current = 0;

restore();
for (const [i, item] of items.entries()) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = item.name;
  button.append(image(item), document.createElement("span"));
  button.addEventListener("click", () => show(i));
  strip.append(button);
}
search.hidden = fixed;
// A few pixels enlarged are clearer as squares; photographs are not.
picture.addEventListener("load", () => {
  picture.classList.toggle("pixels", picture.naturalWidth < 128);
});
search.addEventListener("input", drawChoices);
byId("skip").addEventListener("click", () => label(null));
byId("clear").addEventListener("click", clear);
byId("back").addEventListener("click", () => show(current - 1));
byId("next").addEventListener("click", () => show(current + 1));
byId("save").addEventListener("click", save);
addEventListener("keydown", onKey);
const open = items.findIndex((_, i) => !labels.has(i));
show(open < 0 ? 0 : open);

function image(item) {
  const element = document.createElement("img");
  element.src = item.picture;
  element.alt = item.name;
  return element;
}

/** The classes that can be chosen, in the order of their keys. */
function offered() {
  const { likely } = items[current];
  if (fixed) return classes.map((_, c) => c);
  const wanted = search.value.trim().toLowerCase();
  if (wanted === "") return likely.map(([c]) => c);
  return classes.map((_, c) => c)
    .filter((c) => classes[c].toLowerCase().includes(wanted));
}

function show(index) {
  current = Math.min(items.length - 1, Math.max(0, index));
  const item = items[current];
  picture.src = item.picture;
  picture.alt = item.name;
  byId("name").textContent = item.name;
  byId("place").textContent = `${current + 1} of ${items.length}`;
  search.value = "";
  drawChoices();
  draw();
  strip.children[current].scrollIntoView({
    block: "nearest",
    inline: "center",
  });
}

function drawChoices() {
  const likely = new Map(items[current].likely);
  const best = Math.max(...likely.values());
  choices.replaceChildren(
    ...offered().slice(0, 40).map((c, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.class = c;
      const key = document.createElement("kbd");
      key.textContent = KEYS[i] ?? "";
      const name = document.createElement("span");
      name.textContent = classes[c];
      const share = likely.get(c) ?? 0;
      const bar = document.createElement("i");
      bar.style.width = `${100 * share}%`;
      const number = document.createElement("small");
      number.textContent = share > 0.0005
        ? `${(100 * share).toFixed(1)} %`
        : "";
      button.append(key, name, number, bar);
      button.classList.toggle("best", share === best);
      button.classList.toggle("chosen", labels.get(current) === c);
      button.addEventListener("click", () => label(c));
      return button;
    }),
  );
}

function label(c) {
  labels.set(current, c);
  keep();
  const after = items.findIndex((_, i) => i > current && !labels.has(i));
  const next = after < 0 ? items.findIndex((_, i) => !labels.has(i)) : after;
  show(next < 0 ? current + 1 : next);
}

function clear() {
  labels.delete(current);
  keep();
  show(current);
}

function draw() {
  let done = 0;
  items.forEach((_, i) => {
    const button = strip.children[i];
    const c = labels.get(i);
    if (c !== undefined && c !== null) done++;
    button.className = c === undefined
      ? ""
      : c === null
      ? "skipped"
      : "labelled";
    button.toggleAttribute("aria-current", i === current);
    button.lastChild.textContent = c === undefined
      ? ""
      : c === null
      ? "passed over"
      : classes[c];
  });
  byId("count").textContent = `${done} labelled`;
  byId("progress").max = items.length;
  byId("progress").value = labels.size;
  byId("save").disabled = done === 0;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === search) {
    if (event.key === "Enter" && offered().length > 0) label(offered()[0]);
    else if (event.key !== "Escape") return;
    search.blur();
    event.preventDefault();
    return;
  }
  const place = KEYS.indexOf(event.key);
  if (place >= 0) {
    const c = offered()[place];
    if (c !== undefined) label(c);
    return;
  }
  const action = {
    ArrowRight: () => show(current + 1),
    ArrowLeft: () => show(current - 1),
    Enter: () => label(items[current].likely[0][0]),
    s: () => label(null),
    u: clear,
    Backspace: clear,
    d: save,
    "/": () => search.focus(),
  }[event.key];
  // Enter on a button presses that button.
  if (!action || (event.key === "Enter" && event.target !== document.body)) {
    return;
  }
  event.preventDefault();
  action();
}

/** `name,label` lines of everything that has a class, here or in the run before. */
function save() {
  const cell = (text) =>
    /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const fresh = items.flatMap(({ name }, i) => {
    const c = labels.get(i);
    return c === undefined || c === null ? [] : [{ name, label: classes[c] }];
  });
  if (fresh.length === 0) return;
  const lines = [...given, ...fresh].map(({ name, label }) =>
    `${cell(name)},${cell(label)}\n`
  );
  const link = document.createElement("a");
  link.download = "labels.csv";
  link.href = URL.createObjectURL(
    new Blob(["name,label\n", ...lines], { type: "text/csv" }),
  );
  link.click();
  URL.revokeObjectURL(link.href);
}

// A page from a file may have no storage; then only the saved table stays.
function keep() {
  try {
    localStorage.setItem(store, JSON.stringify([...labels]));
  } catch {
    // Nothing else can be done.
  }
}

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(store) ?? "[]");
    labels = new Map(kept.filter(([i]) => i < items.length));
  } catch {
    labels = new Map();
  }
}
