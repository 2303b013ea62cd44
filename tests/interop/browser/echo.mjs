// Drives a headless Chromium against a running `drywire serve`: the page as a user would, and data channels in depth.
//
//   node echo.mjs http://127.0.0.1:8080 [SCREENSHOT.png]
//
// See common.mjs for what it prints.

import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STEP, check, expect, finish, launch, until } from "./common.mjs";

const [server, screenshot] = process.argv.slice(2);

/** Opens the page and remembers the peer connections that it makes, to ask them for statistics. */
async function open(context) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`        page error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && console.error(`        page says: ${message.text()}`));
  await page.addInitScript(() => {
    globalThis.connections = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options) {
        super(...options);
        globalThis.connections.push(this);
      }
    };
  });
  page.setDefaultTimeout(STEP);
  await page.goto(server);
  return page;
}

/** One entry of the newest connection's statistics. */
function stat(page, type, kind) {
  return page.evaluate(
    async ([type, kind]) => {
      const report = await globalThis.connections.at(-1).getStats();
      return [...report.values()].find((entry) => entry.type === type && (!kind || entry.kind === kind)) ?? null;
    },
    [type, kind],
  );
}

const connected = (page) =>
  page.waitForFunction(() => document.getElementById("status").dataset.state === "connected");

async function thePage(page) {
  await check("the page connects with camera and microphone", async () => {
    await page.selectOption("#source", "camera");
    const started = Date.now();
    await page.click("#connect");
    await connected(page);
    return { connect_ms: Date.now() - started };
  });
  await check("DTLS 1.3 with X25519MLKEM768", async () => {
    const transport = await until("transport", () => stat(page, "transport"), (now) => now?.dtlsState === "connected");
    expect(transport.tlsVersion?.toUpperCase() === "FEFC", `tlsVersion ${transport.tlsVersion}`);
    const { sessions } = await (await fetch(`${server}/stats`)).json();
    const groups = sessions.map((session) => session.group);
    expect(groups.includes("X25519MLKEM768"), `groups ${JSON.stringify(groups)}`);
    await page.waitForFunction(() => document.getElementById("f-group").textContent.includes("X25519MLKEM768"));
    return { cipher: transport.dtlsCipher, srtp: transport.srtpCipher };
  });
  await check("a message typed into the page comes back", async () => {
    for (const text of ["Grüße, 世界 🌍", "second"]) {
      await page.fill("#text", text);
      await page.click("#send");
      await page.locator("#log .back", { hasText: text }).waitFor();
    }
  });
  await check("the picture comes back and is decoded", async () => {
    const decoded = async () => (await stat(page, "inbound-rtp", "video"))?.framesDecoded ?? 0;
    const first = await until("framesDecoded", decoded, (frames) => frames > 5);
    const later = await until("framesDecoded", decoded, (frames) => frames > first + 20);
    const { frameWidth } = await stat(page, "inbound-rtp", "video");
    const playing = await page.evaluate(() => document.getElementById("remote-video").videoWidth);
    expect(playing > 0 && playing === frameWidth, `the element shows ${playing}, decoded is ${frameWidth}`);
    return { frames_decoded: later };
  });
  await check("the sound comes back", async () => {
    // Chromium counts no energy while the element is muted.
    await page.click("#listen");
    const energy = async () => (await stat(page, "inbound-rtp", "audio"))?.totalAudioEnergy ?? 0;
    return { audio_energy: await until("totalAudioEnergy", energy, (value) => value > 0) };
  });
  await check("a keyframe request goes round to whoever encodes: the page itself", async () => {
    const requests = async () => {
      const { pliCount = 0, firCount = 0 } = (await stat(page, "outbound-rtp", "video")) ?? {};
      return pliCount + firCount;
    };
    const before = await requests();
    // Only from a worker can a script ask for a keyframe.
    await page.route("**/keyframe-worker.js", (route) =>
      route.fulfill({
        contentType: "text/javascript",
        body: `onrtctransform = async ({ transformer }) => {
          transformer.readable.pipeTo(transformer.writable);
          await transformer.sendKeyFrameRequest();
        };`,
      }),
    );
    await page.evaluate(() => {
      const receiver = globalThis.connections.at(-1).getReceivers().find(({ track }) => track.kind === "video");
      receiver.transform = new RTCRtpScriptTransform(new Worker("/keyframe-worker.js"));
    });
    return { keyframe_requests: await until("pliCount + firCount", requests, (count) => count > before) };
  });
  await check("a file of 5 MiB comes back with the same SHA-256", async () => {
    const buffer = randomBytes(5 * 1024 * 1024);
    const sha = createHash("sha256").update(buffer).digest("hex");
    await page.setInputFiles("#file", { name: "random.bin", mimeType: "application/octet-stream", buffer });
    await page.waitForFunction(() => document.getElementById("file-result").dataset.kind, null, { timeout: 60_000 });
    const shown = await page.evaluate(() =>
      ["file-result", "hash-sent", "hash-returned"].map((id) => document.getElementById(id).textContent),
    );
    expect(shown[1] === sha && shown[2] === sha, `shown ${shown.join(" | ")}, really ${sha}`);
    expect(shown[0].includes("equal"), shown[0]);
    return { file: shown[0] };
  });
  if (screenshot) await check("a screenshot", () => page.screenshot({ path: screenshot, fullPage: true }).then(() => ({})));
  await check("an empty file comes back", async () => {
    await page.setInputFiles("#file", { name: "empty", mimeType: "text/plain", buffer: Buffer.alloc(0) });
    await page.waitForFunction(() => document.getElementById("file-result").textContent.includes("equal. 0 B"));
  });
  await check("reconnect and hang up", async () => {
    await page.click("#connect");
    await until("a second connection", () => page.evaluate(() => globalThis.connections.length), (count) => count === 2);
    await connected(page);
    await page.click("#hangup");
    const open = async () => (await (await fetch(`${server}/stats`)).json()).sessions.length;
    await until("closed sessions are freed", open, (count) => count === 0);
  });
}

/** Runs in the browser: what data channels of every kind bring back. */
async function channels(step) {
  const pc = new RTCPeerConnection();
  const withTimeout = (promise, what) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`no ${what} within ${step} ms`)), step))]);
  const opened = (channel) =>
    withTimeout(new Promise((yes) => (channel.readyState === "open" ? yes() : (channel.onopen = yes))), `open ${channel.label}`);
  const bytes = (size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 255);
  const shape = (data) => (typeof data === "string" ? `text ${data}` : `binary ${new Uint8Array(data).join()}`);
  const short = (text) => (text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text);

  /** Sends each message, waits for the echoes, and compares: in order, or as a set. */
  async function echo(channel, messages, ordered) {
    channel.binaryType = "arraybuffer";
    await opened(channel);
    const got = [];
    const all = new Promise((yes) => {
      channel.onmessage = ({ data }) => got.push(shape(data)) === messages.length && yes();
    });
    for (const message of messages) channel.send(message);
    const wanted = messages.map(shape);
    await withTimeout(all, `echo of all messages on ${channel.label} (${messages.length} sent)`).catch((error) => {
      throw new Error(`${error.message}, ${got.length} came`);
    });
    if (!ordered) [wanted, got].forEach((list) => list.sort());
    wanted.forEach((message, i) => {
      if (message !== got[i]) throw new Error(`${channel.label}: sent ${short(message)}, back came ${short(got[i])}`);
    });
  }

  try {
    const mixed = ["", "text", new Uint8Array(0), "", new Uint8Array([0]), "\0", bytes(3), "ä€𝄞"];
    const sizes = [1, 1150, 1199, 1200, 1201, 4096, 16384, 65535, 65536, 200000, 262144];
    const ordered = pc.createDataChannel("ordered");
    const unordered = pc.createDataChannel("unordered", { ordered: false });
    const partial = pc.createDataChannel("", { ordered: false, maxRetransmits: 3, protocol: "some protocol" });
    await pc.setLocalDescription();
    await withTimeout(
      new Promise((yes) => {
        pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && yes();
        if (pc.iceGatheringState === "complete") yes();
      }),
      "end of gathering",
    );
    const response = await fetch("/offer", { method: "POST", body: JSON.stringify(pc.localDescription) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    await pc.setRemoteDescription(answer);
    await echo(ordered, mixed, true);
    await echo(ordered, sizes.map(bytes), true);
    await echo(ordered, ["x".repeat(262144), "€".repeat(262144 / 3)], true);
    await echo(unordered, [...mixed, ...sizes.map(bytes)], false);
    await echo(partial, mixed, false);
    const brief = pc.createDataChannel("brief", { maxPacketLifeTime: 5000 });
    await echo(brief, [...mixed, ...sizes.map(bytes)], true);
    await echo(ordered, Array.from({ length: 2000 }, (_, i) => `message ${i}`), true);

    const later = pc.createDataChannel("opened later");
    await echo(later, mixed, true);
    const closed = new Promise((yes) => (later.onclose = yes));
    later.close();
    await withTimeout(closed, "close of a channel");
    for (let i = 0; i < 20; i++) {
      const again = pc.createDataChannel(`again ${i}`);
      await echo(again, [`hello ${i}`, bytes(i)], true);
      again.close();
    }
    const report = await pc.getStats();
    const transport = [...report.values()].find((entry) => entry.type === "transport");
    return { offer: pc.localDescription.sdp, answer: answer.sdp, version: transport.tlsVersion, maxMessageSize: pc.sctp.maxMessageSize };
  } finally {
    pc.close();
  }
}

async function main() {
  const folder = await mkdtemp(join(tmpdir(), "drywire-chromium-"));
  try {
    let context = await launch(join(folder, "camera"), [
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
    ]);
    await thePage(await open(context));
    await context.close();

    // Without the permission to capture, a browser hides its addresses behind mDNS names.
    context = await launch(join(folder, "hidden"));
    const page = await open(context);
    await check("data channels of every kind, from hidden addresses", async () => {
      const seen = await page.evaluate(channels, STEP);
      expect(/a=candidate:.*\.local /.test(seen.offer), "no candidate of the offer was hidden");
      expect(!/a=candidate:.*\.local /.test(seen.answer), "the answer has hidden candidates");
      expect(seen.answer.includes("a=end-of-candidates"), "the answer does not say that it has all candidates");
      expect(seen.maxMessageSize === 262144, `max-message-size ${seen.maxMessageSize}`);
    });
    await check("without a camera the page says so, and data works", async () => {
      await page.selectOption("#source", "camera");
      await page.click("#connect");
      await connected(page);
      const words = await page.textContent("#notice-text");
      expect(/camera/i.test(words) && /Text and files work/.test(words), `it says: ${words}`);
      await page.fill("#text", "no camera");
      await page.click("#send");
      await page.locator("#log .back", { hasText: "no camera" }).waitFor();
    });
    await check("the test picture needs no camera", async () => {
      await page.selectOption("#source", "pattern");
      await page.click("#connect");
      const decoded = async () => (await stat(page, "inbound-rtp", "video").catch(() => null))?.framesDecoded ?? 0;
      await until("framesDecoded", decoded, (frames) => frames > 10);
    });
    await check("three pages at once", async () => {
      const pages = await Promise.all([open(context), open(context), open(context)]);
      await Promise.all(pages.map((each) => each.evaluate(channels, 2 * STEP)));
    });
    await context.close();
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

await finish(async () => {
  if (!server) throw new Error("usage: node echo.mjs http://HOST:PORT [SCREENSHOT.png]");
  await main();
});
