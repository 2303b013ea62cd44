// Has the page of a running `drywire serve` send a large file with a headless Chromium, without and with a connection that
// is lost in between.
//
//   node files.mjs http://127.0.0.1:8080 MEBIBYTES [FOLDER]
//
// FOLDER is the one that the server keeps files in, if it was started with --files. See common.mjs for what it prints.

import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STEP, check, expect, finish, launch } from "./common.mjs";

const [server, mebibytes, kept] = process.argv.slice(2);
const LENGTH = Number(mebibytes) * 1024 * 1024;
const PATIENCE = 120_000; // ms for one file

async function hash(path) {
  const sha = createHash("sha256");
  for await (const bytes of createReadStream(path)) sha.update(bytes);
  return sha.digest("hex");
}

const text = (page, ...ids) =>
  page.evaluate((ids) => ids.map((id) => document.getElementById(id).textContent), ids);

async function connect(page) {
  await page.selectOption("#source", "data");
  await page.click("#connect");
  await page.waitForFunction(() => document.getElementById("status").dataset.state === "connected");
}

/** Waits for the verdict of the page, and compares it. */
async function arrived(page, sha) {
  await page.waitForFunction(() => document.getElementById("file-result").dataset.kind, null, { timeout: PATIENCE });
  const [result, sent, returned] = await text(page, "file-result", "hash-sent", "hash-returned");
  expect(sent === sha && returned === sha, `shown ${result} | ${sent} | ${returned}, really ${sha}`);
  expect(result.includes("equal"), result);
  return result;
}

/** Presses a button at the moment when so much of the file is out ("sent") or back ("returned"), before anything more comes. */
const press = (page, button, way, share) =>
  page.evaluate(
    ([button, way, share]) =>
      new Promise((yes) => {
        const progress = document.getElementById(way);
        const observer = new MutationObserver(look);
        observer.observe(progress, { attributeFilter: ["value"] });
        look();
        function look() {
          if (progress.value < share) return;
          observer.disconnect();
          document.getElementById(button).click();
          yes();
        }
      }),
    [button, way, share],
  );

async function storedOnce(folder, sha) {
  const names = await readdir(folder);
  expect(names.length === 1, `in the folder are ${names}`);
  const stored = await hash(join(folder, names[0]));
  expect(stored === sha, `stored is ${stored}, sent was ${sha}`);
  await rm(join(folder, names[0]));
}

await finish(async () => {
  if (!server || !LENGTH) throw new Error("usage: node files.mjs http://HOST:PORT MEBIBYTES [FOLDER]");
  const folder = await mkdtemp(join(tmpdir(), "drywire-chromium-"));
  try {
    const path = join(folder, "random.bin");
    const bytes = randomBytes(LENGTH);
    await writeFile(path, bytes);
    const sha = createHash("sha256").update(bytes).digest("hex");
    const context = await launch(join(folder, "profile"));
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`        page error: ${error.message}`));
    page.setDefaultTimeout(STEP);
    await page.goto(server);
    await check(`${mebibytes} MiB go out and come back with the same SHA-256`, async () => {
      await connect(page);
      const started = Date.now();
      await page.setInputFiles("#file", path);
      const result = await arrived(page, sha);
      const seconds = (Date.now() - started) / 1000;
      if (kept) await storedOnce(kept, sha);
      return { file: result, megabytes_per_second_each_way: LENGTH / 1e6 / seconds };
    });
    await check("the same with connections lost in between goes on from where it was", async () => {
      // From where the server took the file, and from where the page took it back.
      await page.evaluate(() => {
        globalThis.accepted = { server: [], page: [] };
        const note = (by, data) => {
          if (typeof data === "string" && data.startsWith("ACCEPT ")) globalThis.accepted[by].push(Number(data.split(" ")[2]));
        };
        const { send } = RTCDataChannel.prototype;
        RTCDataChannel.prototype.send = function (data) {
          note("page", data);
          return send.call(this, data);
        };
        const { createDataChannel } = RTCPeerConnection.prototype;
        RTCPeerConnection.prototype.createDataChannel = function (...options) {
          const channel = createDataChannel.apply(this, options);
          channel.addEventListener("message", ({ data }) => note("server", data));
          return channel;
        };
      });
      await page.setInputFiles("#file", path);
      await press(page, "hangup", "sent", 0.3);
      expect((await text(page, "file-result"))[0].startsWith("Interrupted"), "no word of the interruption");
      await connect(page);
      await press(page, "connect", "returned", 0.5);
      const result = await arrived(page, sha);
      if (kept) await storedOnce(kept, sha);
      const accepted = await page.evaluate(() => globalThis.accepted);
      const [first, second, third] = accepted.server;
      const said = `accepted from ${JSON.stringify(accepted)}`;
      expect(accepted.server.length === 3 && first === 0 && second > LENGTH / 10 && third >= LENGTH / 2, said);
      expect(accepted.page.at(-1) >= LENGTH / 2, said);
      return { resumed: result, accepted };
    });
    await context.close();
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
