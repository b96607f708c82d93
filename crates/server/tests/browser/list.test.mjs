// A list of a thousand keys can be searched, filtered and paged, and a dialog leads back to the place where it was opened.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { choose, chooseIn, createKey, menuOf, openedDialog, rowOf, shownKey } from "./person.mjs";

const dashboard = await startDashboard();

const NAMES = [
  "Production backend of the quarterly international reporting service in the northern region",
  "Промышленный ключ внутренней системы отчётности северного региона",
  "東京本社の請求処理システム向け本番環境用アクセスキー",
  "مفتاح الإنتاج لنظام التقارير الداخلي في المنطقة الشمالية",
  "उत्तरी क्षेत्र की आंतरिक रिपोर्टिंग प्रणाली के लिए उत्पादन कुंजी",
  "Κλειδί παραγωγής για το εσωτερικό σύστημα αναφορών",
  "Development",
  "Internationalization-Service",
];
const SCOPES = ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];

/** Creates this number of keys in 30 projects. */
async function fill(count) {
  const projects = [];
  for (let number = 0; number < 30; number += 1) {
    const name = `${NAMES[number % NAMES.length]} ${number}`;
    projects.push((await dashboard.manage("POST", "projects", { name })).id);
  }
  for (let number = 0; number < count; number += 1) {
    await dashboard.manage("POST", "api-keys", {
      project_id: projects[number % 30],
      name: `${NAMES[number % NAMES.length]} ${number}`,
      scopes: SCOPES.slice(number % 6),
      expires_at: number % 2 ? "2999-12-31T23:59:59Z" : null,
    });
  }
}

await fill(990);

const filterButton = (page) => page.getByRole("button", { name: "Filter" });
const keysOf = (page) => page.getByRole("row", { name: "ctx_" });
const focusedRow = (page) => page.evaluate(() => document.activeElement.closest("tr")?.querySelector(".name")?.textContent);

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without a script";

  test(`keys can be searched, filtered and paged${how}`, () =>
    dashboard.asOwner(
      async (page) => {
        await page.goto("/keys");
        assert.equal(await keysOf(page).count(), 50);
        await page.getByText("1 to 50 of 990").waitFor();
        await page.getByRole("searchbox", { name: "Search" }).fill("ПРОМЫШЛЕННЫЙ");
        await page.keyboard.press("Enter");
        await page.getByText("1 to 50 of 124").waitFor();
        await page.getByRole("link", { name: "Next" }).click();
        await page.getByText("51 to 100 of 124").waitFor();
        assert.ok((await keysOf(page).allInnerTexts()).every((row) => row.includes("Промышленный")));
        await page.getByLabel("Scope", { exact: true }).selectOption("memories:write");
        await filterButton(page).click();
        await page.waitForURL(/scope=memories/);
        const found = await keysOf(page).allInnerTexts();
        assert.ok(found.length > 0 && found.every((row) => row.includes("memories:write")), found.join("\n"));
        await page.getByLabel("Project", { exact: true }).selectOption({ label: "Development 6" });
        await filterButton(page).click();
        await page.getByRole("heading", { name: "No key matches" }).waitFor();
        await page.getByRole("link", { name: "Clear" }).click();
        await page.getByText("1 to 50 of 990").waitFor();
      },
      { javaScriptEnabled },
    ));

  test(`a dialog leads back to its row, with the same filter and page${how}`, () =>
    dashboard.asOwner(
      async (page) => {
        await page.goto("/keys?q=development&page=2");
        const row = keysOf(page).nth(30);
        const name = await row.locator(".name").innerText();
        const next = await keysOf(page).nth(31).locator(".name").innerText();
        const isThere = async (expected) => {
          await page.waitForURL(/\/keys\?q=development&page=2/);
          await page.getByText("51 to").waitFor();
          await page.waitForFunction((text) => document.activeElement.closest("tr")?.innerText.includes(text), expected);
          const { y } = await page.locator("summary:focus").boundingBox();
          assert.ok(y > 0 && y < page.viewportSize().height, `${expected} is at ${y}`);
          assert.equal(new URL(page.url()).search, "?q=development&page=2");
        };
        for (const action of ["Rotate", "Revoke", "Delete"]) {
          const dialog = await chooseIn(page, row, action);
          assert.equal(await page.getByRole("row").count(), 0, "the list is not sent again");
          await dialog.getByRole("link", { name: "Cancel" }).click();
          await isThere(name);
        }
        if (javaScriptEnabled) {
          await chooseIn(page, row, "Rotate");
          await page.keyboard.press("Escape");
          await isThere(name);
          assert.equal(new URL(page.url()).hash, "");
        }
        let dialog = await chooseIn(page, row, "Revoke");
        await dialog.getByRole("button", { name: "Revoke" }).click();
        await isThere(name);
        await page.getByRole("status").getByText("is revoked").waitFor();
        assert.equal(await page.getByRole("status").isVisible(), true);
        await rowOf(page, name).getByText("Revoked", { exact: true }).waitFor();
        dialog = await chooseIn(page, row, "Delete");
        await dialog.getByRole("button", { name: "Delete" }).click();
        await isThere(next);
        await page.getByRole("status").getByText("is deleted").waitFor();
        assert.equal(await rowOf(page, name).count(), 0);
        // replaces the deleted key, because each test expects the same number of keys
        await page.goto("/keys");
        assert.equal(await page.getByRole("status").count(), 0, "the message is shown once");
        const project_id = (await dashboard.manage("GET", "projects"))[0].id;
        await dashboard.manage("POST", "api-keys", { project_id, name, scopes: SCOPES });
      },
      { javaScriptEnabled },
    ));
}

