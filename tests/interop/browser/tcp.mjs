// Connects a headless Chromium that may not use UDP to a running `drywire serve --tcp …`, over ICE-TCP (RFC 6544), and sends a
// message there and back.
//
//   node tcp.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { check, expect, finish } from "./common.mjs";
import { connectOnce, withBrowser } from "./trial.mjs";

const [server] = process.argv.slice(2);
// As administrators set it where all traffic has to go by a proxy. There is none, so that connections go directly.
const FLAGS = ["--webrtc-ip-handling-policy=disable_non_proxied_udp"];

await finish(async () => {
  if (!server) throw new Error("usage: node tcp.mjs http://HOST:PORT");
  await withBrowser(server, FLAGS, async (page) => {
    await check("a browser without UDP connects over TCP", async () => {
      const { offer } = await connectOnce(page, server);
      const lines = offer.match(/a=candidate:.*/g) ?? [];
      expect(lines.every((line) => line.includes(" tcp ")), `the offer has ${lines.join(" | ")}`);
      const pair = await page.evaluate(async () => {
        const stats = [...(await globalThis.connection.getStats()).values()];
        const pair = stats.find(({ id }) => id === stats.find(({ type }) => type === "transport")?.selectedCandidatePairId);
        const of = (wanted) => stats.find(({ id }) => id === wanted);
        return [of(pair?.localCandidateId), of(pair?.remoteCandidateId)].map((one) => [one?.protocol, one?.tcpType].join(" "));
      });
      expect(pair[1] === "tcp passive", `it goes by ${pair}`);
      return { pair };
    });
  });
});
