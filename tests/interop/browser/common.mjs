// What the scripts of this folder share: a browser, waiting, and one line per check.
//
// Each prints its checks to standard error and one line of JSON to standard output, and exits with 0 or 1.
// CHROMIUM names another browser than /usr/bin/chromium.

import { chromium } from "playwright-core";

const LIMIT = 150_000; // ms for everything
export const STEP = 20_000; // ms for one thing to happen

const watchdog = setTimeout(() => {
  console.error(`FAILED: not done after ${LIMIT / 1000} s`);
  process.exit(1);
}, LIMIT);

const figures = {};
let failures = 0;

export async function check(name, run) {
  const started = Date.now();
  try {
    Object.assign(figures, await run());
    console.error(`ok      ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failures += 1;
    console.error(`FAILED  ${name}: ${error.message.split("\n", 3).join(" | ")}`);
  }
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export async function launch(folder, extra = []) {
  return chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: false, // the new headless mode is asked for below; playwright's own switch means another binary
    viewport: { width: 1280, height: 1180 },
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--no-default-browser-check",
      "--autoplay-policy=no-user-gesture-required",
      ...extra,
    ],
  });
}

/** Waits until `sample` has yielded something that `enough` accepts. */
export async function until(what, sample, enough) {
  const end = Date.now() + STEP;
  for (;;) {
    const value = await sample();
    if (enough(value)) return value;
    if (Date.now() > end) throw new Error(`${what}: last seen ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Runs `main`, says how it went, and ends the process. */
export async function finish(main) {
  try {
    await main();
  } catch (error) {
    failures += 1;
    console.error(`FAILED  ${error.stack}`);
  }
  clearTimeout(watchdog);
  console.log(JSON.stringify({ result: failures ? "failed" : "ok", failures, ...figures }));
  process.exit(failures ? 1 : 0);
}