test("a menu can be opened and closed with the keyboard, and only one is open at a time", () =>
  dashboard.asOwner(async (page) => {
    await page.goto("/keys");
    const [first, second] = [keysOf(page).nth(0), keysOf(page).nth(4)];
    const open = page.locator("details[open]");
    await menuOf(first).focus();
    await page.keyboard.press("Enter");
    await first.getByRole("link", { name: "Rotate" }).waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Rotate");
    await page.keyboard.press("Escape");
    assert.equal(await open.count(), 0);
    assert.equal(await menuOf(first).evaluate((element) => element === document.activeElement), true);
    await menuOf(first).click();
    await menuOf(second).click();
    assert.equal(await open.count(), 1);
    await second.getByRole("link", { name: "Delete" }).focus();
    await page.keyboard.press("Tab");
    assert.equal(await open.count(), 0, "a menu that lost the focus is closed");
    await menuOf(second).click();
    await page.getByRole("heading", { level: 1 }).click();
    assert.equal(await open.count(), 0, "a click elsewhere closes it");
  }));

test("a search for a whole key does not put the key into a URL", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "pasted" });
    await page.goto("/keys");
    const sent = [];
    page.on("request", (request) => sent.push(request.url()));
    await page.getByRole("searchbox").fill(key);
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=ctx_/);
    await rowOf(page, "pasted").waitFor();
    assert.equal(await keysOf(page).count(), 1);
    // the field has room for 100 characters
    await page.getByRole("searchbox").fill(`${key.slice(0, 46)} ${key}`);
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=ctx_.*ctx_/);
    assert.ok(sent.every((url) => !url.includes(key.slice(16))), sent.join("\n"));
  }));

test("a search for a name that begins like a key is left as it is", () =>
  dashboard.asOwner(async (page) => {
    await createKey(page, { name: "ctx_production_backend" });
    await page.goto("/keys");
    await page.getByRole("searchbox").fill("ctx_production_backend");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=ctx_production_backend(&|$)/);
    assert.equal(await keysOf(page).count(), 1);
  }));

