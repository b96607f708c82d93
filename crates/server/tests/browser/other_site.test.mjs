// A page of another origin can't frame the dashboard, send its forms, or use a key.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { choose, countKeys, createKey } from "./person.mjs";

const dashboard = await startDashboard();

const pages = new Map();
const server = createServer((request, response) => {
  response.setHeader("content-type", "text/html");
  response.end(`<!doctype html><title>elsewhere</title>${pages.get(request.url) ?? ""}`);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close());
// Another port is another origin of the same site. Its requests carry the cookies, so it is the strongest attacker.
const sameSite = `http://127.0.0.1:${server.address().port}`;
const otherSite = `http://localhost:${server.address().port}`;

function form(action, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  return `<form method="post" action="${dashboard.url}${action}">${inputs.join("")}</form>
    <script>document.forms[0].submit()</script>`;
}

/** Opens a page of another origin that sends a form at once. Returns the status of the answer, and the cookies of the request. */
async function attack(page, origin, action, fields) {
  pages.set("/attack", form(action, fields));
  const isAnswer = (response) => response.request().method() === "POST" && response.url() === dashboard.url + action;
  const answer = page.waitForResponse(isAnswer);
  await page.goto(`${origin}/attack`, { waitUntil: "commit" });
  const response = await answer;
  const { cookie } = await response.request().allHeaders();
  await page.waitForLoadState();
  return { status: response.status(), cookie };
}

for (const [site, origin] of [
  ["the same site", sameSite],
  ["another site", otherSite],
]) {
  test(`a form of ${site} creates, revokes and deletes nothing, and signs nobody out`, () =>
    dashboard.asOwner(async (page) => {
      const name = `kept from ${site}`;
      const key = await createKey(page, { name });
      const before = await countKeys(page);
      await choose(page, name, "Revoke");
      const path = new URL(page.url()).pathname.replace(/\/revoke$/, "");
      const creation = { name: "forged", project: "new", project_name: "Forged", scopes: "memories:read", form: "f" };
      for (const [action, fields] of [
        ["/keys", { ...creation, expires: "never", form_token: "0".repeat(64) }],
        ["/keys", creation],
        [`${path}/rotate`, { overlap: "0", form: "g" }],
        [`${path}/revoke`, {}],
        [`${path}/delete`, {}],
        ["/sign-out", {}],
      ]) {
        const { status, cookie } = await attack(page, origin, action, fields);
        if (origin === sameSite) {
          assert.ok(cookie, "the test proves nothing without the cookie");
          assert.equal(status, 403, action);
        } else {
          assert.equal(cookie, undefined, "SameSite keeps the cookie back");
          assert.ok(status === 403 || status === 303, `${action}: ${status}`);
        }
      }
      assert.equal(await countKeys(page), before);
      assert.equal((await dashboard.present(key)).status, 200);
    }));
}

test("a page of another origin can't show the dashboard in a frame", () =>
  dashboard.asOwner(
    async (page) => {
      pages.set("/frame", `<iframe src="${dashboard.url}/keys"></iframe>`);
      const refused = page.waitForEvent("console", (message) => message.text().includes("frame"));
      await page.goto(`${sameSite}/frame`);
      await refused;
      const [, frame] = page.frames();
      assert.ok(!(await frame.content()).includes("API Keys"), frame.url());
    },
    { mayComplain: true },
  ));

test("a page's script can't use a key: the server refuses it, and the browser shows it nothing", () =>
  dashboard.asOwner(
    async (page) => {
      const key = await createKey(page, { name: "in a script" });
      for (const origin of [sameSite, otherSite]) {
        await page.goto(`${origin}/script`);
        for (const [method, headers] of [
          ["OPTIONS", { authorization: `Bearer ${key}` }],
          ["GET", {}],
        ]) {
          const before = await refusals(method);
          const outcome = await page.evaluate(
            ([url, sent]) => fetch(url, { headers: sent }).then(() => "answered", (error) => error.name),
            [`${dashboard.url}/v1/key`, headers],
          );
          assert.equal(outcome, "TypeError");
          assert.equal(await refusals(method), before + 1, `${method} from ${origin}`);
        }
      }
    },
    { mayComplain: true },
  ));

/** Returns the number of requests with this method that the server has answered with 403. */
async function refusals(method) {
  const text = await (await fetch(`${dashboard.url}/metrics`)).text();
  const line = new RegExp(`^ctx_key_responses_total\\{method="${method}",route="/v1/key",status="403"\\} (\\d+)$`, "m");
  return Number(line.exec(text)?.[1] ?? 0);
}
