// A form creates one key, which is shown once and copied exactly.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import {
  KEY,
  countKeys,
  createButton,
  createKey,
  fillForm,
  goBack,
  newProjectField,
  openedDialog,
  projectField,
  rowOf,
  scopeBox,
  shownKey,
  signIn,
} from "./person.mjs";

const dashboard = await startDashboard();

/** Waits until a condition is true, for at most a minute. */
async function until(isTrue) {
  for (let waited = 0; !isTrue(); waited += 1) {
    assert.ok(waited < 600, "the condition is still false after a minute");
    await new Promise((resume) => setTimeout(resume, 100));
  }
}

/** Presses Tab until an element has the focus. Other elements may come before it. */
async function tabTo(page, locator) {
  for (let presses = 0; presses < 40; presses += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to ${locator}`);
}

/**
 * Returns the name or text of the element with the focus if it is in the dialog, "body" while the browser's own controls have
 * the focus, or "outside".
 */
function focus(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element.closest("[role=dialog], dialog")) return element.name || element.textContent;
    return element === document.body ? "body" : "outside";
  });
}

test("a key can be created with the keyboard alone", () =>
  dashboard.asOwner(async (page) => {
    await page.goto("/keys");
    await tabTo(page, page.getByRole("link", { name: "Create API Key" }).first());
    await page.keyboard.press("Enter");
    const dialog = await openedDialog(page, "**/keys/new");
    await tabTo(page, dialog.getByLabel("Name", { exact: true }));
    await page.keyboard.type("Production - Web App");
    await tabTo(page, projectField(dialog));
    await page.keyboard.type("New project");
    await tabTo(page, newProjectField(dialog));
    await page.keyboard.type("Production");
    for (const scope of ["memories:read", "chats:write"]) {
      await tabTo(page, scopeBox(dialog, scope));
      await page.keyboard.press("Space");
    }
    await tabTo(page, createButton(dialog));
    await page.keyboard.press("Enter");
    const key = await shownKey(page);
    assert.match(key, KEY);
    const { status, body } = await dashboard.present(key);
    assert.equal(status, 200);
    assert.deepEqual(body.scopes, ["memories:read", "chats:write"]);
    await page.goto("/keys");
    await rowOf(page, "Production - Web App").getByText("Production", { exact: true }).waitFor();
  }));

test("the focus begins in the dialog, stays in it, and Escape closes it", () =>
  dashboard.asOwner(async (page) => {
    await page.goto("/keys");
    await page.getByRole("link", { name: "Create API Key" }).first().click();
    await openedDialog(page, "**/keys/new");
    const first = await focus(page);
    assert.ok(!["body", "outside"].includes(first), `the focus begins at ${first}`);
    for (const step of ["Tab", "Shift+Tab"]) {
      const seen = [];
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press(step);
        seen.push(await focus(page));
      }
      assert.ok(!seen.includes("outside"), `${step} leaves the dialog: ${seen}`);
      assert.ok(seen.indexOf("Create") !== seen.lastIndexOf("Create"), `${step} does not go round: ${seen}`);
    }
    await page.keyboard.press("Escape");
    await page.waitForURL("**/keys");
    assert.equal(await page.getByRole("dialog").count(), 0);
  }));

test("Cancel leads back to the list", () =>
  dashboard.asOwner(async (page) => {
    const dialog = await fillForm(page, { name: "never made" });
    await dialog.getByRole("link", { name: "Cancel" }).click();
    await page.waitForURL("**/keys");
    assert.equal(await rowOf(page, "never made").count(), 0);
  }));

test("no scope is checked at first, and a form without scopes shows an error and keeps its fields", () =>
  dashboard.asOwner(async (page) => {
    const before = await countKeys(page);
    const dialog = await fillForm(page, { name: "no scopes", newProject: "Staging", scopes: [], expires: "90" });
    assert.equal(await dialog.getByRole("checkbox").count(), 6);
    assert.equal(await dialog.getByRole("checkbox", { checked: true }).count(), 0);
    await createButton(dialog).click();
    await page.getByRole("alert").getByText("scope").first().waitFor();
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "no scopes");
    assert.equal(await projectField(dialog).inputValue(), "new");
    assert.equal(await newProjectField(dialog).inputValue(), "Staging");
    assert.equal(await dialog.getByLabel("Expires").inputValue(), "90");
    await scopeBox(dialog, "users:read").check();
    await createButton(dialog).click();
    assert.match(await shownKey(page), KEY);
    assert.equal(await countKeys(page), before + 1);
    await rowOf(page, "no scopes").getByText("Staging").waitFor();
  }));

test("a project can be created with a key, and later forms offer it", () =>
  dashboard.asOwner(async (page) => {
    await createKey(page, { name: "in a new project", newProject: "Research" });
    await createKey(page, { name: "in the same project", project: "Research" });
    await countKeys(page);
    for (const name of ["in a new project", "in the same project"]) {
      await rowOf(page, name).getByText("Research", { exact: true }).waitFor();
    }
  }));

test("Copy copies exactly the key", () =>
  dashboard.asOwner(
    async (page) => {
      const key = await createKey(page, { name: "copied" });
      assert.match(key, new RegExp(`^${KEY.source}$`));
      await page.evaluate(() => navigator.clipboard.writeText("another text"));
      await page.getByRole("button", { name: "Copy", exact: true }).click();
      await page.getByRole("status").getByText("Copied").waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
    },
    { permissions: ["clipboard-read", "clipboard-write"] },
  ));

test("the line for .env contains the key, and the command uses it for a request", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "tried", scopes: ["users:read"] });
    const line = (await page.getByRole("region", { name: ".env" }).innerText()).trimEnd();
    assert.equal(line, `MEMORYKIT_API_KEY=${key}`);
    const command = await page.getByRole("region", { name: "Command" }).innerText();
    assert.ok(!command.includes(key), "the shell's history would contain the key");
    const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    const output = execFileSync("sh", ["-euc", `export ${line}\n${command}`], options);
    assert.equal(JSON.parse(output).id, key.slice(4, 16));
  }));

test("if the browser refuses the clipboard, the key is selected, so that it can be copied by hand", () =>
  dashboard.asOwner(async (page) => {
    await page.addInitScript(() => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException("refused", "NotAllowedError"));
    });
    const key = await createKey(page, { name: "copied by hand" });
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await page.waitForFunction(() => document.activeElement.id === "new-key");
    assert.equal(await page.evaluate(() => getSelection().toString()), key);
    // once it is copied by hand, the user can leave without a question
    await page.evaluate(() => document.activeElement.dispatchEvent(new ClipboardEvent("copy", { bubbles: true })));
    await page.getByRole("link", { name: "Audit log" }).click();
    await page.waitForURL("**/audit");
  }));

test("a reload creates no second key, and does not show the key again", () =>
  dashboard.asOwner(async (page) => {
    const before = await countKeys(page);
    const key = await createKey(page, { name: "reloaded" });
    await page.reload();
    assert.ok(!(await page.content()).includes(key));
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await countKeys(page), before + 1);
    assert.ok(!(await page.content()).includes(key));
  }));

test("a page that the browser keeps when it is left has no key", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "kept by the browser" });
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
    assert.equal(await page.getByLabel("Your new API key").inputValue(), "");
    assert.ok(!(await page.content()).includes(key));
  }));

test("Back does not show the key again", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "left" });
    await page.getByRole("link", { name: "Done" }).click();
    await rowOf(page, "left").waitFor();
    for (let pages = 0; pages < 2; pages += 1) {
      await goBack(page);
      await page.getByRole("heading").first().waitFor();
      assert.ok(!(await page.content()).includes(key), page.url());
    }
    await page.goto("/keys");
    assert.equal(await rowOf(page, "left").count(), 1);
  }));

test("a form that is sent from two tabs creates one key, and the second answer names it", () =>
  dashboard.asOwner(async (page, context) => {
    const before = await countKeys(page);
    const dialog = await fillForm(page, { name: "sent twice" });
    const other = await context.newPage();
    const copy = await fillForm(other, { name: "sent twice" });
    const token = await dialog.locator("[name=form]").inputValue();
    await copy.locator("[name=form]").evaluate((field, value) => (field.value = value), token);
    await createButton(dialog).click();
    const key = await shownKey(page);
    await createButton(copy).click();
    await other.getByRole("heading", { name: "This form was already sent" }).waitFor();
    await other.getByText(`${key.slice(0, 16)}***`).waitFor();
    assert.ok(!(await other.content()).includes(key));
    assert.equal(await countKeys(page), before + 1);
  }));

test("a double click on Create sends one form, and shows its key", () =>
  dashboard.asOwner(async (page) => {
    const before = await countKeys(page);
    const dialog = await fillForm(page, { name: "double click" });
    const sent = [];
    let send;
    const first = new Promise((resolve) => (send = resolve));
    await page.route("**/keys", (route) => send(sent.push(route)));
    const { x, y } = await createButton(dialog).boundingBox();
    await page.mouse.click(x + 5, y + 5);
    await first;
    await page.mouse.click(x + 5, y + 5);
    // the requests go on only after the second click
    for (const route of sent) await route.continue().catch(() => {});
    const key = await shownKey(page);
    assert.equal(sent.length, 1);
    await page.unrouteAll();
    assert.equal((await dashboard.present(key)).status, 200);
    assert.equal(await countKeys(page), before + 1);
  }));

test("each button confirms that it has copied the key, the line for .env or the command", () =>
  dashboard.asOwner(
    async (page) => {
      const key = await createKey(page, { name: "lines" });
      for (const [name, expected] of [
        ["Copy", key],
        ["Copy the line for .env", `MEMORYKIT_API_KEY=${key}`],
        ["Copy the command", `curl ${dashboard.url}/v1/memories \\\n  -H "Authorization: Bearer $MEMORYKIT_API_KEY"`],
      ]) {
        await page.getByRole("button", { name, exact: true }).click();
        await page.getByRole("button", { name: name.replace("Copy", "Copied"), exact: true }).waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), expected);
      }
    },
    { permissions: ["clipboard-read", "clipboard-write"] },
  ));

test("the browser warns a user who leaves without copying the key, and no other", () =>
  dashboard.asOwner(
    async (page) => {
      for (const [button, copies] of [
        [null, false],
        ["Copy the command", false],
        ["Copy", true],
        ["Copy the line for .env", true],
      ]) {
        const key = await createKey(page, { name: `left after ${button}` });
        await page.waitForFunction(() => document.activeElement.id === "new-key");
        if (button) await page.getByRole("button", { name: button, exact: true }).click();
        if (button) await page.getByRole("status").getByText("Copied").waitFor();
        const asked = [];
        page.on("dialog", (dialog) => {
          asked.push(dialog.type());
          dialog.dismiss();
        });
        await page.getByRole("link", { name: "Audit log" }).click({ noWaitAfter: true });
        if (copies) await page.waitForURL("**/audit");
        else await page.waitForFunction(() => true);
        for (let waited = 0; !copies && asked.length === 0; waited += 1) {
          assert.ok(waited < 600, "the browser shows no warning");
          await page.waitForTimeout(100);
        }
        assert.deepEqual(asked, copies ? [] : ["beforeunload"]);
        if (!copies) assert.equal(await page.getByLabel("Your new API key").inputValue(), key);
        page.removeAllListeners("dialog");
      }
    },
    { permissions: ["clipboard-read", "clipboard-write"] },
  ));

test("a key expires at the end of the chosen day, and its page shows the day", () =>
  dashboard.asOwner(async (page) => {
    const dialog = await fillForm(page, { name: "until a day", expires: "date" });
    await createButton(dialog).click();
    await page.getByRole("alert").getByText("Choose a day").waitFor();
    const day = dialog.getByLabel("Last day");
    assert.equal(await day.evaluate((element) => element === document.activeElement), true);
    await day.fill("2999-05-20");
    await createButton(dialog).click();
    const { body } = await dashboard.present(await shownKey(page));
    assert.equal(body.expires_at, "2999-05-20T23:59:59Z");
    await page.getByText("It expires on").getByText("2999").waitFor();
  }));

test("in a form with changes, the first Escape asks, and the second closes the form if nothing was changed since", () =>
  dashboard.asOwner(async (page) => {
    const dialog = await fillForm(page, { name: "kept" });
    const asked = [];
    page.on("dialog", (question) => {
      asked.push(question.type());
      question.dismiss();
    });
    await page.keyboard.press("Escape");
    assert.deepEqual(asked, ["confirm"]);
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "kept");
    assert.equal(await scopeBox(dialog, "memories:read").isChecked(), true);
    await dialog.getByLabel("Name", { exact: true }).fill("kept too");
    await page.keyboard.press("Escape");
    await until(() => asked.length === 2);
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "kept too");
    await page.keyboard.press("Escape");
    await page.waitForURL("**/keys");
    assert.deepEqual(asked, ["confirm", "confirm"]);
  }));

test("Escape also asks in a form that is shown again with errors or after a sign-in", () =>
  dashboard.asStranger(async (page, context) => {
    await page.goto("/sign-in");
    await signIn(page);
    await page.waitForURL("**/keys");
    const asked = [];
    page.on("dialog", (question) => {
      asked.push(question.type());
      question.dismiss();
    });
    const dialog = await fillForm(page, { name: "came back", scopes: [] });
    await createButton(dialog).click();
    await page.getByRole("alert").waitFor();
    await page.keyboard.press("Escape");
    await until(() => asked.length === 1);
    assert.deepEqual(asked, ["confirm"]);
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "came back");
    await scopeBox(dialog, "memories:read").check();
    await context.clearCookies();
    await createButton(dialog).click();
    await page.waitForURL("**/sign-in");
    await signIn(page);
    await openedDialog(page, "**/keys/new");
    await page.keyboard.press("Escape");
    await until(() => asked.length === 2);
    assert.deepEqual(asked, ["confirm", "confirm"]);
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "came back");
  }));

test("a user who stops to copy the key can sign out afterwards", () =>
  dashboard.asStranger(
    async (page) => {
      await page.goto("/sign-in");
      await signIn(page);
      await page.waitForURL("**/keys");
      await createKey(page, { name: "stayed" });
      await page.waitForFunction(() => document.activeElement.id === "new-key");
      const asked = [];
      page.on("dialog", (question) => {
        asked.push(question.type());
        question.dismiss();
      });
      await page.getByRole("button", { name: "Sign out" }).click({ noWaitAfter: true });
      await until(() => asked.length > 0);
      await page.getByRole("button", { name: "Copy", exact: true }).click();
      await page.getByRole("status").getByText("Copied").waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL("**/sign-in");
      assert.deepEqual(asked, ["beforeunload"]);
    },
    { permissions: ["clipboard-read", "clipboard-write"] },
  ));

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without a script";

  test(`a form survives the end of the session${how}`, () =>
    dashboard.asStranger(
      async (page, context) => {
        await page.goto("/sign-in");
        await signIn(page);
        await page.waitForURL("**/keys");
        const form = { name: `long typed${how}`, newProject: `Typed${how}`, scopes: ["users:read", "chats:write"], expires: "90" };
        const dialog = await fillForm(page, form);
        await context.clearCookies();
        await createButton(dialog).click();
        await page.waitForURL("**/sign-in");
        await signIn(page);
        await openedDialog(page, "**/keys/new");
        assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), form.name);
        assert.equal(await projectField(dialog).inputValue(), "new");
        assert.equal(await newProjectField(dialog).inputValue(), form.newProject);
        assert.equal(await newProjectField(dialog).isVisible(), true);
        assert.equal(await dialog.getByLabel("Expires").inputValue(), form.expires);
        for (const scope of form.scopes) assert.equal(await scopeBox(dialog, scope).isChecked(), true);
        assert.equal(await dialog.getByRole("checkbox", { checked: true }).count(), 2);
        await createButton(dialog).click();
        assert.match(await shownKey(page), KEY);
        await page.goto("/keys/new");
        assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "");
      },
      { javaScriptEnabled },
    ));
}