test("times are relative, and exact times are in the user's time zone", () =>
  dashboard.asOwner(
    async (page) => {
      await createKey(page, { name: "timed" });
      await page.goto("/keys");
      const time = rowOf(page, "timed").locator("time").first();
      assert.match(await time.innerText(), /^(just now|\d+ minutes? ago)$/);
      const expected = await time.evaluate((element) => new Date(element.dateTime).getTime());
      assert.ok(Math.abs(Date.now() - expected) < 3600e3);
      assert.match(await time.getAttribute("title"), /GMT\+5:45|\+0545/);
    },
    { timezoneId: "Asia/Kathmandu" },
  ));

test("the keys of a rotation lead to each other", () =>
  dashboard.asOwner(async (page) => {
    const old = await createKey(page, { name: "a pair" });
    const dialog = await choose(page, "a pair", "Rotate");
    await dialog.getByRole("button", { name: "Rotate" }).click();
    const successor = await shownKey(page);
    await page.getByRole("link", { name: "Done" }).click();
    const row = page.getByRole("row", { name: `ctx_${old.slice(4, 16)}***` });
    await row.getByText("replaced by").getByRole("link", { name: successor.slice(4, 16) }).click();
    await page.waitForURL(`**/keys/${successor.slice(4, 16)}`);
    await page.getByRole("link", { name: old.slice(4, 16) }).click();
    await page.waitForURL(`**/keys/${old.slice(4, 16)}`);
  }));

/** Returns the words of the table that are broken across lines. Han is left out, because it has no spaces between words. */
function brokenWords() {
  const texts = document.createTreeWalker(document.querySelector("table"), NodeFilter.SHOW_TEXT);
  const broken = [];
  while (texts.nextNode()) {
    for (const { index, 0: word } of texts.currentNode.data.matchAll(/[\p{L}\p{M}\p{N}:_*]+/gu)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + word.length);
      const lines = new Set([...range.getClientRects()].filter(({ width }) => width > 0).map(({ top }) => Math.round(top)));
      if (lines.size > 1 && !/\p{Script=Han}/u.test(word)) broken.push(word);
    }
  }
  return broken;
}

for (const width of [360, 900, 1280]) {
  test(`at ${width} pixels, all columns fit, no word is broken, and each action can be reached`, () =>
    dashboard.asOwner(
      async (page) => {
        await page.goto("/keys?page=2");
        // the longest texts that a row can have
        await page.evaluate(() => {
          for (const row of document.querySelectorAll("tbody tr")) {
            for (const place of [3, 4, 5]) row.children[place].innerHTML = "<time>59 minutes ago</time>";
            row.children[6].innerHTML = "<span class='state ending'>Not yet valid</span>";
          }
        });
        assert.deepEqual(await page.evaluate(brokenWords), []);
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(sideways <= 0, `${sideways} pixels to scroll`);
        for (const row of [keysOf(page).first(), keysOf(page).last()]) {
          await menuOf(row).click();
          const link = row.getByRole("link", { name: "Delete" });
          const { x, width: length } = await link.boundingBox();
          assert.ok(x >= 0 && x + length <= width, `${x}, ${length}`);
          // a click fails if anything covers the link
          await link.click({ trial: true });
        }
      },
      { viewport: { width, height: 800 } },
    ));
}

test("each page is smaller than 100 KiB", () =>
  dashboard.asOwner(async (page) => {
    for (const path of ["/keys", "/keys?page=20", `/keys?q=${encodeURIComponent("請求処理")}`, "/keys/new"]) {
      const response = await page.goto(path);
      const { length } = await response.body();
      assert.ok(length < 100 * 1024, `${path} has ${length} bytes`);
      const paint = await page.evaluate(
        () =>
          new Promise((resolve) => {
            const observer = new PerformanceObserver((list) => resolve(Math.round(list.getEntries()[0].startTime)));
            observer.observe({ type: "paint", buffered: true });
          }),
      );
      console.log(`${path}: ${length} bytes, painted after ${paint} ms`);
    }
  }));
