// Sessions, access tokens, the audit log, and a link that survives the sign-in.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { PASSWORD, createKey, openedDialog, signIn } from "./person.mjs";

const dashboard = await startDashboard();

const ways = [
  ["", {}],
  [", without a script", { javaScriptEnabled: false }],
];

async function fillToken(page, { name, expires }) {
  await page.goto("/tokens");
  await page.getByRole("link", { name: "Create access token" }).click();
  const dialog = await openedDialog(page, "**/tokens/new");
  if (name) await dialog.getByLabel("Name").fill(name);
  if (expires) await dialog.getByLabel("Expires", { exact: true }).selectOption(expires);
  return dialog;
}

async function makeToken(page, fields) {
  const dialog = await fillToken(page, fields);
  await dialog.getByRole("button", { name: "Create" }).click();
  return page.getByLabel("Your new access token").inputValue();
}

/** Returns the status that a program with this token gets. */
async function present(token) {
  const company = (await dashboard.manage("GET", "projects"))[0].company_id;
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${dashboard.url}/api/v1/companies/${company}/api-keys`, { headers })).status;
}

for (const [how, options] of ways) {
  test(`one session can be ended, and all others at once${how}`, () =>
    dashboard.asOwner(async (page) => {
      await dashboard.asStranger(async (other) => {
        const enter = async () => {
          await other.goto("/account/sessions");
          await signIn(other);
          await other.waitForURL("**/account/sessions");
          await other.getByText("This session").waitFor();
        };
        await enter();
        await page.goto("/");
        await page.getByRole("link", { name: "Sessions" }).click();
        const row = page.getByRole("row", { name: "Chrome on Linux" });
        await row.first().waitFor();
        const before = await row.count();
        await row.getByRole("button", { name: "End" }).first().click();
        await page.getByRole("status").getByText("The session is ended.").waitFor();
        assert.equal(await row.count(), before - 1);
        await other.goto("/keys");
        await other.waitForURL("**/sign-in");
        await enter();
        await page.goto("/account/sessions");
        await page.getByRole("button", { name: "End all others" }).click();
        await page.getByRole("status").getByText("All other sessions are ended.").waitFor();
        assert.equal(await page.getByRole("button", { name: "End" }).count(), 0);
        await page.getByText("This session").waitFor();
        await other.goto("/keys");
        await other.waitForURL("**/sign-in");
        dashboard.login = undefined;
      }, options);
    }, options));

  test(`a token is created, shown once and ended${how}`, () =>
    dashboard.asOwner(async (page) => {
      const name = `Deployment${how}`;
      const dialog = await fillToken(page, { name: " " });
      await dialog.getByRole("button", { name: "Create" }).click();
      await page.getByRole("alert").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.id), "name");
      const token = await makeToken(page, { name, expires: "90" });
      assert.match(token, /^[0-9a-f]{64}$/);
      assert.equal(await present(token), 200);
      await page.getByRole("link", { name: "Done" }).click();
      await page.getByRole("heading", { level: 1, name: "Access tokens" }).waitFor();
      assert.ok(!(await page.content()).includes(token));
      const row = page.getByRole("row", { name });
      await row.getByText("in 3 months").waitFor();
      await row.getByRole("link", { name: "End" }).click();
      const question = await openedDialog(page, "**/end");
      await question.getByText(`End “${name}”?`).waitFor();
      await question.getByRole("button", { name: "End" }).click();
      await page.getByRole("status").waitFor();
      assert.equal(await page.getByRole("row", { name }).count(), 0);
      assert.equal(await present(token), 401);
    }, options));

  test(`a link to a page survives the sign-in${how}`, () =>
    dashboard.asStranger(async (page) => {
      await page.goto("/audit?q=nothing&group=keys");
      await signIn(page, "another long password");
      await page.getByRole("alert").waitFor();
      await signIn(page);
      await page.waitForURL("**/audit?q=nothing&group=keys");
      await page.getByRole("heading", { name: "No line matches" }).waitFor();
    }, options));

  test(`the audit log can be filtered, and leads to a key${how}`, () =>
    dashboard.asOwner(async (page) => {
      const key = await createKey(page, { name: `logged${how}`, newProject: `project${how}` });
      const id = key.slice(4, 16);
      await page.goto("/audit");
      await page.getByLabel("Search").fill(id.toLowerCase());
      await page.getByLabel("What").selectOption("API keys");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL(/group=keys/);
      assert.equal(await page.getByRole("row").count(), 2);
      await page.getByRole("link", { name: id }).click();
      await page.waitForURL(`**/keys/${id}`);
      await page.getByRole("heading", { level: 1, name: `logged${how}` }).waitFor();
    }, options));
}

test("Copy copies a token, and the browser warns a user who leaves without copying it", () =>
  dashboard.asOwner(async (page, context) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const token = await makeToken(page, { name: "copied" });
    assert.equal(new URL(page.url()).pathname, "/tokens");
    let asked = 0;
    page.on("dialog", (dialog) => {
      asked += 1;
      return dialog.dismiss();
    });
    await page.getByRole("link", { name: "Done" }).click();
    assert.equal(asked, 1);
    await page.locator('[data-copy="new-token"]').click();
    await page.getByText("Copied. Keep it").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
    await page.getByRole("link", { name: "Done" }).click();
    await page.getByRole("heading", { level: 1, name: "Access tokens" }).waitFor();
    assert.equal(asked, 1);
  }));

test("the form of a token survives the end of the session", () =>
  dashboard.asStranger(async (page, context) => {
    await page.goto("/tokens/new");
    await signIn(page);
    const dialog = await openedDialog(page, "**/tokens/new");
    await dialog.getByLabel("Name").fill("half done");
    await dialog.getByLabel("Expires", { exact: true }).selectOption("365");
    await context.clearCookies({ name: "ctx-key-session" });
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.waitForURL("**/sign-in");
    await signIn(page, PASSWORD);
    const again = await openedDialog(page, "**/tokens/new");
    assert.equal(await again.getByLabel("Name").inputValue(), "half done");
    assert.equal(await again.getByLabel("Expires", { exact: true }).inputValue(), "365");
  }));
