// The page of a key shows its history, and changes, rotates, revokes and deletes the key.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { EMAIL, createKey, openedDialog, rowOf, scopeBox, shownKey } from "./person.mjs";

const dashboard = await startDashboard();

/** Creates a key, and opens its page from the list. */
async function openPage(page, form) {
  const key = await createKey(page, form);
  await page.goto("/keys");
  await rowOf(page, form.name).getByRole("link", { name: form.name, exact: true }).click();
  await page.waitForURL(`**/keys/${key.slice(4, 16)}`);
  await page.getByRole("heading", { level: 1, name: form.name }).waitFor();
  return key;
}

const fact = (page, term) => page.locator("dl div").filter({ has: page.getByText(term, { exact: true }) });

async function ask(page, action) {
  await page.getByRole("link", { name: action, exact: true }).click();
  return openedDialog(page, `**/${action.toLowerCase()}?from=key`);
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without a script";
  const asOwner = (work) => dashboard.asOwner(work, { javaScriptEnabled });

  test(`name and scopes can be changed, and errors are shown beside their fields${how}`, () =>
    asOwner(async (page) => {
      const key = await openPage(page, { name: `before${how}`, scopes: ["memories:read"] });
      const name = page.getByLabel("Name", { exact: true });
      await name.fill("");
      await scopeBox(page, "memories:read").uncheck();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("alert").waitFor();
      assert.equal(await name.evaluate((element) => element === document.activeElement), true);
      assert.equal(await name.getAttribute("aria-invalid"), "true");
      for (const described of [name, page.getByRole("group", { name: "Scopes" })]) {
        const id = await described.getAttribute("aria-describedby");
        assert.match(await page.locator(`#${id}`).innerText(), /^(Enter|Choose)/);
      }
      await name.fill(`after${how}`);
      await scopeBox(page, "chats:write").check();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("status").getByText("saved").waitFor();
      await page.getByRole("heading", { level: 1, name: `after${how}` }).waitFor();
      await page.getByText(`name from before${how} to after${how}; scopes from memories:read to chats:write`).waitFor();
      assert.deepEqual((await dashboard.present(key)).body.scopes, ["chats:write"]);
    }));

  test(`a key can be rotated with a new expiry, revoked and deleted${how}`, () =>
    asOwner(async (page) => {
      const name = `short life${how}`;
      const old = await openPage(page, { name, expires: "30" });
      let dialog = await ask(page, "Rotate");
      await dialog.getByLabel("1 hour").check();
      await dialog.getByLabel("The new key expires").selectOption({ label: "Never" });
      await dialog.getByRole("button", { name: "Rotate" }).click();
      const key = await shownKey(page);
      const { status, body } = await dashboard.present(key);
      assert.deepEqual([status, body.expires_at], [200, null]);
      await page.getByRole("link", { name: "Done" }).click();
      await page.waitForURL(`**/keys/${key.slice(4, 16)}`);
      await fact(page, "Replaces").getByRole("link", { name: old.slice(4, 16) }).click();
      await page.waitForURL(`**/keys/${old.slice(4, 16)}`);
      await fact(page, "Replaced by").getByRole("link", { name: key.slice(4, 16) }).click();
      await page.waitForURL(`**/keys/${key.slice(4, 16)}`);
      await fact(page, "Created").getByText(EMAIL).waitFor();

      dialog = await ask(page, "Revoke");
      await dialog.getByRole("link", { name: "Cancel" }).click();
      await page.waitForFunction(() => document.activeElement.textContent === "Revoke");
      dialog = await ask(page, "Revoke");
      await dialog.getByRole("button", { name: "Revoke" }).click();
      await page.getByRole("status").getByText("is revoked").waitFor();
      await fact(page, "Revoked").getByText(EMAIL).waitFor();
      assert.equal((await dashboard.present(key)).status, 401);
      assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0, "a key that has ended can't be changed");

      dialog = await ask(page, "Delete");
      await dialog.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("status").getByText("is deleted").waitFor();
      await page.getByRole("heading", { level: 1, name: "API Keys" }).waitFor();
      assert.equal((await page.goto(`/keys/${key.slice(4, 16)}`)).status(), 404);
    }));
}
