// What the tests of things have in common that are behind a trial in Chromium: a browser with it or without, and a page that
// connects, sends a message and gets it back.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STEP, expect, launch, until } from "./common.mjs";

/**
 * Connects within the page, sends a message and gets it back, and returns what both sides said. The server is told that
 * the browser takes the part of DTLS that `setup` names; `actpass` leaves it the choice, and it will be the client.
 */
async function exchange({ server, limit, setup }) {
  const connection = new RTCPeerConnection();
  const channel = connection.createDataChannel("trial");
  const deadline = new Promise((_, reject) => setTimeout(() => reject(new Error("no message came back")), limit));
  const echoed = new Promise((resolve) => {
    channel.onmessage = ({ data }) => resolve(data);
    channel.onopen = () => channel.send("there and back");
  });
  const gathered = new Promise((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
  });
  await connection.setLocalDescription();
  await Promise.race([gathered, deadline]);
  const offer = connection.localDescription;
  const response = await fetch(`${server}/offer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: offer.type, sdp: offer.sdp.replaceAll("a=setup:actpass", `a=setup:${setup}`) }),
  });
  const answer = await response.json();
  await connection.setRemoteDescription(answer);
  const message = await Promise.race([echoed, deadline]);
  globalThis.connection = connection; // stays open, so that the server still lists it
  return { message, offer: offer.sdp, answer: answer.sdp };
}

/** Connects once: what both sides said, and what the server knows of the session. */
export async function connectOnce(page, server, setup = "actpass") {
  const { message, offer, answer } = await page.evaluate(exchange, { server, limit: STEP, setup });
  expect(message === "there and back", `back came ${message}`);
  const ufrag = answer.match(/a=ice-ufrag:(\S+)/)[1];
  const session = await until(
    "the session",
    async () => (await (await fetch(`${server}/stats`)).json()).sessions.find((session) => session.ufrag === ufrag),
    (session) => session?.connection_state === "connected",
  );
  return { offer, answer, session };
}

/** Runs with a page of `server` in a browser of its own, with `extra` on its command line. */
export async function withBrowser(server, extra, run) {
  const folder = await mkdtemp(join(tmpdir(), "drywire-chromium-"));
  try {
    const context = await launch(folder, extra);
    const page = await context.newPage();
    await page.goto(server);
    await run(page);
    await context.close();
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
