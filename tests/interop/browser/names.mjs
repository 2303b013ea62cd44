// Connects a headless Chromium to a running `drywire serve --hide-addresses`: neither tells the other an address, so that each
// has to find the other's by multicast DNS.
//
//   node names.mjs http://127.0.0.1:8080
//
// See common.mjs for what it prints.

import { check, expect, finish, until } from "./common.mjs";
import { connectOnce, withBrowser } from "./trial.mjs";

const [server] = process.argv.slice(2);

const candidates = (description) => description.match(/a=candidate:.*/g) ?? [];

await finish(async () => {
  if (!server) throw new Error("usage: node names.mjs http://HOST:PORT");
  await withBrowser(server, [], async (page) => {
    await check("two that tell each other names connect", async () => {
      const { offer, answer } = await connectOnce(page, server);
      for (const [who, description] of Object.entries({ offer, answer })) {
        const lines = candidates(description);
        expect(lines.length > 0, `no candidates in the ${who}`);
        expect(lines.every((line) => /^\S+ \d+ \w+ \d+ \S+\.local /.test(line)), `the ${who} has ${lines.join(" | ")}`);
      }
    });
    await check("the server has found the addresses behind the browser's names", async () => {
      await until(
        "the names",
        async () => (await (await fetch(`${server}/stats`)).json()).names_resolved,
        (count) => count > 0,
      );
    });
    await check("the browser knows the server by what its name stands for", async () => {
      const remote = await page.evaluate(async () => {
        const stats = [...(await globalThis.connection.getStats()).values()];
        const pair = stats.find(({ id }) => id === stats.find(({ type }) => type === "transport")?.selectedCandidatePairId);
        return stats.find(({ id }) => id === pair?.remoteCandidateId)?.candidateType;
      });
      expect(remote === "host" || remote === "prflx", `the remote candidate is of type ${remote}`);
      return { remote };
    });
  });
});
