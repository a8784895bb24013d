import { Html, html } from "./html.ts";
import css from "./style.css" with { type: "text" };

/** A section of a page; without a body it is left out. */
export interface Section {
  id: string;
  title: string;
  body: Html | undefined;
}

/** A whole page without scripts and without requests. */
export function page({ title, header, sections, footer }: {
  title: string;
  header: Html;
  sections: readonly Section[];
  footer: Html;
}): string {
  const shown = sections.filter(({ body }) => body !== undefined);
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <title>${title}</title>
        <link rel="icon" href="data:,">
        <style>${new Html(css)}</style>
      </head>
      <body>
    ${header}
    <nav aria-label="Sections"><ul>${shown.map(({ id, title }) =>
      html`<li><a href="#${id}">${title}</a></li>`
    )}</ul></nav>
    <main>${shown.map(({ id, title, body }) =>
      html`<section id="${id}"><h2>${title}</h2>${body}</section>`
    )}</main>
    <footer>${footer}</footer>
      </body>
    </html>
  `.text;
}
