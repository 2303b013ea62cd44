// Connects a headless Chromium to a running `drywire serve --snap`: with the trial the association of the data channels must
// begin without a handshake; without, the page must connect as ever.
//
//   node snap.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { check, expect, finish } from "./common.mjs";
import { connectOnce, withBrowser } from "./trial.mjs";

const [server] = process.argv.slice(2);
const TRIAL = "--force-fieldtrials=WebRTC-Sctp-Snap/Enabled/";
const WITH_I_DATA = "--force-fieldtrials=WebRTC-Sctp-Snap/Enabled/WebRTC-DataChannelMessageInterleaving/Enabled/";

async function once(page) {
  const { offer, answer, session } = await connectOnce(page, server);
  const told = [offer, answer].map((sdp) => /^a=sctp-init:/m.test(sdp));
  return { told, session };
}

await finish(async () => {
  if (!server) throw new Error("usage: node snap.mjs http://HOST:PORT");
  for (const [name, trial] of [["", TRIAL], [", with messages that are interleaved", WITH_I_DATA]]) {
    await withBrowser(server, [trial], async (page) => {
      await check(`with the trial there is no handshake${name}`, async () => {
        for (let round = 0; round < 5; round += 1) {
          const { told, session } = await once(page);
          expect(told[0] && told[1], `a=sctp-init: ${told}`);
          expect(session.sctp_handshake_chunks === 0, `${session.sctp_handshake_chunks} chunks of a handshake`);
        }
      });
    });
  }
  await withBrowser(server, [], async (page) => {
    await check("without the trial the same page connects as ever", async () => {
      const { told, session } = await once(page);
      expect(!told[0] && !told[1], `a=sctp-init: ${told}`);
      expect(session.sctp_handshake_chunks > 0, "a handshake");
    });
  });
});
