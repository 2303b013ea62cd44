// Data channels of a headless Chromium in numbers and under loss, echoed by a running `drywire serve`.
//
//   node channels.mjs http://127.0.0.1:8080 RELAY
//
// RELAY is the port of a relay to the server's UDP port, which loses datagrams. See common.mjs for what it prints.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, expect, finish, launch } from "./common.mjs";

const [server, relay] = process.argv.slice(2);
const LIMIT = 60_000; // ms for one part
const CHANNELS = 1000;

/** Runs in the page: what the parts below share. */
function tools(limit) {
  globalThis.within = (promise, what) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`${what()} after ${limit} ms`)), limit))]);

  /** A connection to the server; by the relay only, if there is one. Each side knows no other way to the other. */
  globalThis.connect = async (relay) => {
    const pc = new RTCPeerConnection();
    globalThis.connection = pc;
    pc.createDataChannel("first");
    await pc.setLocalDescription();
    await within(
      new Promise((yes) => {
        const look = () => pc.iceGatheringState === "complete" && yes();
        pc.onicegatheringstatechange = look;
        look();
      }),
      () => "gathering",
    );
    let { sdp } = pc.localDescription;
    if (relay) sdp = sdp.replace(/^a=candidate:.*\r\n/gm, "");
    const response = await fetch("/offer", { method: "POST", body: JSON.stringify({ type: "offer", sdp }) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    if (relay) answer.sdp = answer.sdp.replace(/^(a=candidate:\S+ \d+ udp \d+ [0-9.]+) \d+ /gm, `$1 ${relay} `);
    const connected = new Promise((yes, no) => {
      pc.onconnectionstatechange = () => {
        if (pc.connectionState === "connected") yes();
        if (pc.connectionState === "failed") no(new Error("no way to the server"));
      };
    });
    await pc.setRemoteDescription(answer);
    await within(connected, () => "connecting");
    return pc;
  };

  globalThis.isOpen = (channel) =>
    channel.readyState === "open" ? Promise.resolve() : new Promise((yes) => channel.addEventListener("open", yes));
  globalThis.isClosed = (channel) => new Promise((yes) => channel.addEventListener("close", yes));

  /** A message that tells its number, and whose bytes follow from it. */
  globalThis.message = (number, length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + number * 7) & 255);
    new DataView(bytes.buffer).setUint32(0, number);
    return bytes;
  };

  /** The number of a message that came back; throws if it was changed. */
  globalThis.numberOf = (data, length) => {
    const bytes = new Uint8Array(data);
    const number = new DataView(data).getUint32(0);
    const wanted = message(number, length);
    if (bytes.length !== length || bytes.some((byte, i) => byte !== wanted[i])) throw new Error(`message ${number} has changed`);
    return number;
  };
}

/** Runs in the page: opens many channels, hears an echo on each, closes all; again and again. Returns the streams used. */
async function manyChannels({ count, batch, rounds }) {
  const pc = await connect(null);
  const streams = [];
  const started = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    const channels = Array.from({ length: count }, (_, i) => pc.createDataChannel(`${round}.${i}`));
    let echoed = 0;
    const echoes = channels.map(async (channel, i) => {
      await isOpen(channel);
      const heard = new Promise((yes) => channel.addEventListener("message", yes));
      channel.send(`hello ${round}.${i}`);
      const { data } = await heard;
      if (data !== `hello ${round}.${i}`) throw new Error(`channel ${i} heard ${data}`);
      echoed += 1;
    });
    await within(Promise.all(echoes), () => `round ${round}: ${echoed} channels have heard their echo`);
    streams.push(channels.map(({ id }) => id).sort((a, b) => a - b));
    // Chromium 156 puts all streams to be reset into one packet, and drops the packet for ever if that is larger than the
    // path takes, which it is from about 590 streams on.
    for (let at = 0; at < count; at += batch) {
      const some = channels.slice(at, at + batch);
      const all = Promise.all(some.map(isClosed));
      for (const channel of some) channel.close();
      const open = () => some.filter(({ readyState }) => readyState !== "closed").length;
      await within(all, () => `round ${round}: ${open()} channels are not closed`);
    }
  }
  pc.close();
  return { streams, ms: performance.now() - started };
}

/**
 * Runs in the page: sends numbered messages on a channel and returns the numbers that came back, in order. `all` says that each
 * has to come; otherwise, the last has come when an echo on the reliable channel has, which is asked for after it.
 */
