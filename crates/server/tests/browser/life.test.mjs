// A key is rotated, revoked and deleted, and the audit log records who did it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { EMAIL, choose, chooseIn, countKeys, createKey, rowOf, shownKey } from "./person.mjs";

const dashboard = await startDashboard();

async function statuses(...keys) {
  return Promise.all(keys.map(async (key) => (await dashboard.present(key)).status));
}

async function rotate(page, name, overlap) {
  const dialog = await choose(page, name, "Rotate");
  await dialog.getByLabel(overlap).check();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  return shownKey(page);
}

test("after a rotation with an overlap, both keys are valid", () =>
  dashboard.asOwner(async (page) => {
    const old = await createKey(page, { name: "overlap", scopes: ["users:read", "users:write"] });
    const successor = await rotate(page, "overlap", "1 hour");
    assert.notEqual(successor, old);
    assert.deepEqual(await statuses(old, successor), [200, 200]);
    assert.deepEqual((await dashboard.present(successor)).body.scopes, ["users:read", "users:write"]);
    assert.equal(await countKeys(page), 2);
    assert.equal(await rowOf(page, "overlap").filter({ hasText: "Ending soon" }).count(), 1);
  }));

test("after a rotation without an overlap, the old key is refused", () =>
  dashboard.asOwner(async (page) => {
    const old = await createKey(page, { name: "at once" });
    const successor = await rotate(page, "at once", "now");
    assert.deepEqual(await statuses(old, successor), [401, 200]);
    await page.goto("/keys");
    assert.equal(await rowOf(page, "at once").filter({ hasText: "Retired" }).count(), 1);
    assert.equal(await rowOf(page, "at once").filter({ hasText: "Active" }).count(), 1);
  }));

test("a reload after a rotation creates no key, and does not show the new key again", () =>
  dashboard.asOwner(async (page) => {
    await createKey(page, { name: "rotated once" });
    const successor = await rotate(page, "rotated once", "1 hour");
    await page.reload();
    assert.ok(!(await page.content()).includes(successor));
    await page.goto("/keys");
    assert.equal(await rowOf(page, "rotated once").count(), 2);
  }));

test("a revoked key is refused, and the list shows that it is revoked", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "revoked" });
    const dialog = await choose(page, "revoked", "Revoke");
    assert.deepEqual(await statuses(key), [200]);
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await page.waitForURL("**/keys");
    assert.deepEqual(await statuses(key), [401]);
    await rowOf(page, "revoked").getByText("Revoked", { exact: true }).waitFor();
    assert.equal(await rowOf(page, "revoked").locator("a", { hasText: "Rotate" }).count(), 0);
  }));

test("a cancelled dialog changes nothing", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "kept" });
    for (const action of ["Rotate", "Revoke", "Delete"]) {
      const dialog = await choose(page, "kept", action);
      await dialog.getByRole("link", { name: "Cancel" }).click();
      await page.waitForURL("**/keys");
      await choose(page, "kept", action);
      await page.keyboard.press("Escape");
      await page.waitForURL("**/keys");
    }
    assert.deepEqual(await statuses(key), [200]);
  }));

test("a deleted key is gone", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "deleted" });
    const before = await countKeys(page);
    const dialog = await choose(page, "deleted", "Delete");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.waitForURL("**/keys");
    assert.deepEqual(await statuses(key), [401]);
    assert.equal(await countKeys(page), before - 1);
    assert.equal(await rowOf(page, "deleted").count(), 0);
  }));

test("the list masks keys, and shows when a key was last used", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "used" });
    await dashboard.present(key);
    await page.goto("/keys");
    await rowOf(page, "used").getByText(`${key.slice(0, 16)}***`).waitFor();
    assert.ok(!(await page.content()).includes(key.slice(16)));
    // the server writes uses every five seconds
    for (let seconds = 0; (await cellOf(page, "used", "Last used")) === "Never"; seconds += 1) {
      assert.ok(seconds < 60, "the use is not written");
      await page.waitForTimeout(1_000);
      await page.reload();
    }
  }));

async function cellOf(page, name, column) {
  const titles = await page.getByRole("columnheader").allInnerTexts();
  const place = titles.findIndex((title) => title.toLowerCase() === column.toLowerCase());
  return rowOf(page, name).locator("th, td").nth(place).innerText();
}

test("the audit log shows who did what to which key", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "audited" });
    const rotated = await rotate(page, "audited", "now");
    for (const action of ["Revoke", "Delete"]) {
      await page.goto("/keys");
      const id = rotated.slice(0, 16);
      const row = page.getByRole("row").filter({ hasText: id });
      await chooseIn(page, row, action);
      await page.getByRole("dialog").getByRole("button", { name: action }).click();
      await page.waitForURL("**/keys");
    }
    await page.goto("/audit");
    const lines = await page.getByRole("row").allInnerTexts();
    const isLogged = (action, of) =>
      lines.some((line) => line.includes(EMAIL) && line.toLowerCase().includes(action) && line.includes(of.slice(4, 16)));
    for (const [action, of] of [
      ["created", key],
      ["rotated", key],
      ["revoked", rotated],
      ["deleted", rotated],
    ]) {
      assert.ok(isLogged(action, of), `not in the audit log: ${action}\n${lines.join("\n")}`);
    }
    assert.ok(!(await page.content()).includes(key.slice(16)));
  }));
