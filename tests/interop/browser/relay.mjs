// Connects a headless Chromium to a running `drywire serve` by way of a TURN server only (`iceTransportPolicy: "relay"`), over
// UDP, TCP and TLS, and sends messages there and back.
//
//   node relay.mjs http://127.0.0.1:8080 NAME PASSWORD turn:127.0.0.1:3478?transport=udp turns:127.0.0.1:5349?transport=tcp …
//
// See common.mjs for what it prints.

import { STEP, check, expect, finish } from "./common.mjs";
import { withBrowser } from "./trial.mjs";

const [server, username, credential, ...urls] = process.argv.slice(2);
// The server's certificate is its own; and all of it may happen on one host without network.
const FLAGS = ["--ignore-certificate-errors", "--allow-loopback-in-peer-connection"];

async function relay({ server, limit, url, username, credential, count }) {
  const pc = new RTCPeerConnection({ iceServers: [{ urls: url, username, credential }], iceTransportPolicy: "relay" });
  const errors = [];
  pc.onicecandidateerror = ({ errorCode, errorText }) => errors.push(`${errorCode} ${errorText}`);
  const failed = (what) =>
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}; errors: ${errors}`)), limit));
  const channel = pc.createDataChannel("relayed");
  let back = 0;
  const echoed = new Promise((resolve) => {
    channel.onmessage = ({ data }) => {
      if (data.length === 1000 && (back += 1) === count) resolve();
    };
    channel.onopen = () => {
      for (let index = 0; index < count; index += 1) channel.send("x".repeat(1000));
    };
  });
  const gathered = new Promise((resolve) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && resolve();
  });
  await pc.setLocalDescription();
  await Promise.race([gathered, failed("no end of gathering")]);
  const offer = pc.localDescription;
  const response = await fetch(`${server}/offer`, { method: "POST", body: JSON.stringify(offer) });
  const answer = await response.json();
  await pc.setRemoteDescription(answer);
  await Promise.race([echoed, failed(`${back} messages came back; ${pc.iceConnectionState}`)]);
  const stats = [...(await pc.getStats()).values()];
  const pair = stats.find(({ id }) => id === stats.find(({ type }) => type === "transport")?.selectedCandidatePairId);
  const local = stats.find(({ id }) => id === pair?.localCandidateId);
  pc.close();
  return { candidates: offer.sdp.match(/a=candidate:.*/g) ?? [], kind: local?.candidateType, protocol: local?.relayProtocol };
}

await finish(async () => {
  if (!urls.length) throw new Error("usage: node relay.mjs http://HOST:PORT NAME PASSWORD turn:… …");
  await withBrowser(server, FLAGS, async (page) => {
    for (const url of urls) {
      await check(`1,000 messages go through ${url}`, async () => {
        const count = 1000;
        const seen = await page.evaluate(relay, { server, limit: STEP, url, username, credential, count });
        expect(seen.candidates.every((line) => line.includes("typ relay")), `candidates: ${seen.candidates}`);
        const wanted = url.startsWith("turns:") ? "tls" : (/transport=(\w+)/.exec(url)?.[1] ?? "udp");
        expect(seen.kind === "relay" && seen.protocol === wanted, `a ${seen.kind} candidate over ${seen.protocol}`);
      });
    }
  });
});
