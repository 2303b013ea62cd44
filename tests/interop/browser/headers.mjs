// Sends camera and microphone of a headless Chromium through a running `drywire serve`, with encrypted RTP headers: with
// Cryptex (RFC 9335), which is behind a switch; without it; and with one encrypted header extension (RFC 6904), by whose
// values Chromium tells whether the picture that came back is the one that it sent.
//
//   node headers.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STEP, check, expect, finish, launch, until } from "./common.mjs";

const [server] = process.argv.slice(2);
const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const SWITCH = "--enable-experimental-web-platform-features";
const CORRUPTION = "http://www.webrtc.org/experiments/rtp-hdrext/corruption-detection";

/** Connects within the page; the connection stays there. */
async function connect({ server, limit, configuration, corruption }) {
  const connection = new RTCPeerConnection(configuration);
  globalThis.connection = connection;
  const deadline = new Promise((_, reject) => setTimeout(() => reject(new Error("no end of gathering")), limit));
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of media.getTracks()) connection.addTrack(track, media);
  if (corruption) {
    const video = connection.getTransceivers().find(({ sender }) => sender.track.kind === "video");
    const extensions = video.getHeaderExtensionsToNegotiate();
    for (const extension of extensions) if (extension.uri === corruption) extension.direction = "sendrecv";
    video.setHeaderExtensionsToNegotiate(extensions);
  }
  const gathered = new Promise((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
  });
  await connection.setLocalDescription();
  await Promise.race([gathered, deadline]);
  const offer = connection.localDescription;
  const response = await fetch(`${server}/offer`, { method: "POST", body: JSON.stringify(offer) });
  const answer = await response.json();
  await connection.setRemoteDescription(answer);
  return { offer: offer.sdp, answer: answer.sdp, policy: connection.getConfiguration().rtpHeaderEncryptionPolicy };
}

/** What comes back to the page, and what the server counted. */
async function watch(page, answer) {
  const ufrag = answer.match(/a=ice-ufrag:(\S+)/)[1];
  const inbound = (kind) =>
    page.evaluate(async (kind) => {
      const report = [...(await globalThis.connection.getStats()).values()];
      return report.find((entry) => entry.type === "inbound-rtp" && entry.kind === kind) ?? {};
    }, kind);
  const audio = await until("audio", () => inbound("audio"), ({ packetsReceived = 0 }) => packetsReceived > 50);
  const video = await until("video", () => inbound("video"), ({ framesDecoded = 0 }) => framesDecoded > 30);
  const { sessions } = await (await fetch(`${server}/stats`)).json();
  const session = sessions.find((session) => session.ufrag === ufrag);
  return { audio, video, session, measured: () => inbound("video") };
}

async function withBrowser(extra, run) {
  const folder = await mkdtemp(join(tmpdir(), "drywire-chromium-"));
  try {
    const context = await launch(folder, [...CAMERA, ...extra]);
    const page = await context.newPage();
    await page.goto(server);
    await run(page);
    await context.close();
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const negotiates = (sdp) => /^a=cryptex\r?$/m.test(sdp);

await finish(async () => {
  if (!server) throw new Error("usage: node headers.mjs http://HOST:PORT");
  await withBrowser([SWITCH], async (page) => {
    await check("with the switch headers are encrypted with Cryptex, both ways", async () => {
      const configuration = { rtpHeaderEncryptionPolicy: "negotiate" };
      const { offer, answer, policy } = await page.evaluate(connect, { server, limit: STEP, configuration });
      expect(policy === "negotiate", `the switch does nothing: the policy is ${policy}`);
      expect(negotiates(offer) && negotiates(answer), "a=cryptex is missing");
      const { session } = await watch(page, answer);
      const { cryptex_received: received, cryptex_sent: sent, packets_echoed: echoed } = session;
      expect(received > 20, `${received} packets with Cryptex received`);
      // All that we send have the name of their section in their header; some may not have left yet.
      expect(sent > 20 && sent >= echoed / 2, `${sent} of ${echoed} packets sent with Cryptex`);
      return { cryptex_received: received, cryptex_sent: sent };
    });
  });
  await withBrowser([], async (page) => {
    await check("without the switch headers stay as they are", async () => {
      const { offer, answer } = await page.evaluate(connect, { server, limit: STEP });
      expect(!negotiates(offer) && !negotiates(answer), "a=cryptex is there");
      const { session } = await watch(page, answer);
      const { cryptex_received: received, cryptex_sent: sent } = session;
      expect(received === 0 && sent === 0, `Cryptex: ${received} received, ${sent} sent`);
    });
    await check("the values of one header extension are encrypted, both ways", async () => {
      // With another policy Chromium 156 forgets, when the sections are bundled, what it has to decrypt.
      const configuration = { bundlePolicy: "max-bundle" };
      const wanted = { server, limit: STEP, configuration, corruption: CORRUPTION };
      const { offer, answer } = await page.evaluate(connect, wanted);
      const line = `urn:ietf:params:rtp-hdrext:encrypt ${CORRUPTION}`;
      for (const sdp of [offer, answer]) expect(sdp.includes(line), `${line} is missing`);
      const { measured } = await watch(page, answer);
      const enough = ({ corruptionMeasurements = 0 }) => corruptionMeasurements >= 3;
      const video = await until("corruptionMeasurements", measured, enough);
      // One bit of noise in these values makes the picture look corrupt: nearly 1 for each measurement. Now and then a
      // picture of a busy machine does, too.
      const probability = video.totalCorruptionProbability / video.corruptionMeasurements;
      expect(probability < 0.5, `the picture is corrupt with a probability of ${probability}`);
      return { corruption_measurements: video.corruptionMeasurements, corruption_probability: probability };
    });
  });
});
