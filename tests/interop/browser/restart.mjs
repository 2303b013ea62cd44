// Restarts ICE between a headless Chromium and a running `drywire serve`, from either side, while camera, microphone and
// numbered messages flow: nothing is lost, and nothing stands still for long.
//
//   node restart.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { STEP, check, expect, finish, until } from "./common.mjs";
import { withBrowser } from "./trial.mjs";

const [server] = process.argv.slice(2);
const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/** Connects within the page, and sends a numbered message every 20 ms from then on. */
async function connect({ server, limit }) {
  const pc = new RTCPeerConnection();
  const state = { pc, session: null, sent: 0, back: [], states: [] };
  globalThis.state = state;
  state.post = async (path, body) => {
    const response = await fetch(server + path, { method: "POST", body: JSON.stringify({ ...body, session: state.session }) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response.json();
  };
  // All candidates inside: the server takes none later.
  state.gathered = async () => {
    if (pc.iceGatheringState !== "complete") {
      await new Promise((resolve, reject) => {
        pc.addEventListener("icegatheringstatechange", () => pc.iceGatheringState === "complete" && resolve());
        setTimeout(() => reject(new Error("no end of gathering")), limit);
      });
    }
    return { type: pc.localDescription.type, sdp: pc.localDescription.sdp };
  };
  pc.onconnectionstatechange = () => state.states.push(pc.connectionState);
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of media.getTracks()) pc.addTrack(track, media);
  const channel = pc.createDataChannel("numbers");
  channel.onmessage = ({ data }) => state.back.push(Number(data));
  channel.onopen = () => setInterval(() => channel.send(String(state.sent++)), 20);
  await pc.setLocalDescription();
  const answer = await state.post("/offer", await state.gathered());
  state.session = answer.session;
  await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
}

/** Restarts from the page. */
async function restartHere() {
  const { state } = globalThis;
  state.pc.restartIce();
  await state.pc.setLocalDescription();
  const answer = await state.post("/offer", await state.gathered());
  await state.pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
}

/** Has the server restart. */
async function restartThere() {
  const { state } = globalThis;
  const offer = await state.post("/restart", {});
  await state.pc.setRemoteDescription({ type: "offer", sdp: offer.sdp });
  await state.pc.setLocalDescription();
  await state.post("/answer", await state.gathered());
}

/** What there is by now: the pair in use, what came back, and what both sides call the connection. */
async function look() {
  const { state } = globalThis;
  const stats = [...(await state.pc.getStats()).values()];
  const transport = stats.find(({ type }) => type === "transport");
  const remote = stats.find(({ id }) => id === stats.find(({ id }) => id === transport?.selectedCandidatePairId)?.remoteCandidateId);
  const inbound = (kind) => stats.find((entry) => entry.type === "inbound-rtp" && entry.kind === kind) ?? {};
  return {
    ufrag: transport?.iceLocalUsernameFragment,
    remote: remote?.usernameFragment,
    states: state.states,
    sent: state.sent,
    back: state.back.length,
    inOrder: state.back.every((number, index) => number === index),
    audio: inbound("audio").packetsReceived ?? 0,
    video: inbound("video").framesDecoded ?? 0,
  };
}

await finish(async () => {
  if (!server) throw new Error("usage: node restart.mjs http://HOST:PORT");
  await withBrowser(server, CAMERA, async (page) => {
    const flowing = async (what, since) =>
      until(
        what,
        () => page.evaluate(look),
        ({ back, audio, video }) => back > since.back + 50 && audio > since.audio + 50 && video > since.video + 20,
      );
    let seen;
    await check("media and messages flow", async () => {
      await page.evaluate(connect, { server, limit: STEP });
      seen = await flowing("the echo", { back: 0, audio: 0, video: 0 });
    });
    for (const [who, restart] of [
      ["Chromium", restartHere],
      ["drywire", restartThere],
      ["Chromium", restartHere],
    ]) {
      await check(`${who} restarts ICE, and everything flows on`, async () => {
        await page.evaluate(restart);
        const before = seen;
        await until(
          "a path with new credentials",
          () => page.evaluate(look),
          ({ ufrag, remote }) => ufrag !== before.ufrag && remote !== before.remote,
        );
        seen = await flowing("the echo after the restart", await page.evaluate(look));
        expect(seen.inOrder, "messages were lost or came in another order");
        expect(!seen.states.includes("disconnected") && !seen.states.includes("failed"), `states: ${seen.states}`);
      });
    }
    return { messages: seen?.back };
  });
});
