// Takes screenshots of the list, of a key, of the form and of the audit log, light and dark, into the folder SCREENSHOTS.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { choose, createKey, fillForm, shownKey } from "./person.mjs";

const folder = process.env.SCREENSHOTS;
mkdirSync(folder, { recursive: true });
const dashboard = await startDashboard();

async function rotate(page, name, overlap) {
  const dialog = await choose(page, name, "Rotate");
  await dialog.getByLabel(overlap).check();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  return shownKey(page);
}

/** Creates five keys in different states. */
async function fill(page) {
  const nightly = { name: "CI - Nightly Import", newProject: "Staging", scopes: ["memories:write"] };
  await createKey(page, nightly);
  const dialog = await choose(page, nightly.name, "Revoke");
  await dialog.getByRole("button", { name: "Revoke" }).click();
  const bot = { name: "Staging - Support Bot", project: "Staging", scopes: ["users:read", "chats:write"], expires: "90" };
  const app = { name: "Production - Web App", newProject: "Production", scopes: ["memories:read", "memories:write"] };
  let newest;
  for (const [form, overlap] of [
    [bot, "Now"],
    [app, "24 hours"],
  ]) {
    // the list is sorted by the second in which a key was created
    await page.waitForTimeout(1_100);
    await dashboard.present(await createKey(page, form));
    await page.waitForTimeout(1_100);
    newest = await rotate(page, form.name, overlap);
  }
  await dashboard.present(newest);
  // the server writes uses every five seconds
  await page.waitForTimeout(6_000);
}

test("screenshots are taken", () =>
  dashboard.asOwner(
    async (page) => {
      await fill(page);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.goto("/keys");
        await page.screenshot({ path: path.join(folder, `keys-${colorScheme}.png`) });
        await page.getByRole("link", { name: "Staging - Support Bot", exact: true }).first().click();
        await page.getByRole("heading", { level: 1, name: "Staging - Support Bot" }).waitFor();
        await page.screenshot({ path: path.join(folder, `key-${colorScheme}.png`) });
        const form = { name: "Production - Search", project: "Production", scopes: ["memories:read", "chats:write"] };
        await fillForm(page, { ...form, expires: "90" });
        await page.mouse.move(0, 0);
        await page.screenshot({ path: path.join(folder, `create-${colorScheme}.png`) });
        await page.goto("/audit");
        await page.screenshot({ path: path.join(folder, `audit-${colorScheme}.png`) });
      }
    },
    { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
  ));
