import { createHash } from "node:crypto";
import type { Picture } from "../data/mod.ts";
import { Html, html, shorten } from "./html.ts";
import css from "./style.css" with { type: "text" };
import own from "./label_page.css" with { type: "text" };
import script from "./label_page.js" with { type: "text" };
import { dataUrl } from "./thumbnails.ts";

/** Longer side of a picture on the page, in pixels. */
const SIDE = 320;
/** Classes that are suggested for a picture. */
const SUGGESTED = 9;

/** A picture that wants a label. */
export interface QueuedImage {
  /** Its name in the data set, which the table of labels refers to. */
  name: string;
  picture: Picture;
  /** Of each class, as the model sees it. */
  probabilities: ArrayLike<number>;
}

/**
 * A page to label pictures with the keyboard, without network or server: it gives
 * the table `labels.csv`, which `data.labels` of a configuration takes.
 *
 * The one script is allowed by its hash, so no name of an image or class can run.
 */
export function renderLabelPage({ title, classNames, given, images }: {
  title: string;
  classNames: readonly string[];
  /** Labels that the run was given by hand: the saved table holds them too. */
  given: readonly { name: string; label: string }[];
  images: readonly QueuedImage[];
}): string {
  const items = images.map(({ name, picture, probabilities }) => ({
    name,
    picture: dataUrl(picture, SIDE),
    likely: Array.from(probabilities, (share, c) => [c, share] as const)
      .sort((a, b) => b[1] - a[1])
      .slice(0, Math.max(SUGGESTED, classNames.length <= 10 ? 10 : 0))
      .map(([c, share]) => [c, Number(share.toFixed(4))]),
  }));
  // Labels are kept in the browser by numbers of images and classes.
  const named = JSON.stringify([classNames, items.map(({ name }) => name)]);
  const store = `signet-labels-${
    createHash("sha256").update(named).digest("hex").slice(0, 16)
  }`;
  const queue = JSON.stringify({ classes: classNames, given, items, store })
    .replaceAll("<", "\\u003c");
  const hash = createHash("sha256").update(script).digest("base64");
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${hash}'">
        <title>${title} · Signet labels</title>
        <link rel="icon" href="data:,">
        <style>${new Html(css)}${new Html(own)}</style>
      </head>
      <body>
        <header>
          <p class="brand"><span class="logo" aria-hidden="true"></span>Signet</p>
          <h1>${shorten(title, 64)}</h1>
          <p
            class="facts"><span>${images
              .length} pictures that the model is least sure of</span>${given
                  .length > 0 &&
              html`<span>${given.length} labelled before, in the saved table too</span>`}</p>
        </header>
        <main>
          <section>
            <div class="work">
              <figure>
                <img id="picture" alt="">
                <figcaption><span id="name"></span><span id="place"></span></figcaption>
              </figure>
              <div>
                <input id="search" type="search" placeholder="Find a class"
                  aria-label="Find a class" hidden>
                <div id="choices"></div>
              </div>
            </div>
            <div class="bar">
              <button id="back" type="button"><kbd>←</kbd> Back</button>
              <button id="next" type="button"><kbd>→</kbd> Next</button>
              <button id="skip" type="button"><kbd>s</kbd> Pass over</button>
              <button id="clear" type="button"><kbd>u</kbd> Remove label</button>
              <progress id="progress" value="0" max="1"
                aria-label="Progress"></progress>
              <span id="count"></span>
              <button id="save" type="button"
                class="primary"><kbd>d</kbd> Save labels.csv</button>
            </div>
            <div id="strip"></div>
            <p class="hint">
              A digit gives the class, Enter the likeliest one, / finds a class where
              there are many. Bars show what the model believes. What you label stays in this browser
              until you save it; the next run takes it with
              <code>data.labels=labels.csv</code>.
            </p>
          </section>
        </main>
        <script type="application/json" id="queue">${new Html(queue)}</script>
        <script>${new Html(script)}</script>
      </body>
    </html>
  `.text;
}
