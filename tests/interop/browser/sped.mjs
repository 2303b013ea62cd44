// Connects a headless Chromium to a running `drywire serve --sped`: with DTLS inside STUN turned on in the browser, the
// handshake must have gone that way; without, the page must connect as ever.
//
//   node sped.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { check, expect, finish } from "./common.mjs";
import { connectOnce, withBrowser } from "./trial.mjs";

const [server] = process.argv.slice(2);
const TRIAL = "--force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/";

async function once(page, setup) {
  const { offer, answer, session } = await connectOnce(page, server, setup);
  const options = [offer, answer].map((sdp) => sdp.match(/a=ice-options:(.*)/)[1].trim());
  return { options, session };
}

await finish(async () => {
  if (!server) throw new Error("usage: node sped.mjs http://HOST:PORT");
  await withBrowser(server, [TRIAL], async (page) => {
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
  await withBrowser(server, [], async (page) => {
    await check("without the trial the same page connects as ever", async () => {
      const { options, session } = await once(page);
      for (const line of options) expect(!/sped/.test(line), `ice-options: ${line}`);
      const { dtls_in_stun_received: received, dtls_in_stun_sent: sent } = session;
      expect(received === 0 && sent === 0, `inside STUN: ${received} received, ${sent} sent`);
      return { setup_ms_without: session.setup_ms };
    });
  });
});