async function numbered({ relay, options, count, length, all }) {
  globalThis.lossy ??= connect(relay);
  const pc = await globalThis.lossy;
  const channel = pc.createDataChannel("numbered", options);
  channel.binaryType = "arraybuffer";
  await within(isOpen(channel), () => "no channel");
  const numbers = [];
  let wrong = null;
  const complete = new Promise((yes) => {
    channel.addEventListener("message", ({ data }) => {
      try {
        numbers.push(numberOf(data, length));
      } catch (error) {
        wrong = error;
      }
      if (numbers.length === count || wrong) yes();
    });
  });
  channel.bufferedAmountLowThreshold = 16_000;
  const started = performance.now();
  for (let number = 0; number < count; number += 1) {
    channel.send(message(number, length));
    // Little at a time, so that messages are given up because they were lost, and not because they had to wait.
    while (channel.bufferedAmount > 32_000) {
      await within(new Promise((yes) => (channel.onbufferedamountlow = yes)), () => "stuck");
    }
  }
  if (all) {
    await within(complete, () => `${numbers.length} of ${count} messages came back`);
  } else {
    // The channel has to work after its losses, too: a message comes through in the end.
    const before = numbers.length;
    const more = async () => {
      while (numbers.filter((number) => number >= count).length === 0) {
        channel.send(message(count + numbers.length, length));
        await new Promise((yes) => setTimeout(yes, 100));
      }
    };
    await within(more(), () => `no message comes through any more; ${before} of ${count} came back`);
  }
  if (wrong) throw wrong;
  const ms = performance.now() - started;
  const gone = isClosed(channel);
  channel.close();
  await within(gone, () => "the channel does not close");
  return { numbers: numbers.filter((number) => number < count), ms };
}

const ascending = (numbers) => numbers.every((number, i) => i === 0 || numbers[i - 1] < number);

await finish(async () => {
  if (!server || !relay) throw new Error("usage: node channels.mjs http://HOST:PORT RELAY");
  const folder = await mkdtemp(join(tmpdir(), "drywire-chromium-"));
  try {
    const context = await launch(folder);
    const page = await context.newPage();
    await page.goto(server);
    await page.evaluate(tools, LIMIT);
    await check(`${CHANNELS} channels are opened, echo, are closed, and opened again on the same streams`, async () => {
      const { streams, ms } = await page.evaluate(manyChannels, { count: CHANNELS, batch: 250, rounds: 3 });
      for (const [round, ids] of streams.entries()) {
        expect(new Set(ids).size === CHANNELS, `round ${round} used ${new Set(ids).size} streams`);
        expect(`${ids}` === `${streams[0]}`, `round ${round} used other streams: ${ids.slice(0, 5)}… to ${ids.at(-1)}`);
      }
      return { channels_ms: ms, highest_stream: streams[0].at(-1) };
    });

    const lossy = (options, rest) => page.evaluate(numbered, { relay: Number(relay), options, ...rest });
    const figures = {};
    await check("under loss everything comes back in order on a reliable channel", async () => {
      const { numbers, ms } = await lossy({}, { count: 500, length: 5000, all: true });
      expect(numbers.length === 500 && ascending(numbers), `${numbers.length} came, in this order: ${numbers}`);
      figures.ordered_ms = ms;
    });
    await check("under loss everything comes back once on an unordered channel, not all in order", async () => {
      const { numbers, ms } = await lossy({ ordered: false }, { count: 500, length: 5000, all: true });
      expect(new Set(numbers).size === 500, `${new Set(numbers).size} different messages came`);
      expect(!ascending(numbers), "all came in order: nothing was lost, or the channel keeps the order");
      figures.unordered_ms = ms;
    });
    for (const [name, options] of [
      ["unordered, no retransmission", { ordered: false, maxRetransmits: 0 }],
      ["ordered, no retransmission", { maxRetransmits: 0 }],
      ["ordered, 1 ms to live", { maxPacketLifeTime: 1 }],
    ]) {
      await check(`under loss some messages are given up, and no others: ${name}`, async () => {
        const count = 1000;
        const { numbers } = await lossy(options, { count, length: 1000, all: false });
        const lost = count - numbers.length;
        expect(new Set(numbers).size === numbers.length, "a message came twice");
        expect(options.ordered === false || ascending(numbers), `not in order: ${numbers}`);
        // Each way loses a few percent; a millisecond is over soon on a busy machine.
        const most = options.maxPacketLifeTime ? count - 10 : count / 2;
        expect(lost > 0 && lost < most, `${lost} of ${count} messages were given up`);
        figures[`given up, ${name}`] = lost;
      });
    }
    await check("after all that, everything comes back on a reliable channel", async () => {
      const { numbers } = await lossy({}, { count: 100, length: 5000, all: true });
      expect(numbers.length === 100 && ascending(numbers), `${numbers.length} came, in this order: ${numbers}`);
      return figures;
    });
    await context.close();
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
