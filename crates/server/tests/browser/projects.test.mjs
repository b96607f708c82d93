// Projects can be created, renamed and archived, and their forms survive the end of a session.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { createKey, menuOf, openedDialog, projectField, rowOf, signIn } from "./person.mjs";

const dashboard = await startDashboard();

const nameField = (dialog) => dialog.getByLabel("Name", { exact: true });
const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

/** Opens a dialog from the menu of a project's row. */
async function ask(page, name, action) {
  await page.goto(`/projects?q=${encodeURIComponent(name)}`);
  await menuOf(rowOf(page, name)).click();
  await rowOf(page, name).getByRole("link", { name: action, exact: true }).click();
  return openedDialog(page, new RegExp(`/${action.toLowerCase()}\\?`));
}

test("the first form suggests a project for each environment", () =>
  dashboard.asOwner(
    async (page) => {
      await page.goto("/keys/new");
      const suggested = await page.getByLabel("New project").evaluate(({ list }) => [...list.options].map(({ value }) => value));
      assert.deepEqual(suggested, ["my-app production", "my-app staging", "my-app development"]);
    },
    { javaScriptEnabled: false },
  ));

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without a script";

  test(`a project is created, renamed and archived${how}`, () =>
    dashboard.asOwner(
      async (page) => {
        const [before, after] = [`Vorher${how}`, `Büro 東京${how}`];
        await page.goto("/keys");
        await page.getByRole("link", { name: "Projects" }).click();
        await page.getByRole("link", { name: "Create project" }).click();
        let dialog = await openedDialog(page, "**/projects/new");
        assert.ok(await isFocused(nameField(dialog)));
        await nameField(dialog).fill("Development");
        await dialog.getByRole("button", { name: "Create" }).click();
        await page.getByRole("alert").getByText("There is a project of this name").waitFor();
        assert.ok(await isFocused(nameField(dialog)));
        assert.equal(await nameField(dialog).inputValue(), "Development");
        assert.equal(await nameField(dialog).getAttribute("aria-invalid"), "true");
        await nameField(dialog).fill(before);
        await dialog.getByRole("button", { name: "Create" }).click();
        await page.getByRole("status").getByText("The project is created.").waitFor();

        dialog = await ask(page, before, "Rename");
        assert.equal(await nameField(dialog).inputValue(), before);
        await nameField(dialog).fill(after);
        await dialog.getByRole("button", { name: "Save" }).click();
        await page.getByRole("status").getByText("The new name is saved.").waitFor();
        const keys = [];
        for (const name of ["first", "second"]) keys.push(await createKey(page, { name: `${name}${how}`, project: after }));
        const states = async () => Promise.all(keys.map(async (key) => (await dashboard.present(key)).status));
        assert.deepEqual(await states(), [200, 200]);

        dialog = await ask(page, after, "Archive");
        await dialog.getByText("This revokes 2 keys:").waitFor();
        await dialog.getByText(`first${how}`).waitFor();
        await dialog.getByText("can't be undone").waitFor();
        await dialog.getByRole("link", { name: "Cancel" }).click();
        await page.waitForURL(/projects\?q=/);
        assert.deepEqual(await states(), [200, 200]);
        dialog = await ask(page, after, "Archive");
        await dialog.getByRole("button", { name: "Archive" }).click();
        await page.getByRole("status").getByText("The project is archived, and 2 keys are revoked.").waitFor();
        assert.deepEqual(await states(), [401, 401]);
        await rowOf(page, after).getByText("Archived", { exact: true }).waitFor();
        assert.equal(await rowOf(page, after).getByRole("link", { name: "Archive", exact: true }).count(), 0);

        await page.goto("/keys/new");
        const offered = await projectField(page.getByRole("dialog")).locator("option").allInnerTexts();
        assert.ok(!offered.includes(after), `${offered}`);
        await page.goto("/projects");
        await rowOf(page, after).getByRole("link", { name: after, exact: true }).click();
        await page.waitForURL(/keys\?project=/);
        assert.equal(await page.getByRole("row", { name: "ctx_" }).filter({ hasText: "Revoked" }).count(), 2);
      },
      { javaScriptEnabled },
    ));

  test(`the form of a project survives the end of the session${how}`, () =>
    dashboard.asStranger(
      async (page, context) => {
        await page.goto("/sign-in");
        await signIn(page);
        await page.waitForURL("**/keys");
        for (const [path, button] of [
          ["/projects/new", "Create"],
          [undefined, "Save"],
        ]) {
          const dialog = path ? page.getByRole("dialog") : await ask(page, "Development", "Rename");
          if (path) await page.goto(path);
          const address = page.url();
          await nameField(dialog).fill(`Typed ${button}${how}`);
          await context.clearCookies();
          await dialog.getByRole("button", { name: button }).click();
          await page.waitForURL("**/sign-in");
          await signIn(page);
          await openedDialog(page, (url) => url.href === address);
          assert.equal(await nameField(dialog).inputValue(), `Typed ${button}${how}`);
        }
      },
      { javaScriptEnabled },
    ));
}

const NAMES = [
  "Production backend of the quarterly international reporting service in the northern region",
  "Промышленный ключ внутренней системы отчётности северного региона",
  "東京本社の請求処理システム向け本番環境用アクセスキー",
  "مفتاح الإنتاج لنظام التقارير الداخلي في المنطقة الشمالية",
  "Internationalization-Service",
  "W".repeat(90),
];

test("60 projects with long names fit, and the focus returns to the row", () =>
  dashboard.asOwner(async (page) => {
    for (let number = 0; number < 60; number += 1) {
      await dashboard.manage("POST", "projects", { name: `${NAMES[number % NAMES.length]} ${number}` });
    }
    for (const width of [360, 900, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      for (const path of ["/projects", "/projects?page=2&state=active"]) {
        await page.goto(path);
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(sideways <= 0, `${path} at ${width}: ${sideways} pixels to scroll`);
      }
      const row = page.getByRole("row").filter({ has: page.locator(".menu") }).last();
      const name = await row.locator(".name").innerText();
      await menuOf(row).click();
      const dialog = row.getByRole("link", { name: "Archive" });
      const { x, width: length } = await dialog.boundingBox();
      assert.ok(x >= 0 && x + length <= width, `${x}, ${length}`);
      await dialog.click();
      await openedDialog(page, /archive\?/);
      await page.keyboard.press("Escape");
      await page.waitForURL(/projects\?state=active&page=2$/);
      await page.waitForFunction((text) => document.activeElement.closest("tr")?.innerText.includes(text), name);
    }
    await page.goto("/keys/new");
    const select = projectField(page.getByRole("dialog"));
    await select.selectOption({ label: `${NAMES[3]} 57` });
    const inside = await select.evaluate((element) => element.getBoundingClientRect().right <= element.closest("dialog").getBoundingClientRect().right);
    assert.ok(inside);
  }));
