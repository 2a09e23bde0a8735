// Slack as others built it: npm's `emulate`, with only what Python's SDK and the tests need around it.
//
//   node slack.mjs SEED     SEED is JSON, `seed.slack` of the emulator
//
// Prints its address, and ends when its standard input does, so that no crash leaves it behind.
// Requests that carry `X-As-It-Is` reach the emulator untouched; others are adapted:
//   - arguments of a GET or a query become a body, for the emulator reads nothing else,
//   - a token that was neither seeded nor issued is taken away: the emulator lets any in,
//   - what a bot posts gets the bot's ids, as in Slack.
// What its API cannot be asked goes to /peer/reset, /peer/listen, /peer/fail and /peer/state.

import { readFileSync } from "node:fs";
import { createEmulator } from "emulate";

const dist = new URL("node_modules/emulate/dist/", import.meta.url);
const bundle = /"\.\/(dist-\w+\.js)"\);\s*return \{ plugin: mod\.slackPlugin/;
const { slackPlugin, getSlackStore } = await import(
  new URL(readFileSync(new URL("api.js", dist), "utf8").match(bundle)[1], dist)
);

let store, webhooks;
let faults = [];

const register = slackPlugin.register;
slackPlugin.register = (app, itsStore, itsWebhooks, ...rest) => {
  [store, webhooks] = [itsStore, itsWebhooks];
  register(app, store, webhooks, ...rest);
  const answer = app.fetch;
  app.fetch = async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/peer/")) return control[pathname.slice(6)](await request.text());
    if (!pathname.startsWith("/api/") || request.headers.has("X-As-It-Is")) return answer(request);
    const method = pathname.slice(5);
    const fault = faults.find((each) => each.method === method);
    faults = faults.filter((each) => each !== fault);
    if (fault && !fault.done) return new Response(fault.body, fault);
    const answered = await answer(await adapted(request, searchParams));
    return fault ? new Response(fault.body, fault) : answered;
  };
};

async function adapted(request, query) {
  const headers = new Headers(request.headers);
  const body = request.method === "POST" ? await request.text() : "";
  const json = (headers.get("Content-Type") ?? "").includes("json");
  const given = json ? JSON.parse(body || "{}") : Object.fromEntries(new URLSearchParams(body));
  const [kind, value] = (headers.get("Authorization") ?? "").split(" ");
  const token = kind === "Bearer" && getSlackStore(store).tokens.findOneBy("token", value);
  if (kind === "Bearer" && !token) headers.delete("Authorization");
  const { bot_id, app_id } = token || {};
  const ids = bot_id && request.url.includes("/chat.postMessage") ? { bot_id, app_id } : {};
  headers.set("Content-Type", "application/json");
  headers.delete("Content-Length");
  const fields = { ...Object.fromEntries(query), ...given, ...ids };
  return new Request(request.url, { method: "POST", headers, body: JSON.stringify(fields) });
}

const control = {
  reset() {
    faults = [];
    emulator.reset();
    return control.state();
  },
  listen(text) {
    const { url, secret } = JSON.parse(text);
    store.setData("slack.signing_secret", secret);
    webhooks.clear();
    webhooks.register({ url, events: ["*"], active: true, owner: "slack" });
    return control.state();
  },
  fail(text) {
    faults.push(JSON.parse(text));
    return control.state();
  },
  state: () => Response.json({ ...store.snapshot(), deliveries: webhooks.getDeliveries() }),
};

const seed = { slack: JSON.parse(process.argv[2]) };
const emulator = await createEmulator({ service: "slack", port: 0, hostname: "127.0.0.1", seed });
console.log(emulator.url.replace("localhost", "127.0.0.1"));
process.stdin.resume().on("end", () => process.exit());
