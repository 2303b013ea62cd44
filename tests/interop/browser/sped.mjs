// Connects a headless Chromium to a running `drywire serve --sped`: with DTLS inside STUN turned on in the browser, the
// handshake must have gone that way; without, the page must connect as ever.
//
//   node sped.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STEP, check, expect, finish, launch, until } from "./common.mjs";

const [server] = process.argv.slice(2);
const TRIAL = "--force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/";

/**
 * Connects within the page, sends a message and gets it back, and returns what both sides said. The server is told that
 * the browser takes the part of DTLS that `setup` names; `actpass` leaves it the choice, and it will be the client.
 */
async function exchange({ server, limit, setup }) {
  const connection = new RTCPeerConnection();
  const channel = connection.createDataChannel("sped");
  const deadline = new Promise((_, reject) => setTimeout(() => reject(new Error("no message came back")), limit));
  const echoed = new Promise((resolve) => {
    channel.onmessage = ({ data }) => resolve(data);
    channel.onopen = () => channel.send("through STUN");
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

async function once(page, setup = "actpass") {
  const { message, offer, answer } = await page.evaluate(exchange, { server, limit: STEP, setup });
  expect(message === "through STUN", `back came ${message}`);
  const ufrag = answer.match(/a=ice-ufrag:(\S+)/)[1];
  const session = await until(
    "the session",
    async () => (await (await fetch(`${server}/stats`)).json()).sessions.find((session) => session.ufrag === ufrag),
    (session) => session?.connection_state === "connected",
  );
  const options = [offer, answer].map((sdp) => sdp.match(/a=ice-options:(.*)/)[1].trim());
  return { options, session };
}

async function withBrowser(extra, run) {
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

await finish(async () => {
  if (!server) throw new Error("usage: node sped.mjs http://HOST:PORT");
  await withBrowser([TRIAL], async (page) => {
    await check("with the trial the handshake goes inside STUN", async () => {
      const { options, session } = await once(page);
      for (const line of options) expect(/\bsped\b/.test(line), `ice-options: ${line}`);
      const { dtls_in_stun_received: received, dtls_in_stun_sent: sent } = session;
      expect(received > 0 && sent > 0, `inside STUN: ${received} received, ${sent} sent`);
      expect(session.dtls_version === "DTLS 1.3", session.dtls_version);
      return { options, inside_stun: { received, sent }, group: session.group, setup_ms: session.setup_ms };
    });
    await check("several times, with the browser in both parts of DTLS", async () => {
      for (let round = 0; round < 6; round += 1) {
        const setup = round % 2 ? "active" : "passive";
        const { session } = await once(page, setup);
        const { dtls_in_stun_received: received, dtls_in_stun_sent: sent } = session;
        // The answer to a ClientHello may find the path open already.
        expect(received > 0 && (sent > 0 || setup === "active"), `${setup}: ${received} received, ${sent} sent`);
      }
    });
  });
  await withBrowser([], async (page) => {
    await check("without the trial the same page connects as ever", async () => {
      const { options, session } = await once(page);
      for (const line of options) expect(!/sped/.test(line), `ice-options: ${line}`);
      const { dtls_in_stun_received: received, dtls_in_stun_sent: sent } = session;
      expect(received === 0 && sent === 0, `inside STUN: ${received} received, ${sent} sent`);
      return { setup_ms_without: session.setup_ms };
    });
  });
});
