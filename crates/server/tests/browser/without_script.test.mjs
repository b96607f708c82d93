// The main actions, in a browser that runs no scripts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import {
  choose,
  chooseIn,
  countKeys,
  createButton,
  createKey,
  fillForm,
  goBack,
  rowOf,
  scopeBox,
  shownKey,
  signIn,
} from "./person.mjs";

const dashboard = await startDashboard();
const withoutScript = (work, options) => dashboard.asOwner(work, { javaScriptEnabled: false, ...options });

async function status(key) {
  return (await dashboard.present(key)).status;
}

test("no script runs here", () =>
  withoutScript(async (page) => {
    await page.goto("data:text/html,<p>before</p><script>document.querySelector('p').textContent = 'after'</script>");
    assert.equal(await page.locator("p").innerText(), "before");
  }));

test("a key can be created, and a reload creates no second one", () =>
  withoutScript(async (page) => {
    const key = await createKey(page, { name: "made", newProject: "Production" });
    assert.equal(await status(key), 200);
    // without a script, the button would do nothing
    assert.equal(await page.getByRole("button", { name: "Copy" }).isVisible(), false);
    await page.reload();
    assert.ok(!(await page.content()).includes(key));
    assert.equal(await countKeys(page), 1);
    await rowOf(page, "made").getByText("Production").waitFor();
  }));

test("Done leads from a new key to the list", () =>
  withoutScript(async (page) => {
    await createKey(page, { name: "done" });
    await page.getByRole("link", { name: "Done" }).click();
    await rowOf(page, "done").waitFor();
  }));

test("a form that Back shows again creates no second key", () =>
  withoutScript(async (page) => {
    const dialog = await fillForm(page, { name: "sent twice" });
    const token = page.locator("[name=form]");
    const first = await token.inputValue();
    await createButton(dialog).click();
    const key = await shownKey(page);
    await goBack(page);
    assert.equal(await token.inputValue(), first, "the test proves nothing with a new form");
    await createButton(dialog).click();
    await page.getByText(`${key.slice(0, 16)}***`).waitFor();
    assert.ok(!(await page.content()).includes(key));
    await page.goto("/keys");
    assert.equal(await rowOf(page, "sent twice").count(), 1);
  }));

test("a form without scopes shows an error and keeps what was typed", () =>
  withoutScript(async (page) => {
    const dialog = await fillForm(page, { name: "no scopes", scopes: [] });
    await createButton(dialog).click();
    await page.getByRole("alert").getByText("scope").first().waitFor();
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "no scopes");
    await scopeBox(dialog, "memories:read").check();
    await dialog.getByRole("link", { name: "Cancel" }).click();
    await page.waitForURL("**/keys");
  }));

test("a double click on Create creates one key", () =>
  withoutScript(async (page) => {
    const before = await countKeys(page);
    const dialog = await fillForm(page, { name: "double click" });
    await createButton(dialog).dblclick();
    // the answer to either click may be shown at the end
    const isShown = page.getByRole("link", { name: "Done" });
    await isShown.or(page.getByText("This form was already sent")).first().waitFor();
    assert.equal(await countKeys(page), before + 1);
  }));

test("a key can be rotated, revoked and deleted", () =>
  withoutScript(async (page) => {
    const old = await createKey(page, { name: "short life" });
    const rotation = await choose(page, "short life", "Rotate");
    await rotation.getByLabel("now").check();
    await rotation.getByRole("button", { name: "Rotate" }).click();
    const key = await shownKey(page);
    assert.deepEqual([await status(old), await status(key)], [401, 200]);
    for (const action of ["Revoke", "Delete"]) {
      await page.goto("/keys");
      await chooseIn(page, page.getByRole("row", { name: key.slice(0, 16) }), action);
      await page.getByRole("dialog").getByRole("button", { name: action }).click();
      await page.getByRole("status").getByText(`${key.slice(0, 16)}*** is ${action.toLowerCase()}d`).waitFor();
      assert.equal(await status(key), 401);
    }
    assert.equal(await page.getByRole("row", { name: key.slice(0, 16) }).count(), 0);
  }));

test("a user can sign in and sign out", () =>
  dashboard.asStranger(
    async (page) => {
      await page.goto("/sign-in");
      await signIn(page);
      await page.waitForURL("**/keys");
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL("**/sign-in");
      await page.goto("/keys");
      await page.waitForURL("**/sign-in");
    },
    { javaScriptEnabled: false },
  ));
