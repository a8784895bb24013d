import { type Browser, chromium, type Page } from "playwright-core";
import { realEnv } from "../../src/env/mod.ts";

const { disk } = realEnv;
/** Screenshots stay here for people to look at. */
export const OUT = "tests/browser/out";

/** `SIGNET_CHROMIUM`, or the first browser on the PATH. */
async function findChromium(): Promise<string> {
  const set = Deno.env.get("SIGNET_CHROMIUM");
  if (set) return set;
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      if (await disk.stat(`${folder}/${name}`)) return `${folder}/${name}`;
    }
  }
  throw new Error(
    "No Chromium found: install the package chromium or set SIGNET_CHROMIUM",
  );
}

/** A Chromium without a window. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: await findChromium(),
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
    ],
  });
}

/** A page and what it has complained of. */
export interface Opened {
  page: Page;
  /** Console messages, page errors and requests other than the file itself. */
  complaints: string[];
}

/** Opens a file. */
export async function open(
  browser: Browser,
  path: string,
  colorScheme: "light" | "dark",
): Promise<Opened> {
  const page = await browser.newPage({
    viewport: { width: 1240, height: 900 },
    colorScheme,
  });
  const complaints: string[] = [];
  const url = `file://${path}`;
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) {
      complaints.push(`request: ${request.url()}`);
    }
  });
  await page.goto(url);
  return { page, complaints };
}
