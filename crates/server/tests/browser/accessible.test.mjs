// axe-core finds no violation on any page, light or dark, wide or narrow, and nothing moves for users who prefer less motion.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import {
  PASSWORD,
  changePassword,
  choose,
  createButton,
  createKey,
  fillForm,
  menuOf,
  rowOf,
  scopeBox,
  shownKey,
  signIn,
} from "./person.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const dashboard = await startDashboard();

const WIDE = { width: 1280, height: 800 };
// a window of 1280 pixels at a zoom of 400 % (WCAG 2.2, 1.4.10)
const NARROW = { width: 320, height: 640 };
const PHONE = { width: 360, height: 800 };

/** Examines the page without loading it again, because some pages are shown only once. */
async function examine(page) {
  for (const viewport of [WIDE, NARROW, PHONE]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const where = `${page.url()}, ${colorScheme}, ${viewport.width} pixels wide`;
      assert.deepEqual(await violations(page), [], where);
      const { scrolled, moving } = await page.evaluate(() => ({
        scrolled: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        moving: document.getAnimations().length,
      }));
      assert.ok(scrolled <= 0, `${where}: ${scrolled} pixels to scroll sideways`);
      assert.equal(moving, 0, `${where}: something moves`);
    }
  }
  await page.setViewportSize(WIDE);
}

/** Returns the violations that axe-core finds. It runs through the debugger, to which the page's policy does not apply. */
async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    // without fetching stylesheets, which the policy refuses
    axe.run(document, { preload: false, rules: { "target-size": { enabled: true } } }),
  );
  return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.html) }));
}

test("axe-core finds a violation", () =>
  dashboard.asStranger(async (page) => {
    await page.setContent('<!doctype html><html lang="en"><title>t</title><main><h1>h</h1><input></main>');
    assert.deepEqual(
      (await violations(page)).map(({ id }) => id),
      ["label"],
    );
  }));

test("the pages without a session are accessible", () =>
  dashboard.asStranger(async (page) => {
    for (const path of ["/sign-in", `/set-up?link=${"0".repeat(64)}`, "/set-up"]) {
      await page.goto(path);
      await examine(page);
    }
    await page.goto("/sign-in");
    await signIn(page, "another long password");
    await page.getByRole("alert").waitFor();
    await examine(page);
  }));

test("the list, empty and full, and the audit log are accessible", () =>
  dashboard.asOwner(async (page) => {
    await page.goto("/keys");
    await examine(page);
    await createKey(page, { name: "A name which is as long as somebody gives a key who is in no hurry" });
    await createKey(page, { name: "B".repeat(100), newProject: "P".repeat(100) });
    await createKey(page, { name: "to be revoked", expires: "30" });
    const dialog = await choose(page, "to be revoked", "Revoke");
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await page.waitForURL("**/keys");
    await examine(page);
    await page.goto("/audit");
    await examine(page);
    await page.goto("/keys/000000000000/rotate");
    await examine(page);
  }));

test("the sessions, the access tokens, and the audit log with a filter are accessible", () =>
  dashboard.asOwner(async (page) => {
    await page.goto("/tokens");
    await examine(page);
    await page.goto("/tokens/new");
    await examine(page);
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").waitFor();
    await examine(page);
    await page.getByLabel("Name").fill("T".repeat(100));
    await page.getByLabel("Expires", { exact: true }).selectOption("30");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByLabel("Your new access token").waitFor();
    await examine(page);
    await dashboard.manage("POST", "tokens", { name: "a program" });
    await page.goto("/tokens");
    await examine(page);
    await page.getByRole("link", { name: "End" }).first().click();
    await page.getByRole("dialog").waitFor();
    await examine(page);
    await page.getByRole("button", { name: "End" }).click();
    await page.getByRole("status").waitFor();
    await examine(page);
    await page.goto("/account/sessions");
    await page.getByRole("button", { name: "End all others" }).waitFor();
    await examine(page);
    await page.goto("/audit?q=program&group=tokens&from=2026-01-01");
    await examine(page);
    await page.goto("/audit?q=none");
    await examine(page);
  }));

test("the page of the password is accessible, with errors and after a change", () =>
  dashboard.asStranger(async (page) => {
    await page.goto("/sign-in");
    await signIn(page);
    await page.waitForURL("**/keys");
    await page.goto("/account/password");
    await examine(page);
    await changePassword(page, PASSWORD, "too short");
    await page.getByRole("alert").waitFor();
    await examine(page);
    await changePassword(page, PASSWORD, PASSWORD);
    await page.getByRole("status").waitFor();
    await examine(page);
    // the change has ended the sessions of the other tests and of the programs
    dashboard.session = await page.context().storageState();
    dashboard.login = undefined;
  }));

test("the form of a new key is accessible, with errors, after it was sent, and if it is sent twice", () =>
  dashboard.asOwner(async (page) => {
    const dialog = await fillForm(page, { scopes: [] });
    await examine(page);
    await createButton(dialog).click();
    await page.getByRole("alert").waitFor();
    await examine(page);
    await fillForm(page, { name: "shown" });
    const token = await dialog.locator("[name=form]").inputValue();
    await createButton(dialog).click();
    await shownKey(page);
    await examine(page);
    await fillForm(page, { name: "shown" });
    await dialog.locator("[name=form]").evaluate((field, value) => (field.value = value), token);
    await createButton(dialog).click();
    await page.getByRole("heading", { name: "This form was already sent" }).waitFor();
    await examine(page);
  }));

test("the page of a key, with errors, and the list with a menu and a filter are accessible", () =>
  dashboard.asOwner(async (page) => {
    const key = await createKey(page, { name: "K".repeat(100), newProject: "Q".repeat(100) });
    await page.goto(`/keys/${key.slice(4, 16)}`);
    await examine(page);
    await scopeBox(page, "memories:read").uncheck();
    await page.getByLabel("Name", { exact: true }).fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").waitFor();
    await examine(page);
    const dialog = await choose(page, "K".repeat(100), "Revoke");
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("status").waitFor();
    await menuOf(rowOf(page, "K".repeat(100))).click();
    await examine(page);
    await page.goto(`/keys/${key.slice(4, 16)}`);
    await examine(page);
    await page.goto("/keys?q=none&state=revoked");
    await examine(page);
  }));

test("the dialogs of a key are accessible", () =>
  dashboard.asOwner(async (page) => {
    await createKey(page, { name: "in question" });
    for (const action of ["Rotate", "Revoke", "Delete"]) {
      await choose(page, "in question", action);
      await examine(page);
    }
  }));

test("the projects and their dialogs are accessible", () =>
  dashboard.asOwner(async (page) => {
    await createKey(page, { name: "in an archived project", newProject: `${"R".repeat(90)} old` });
    const project = (await dashboard.manage("GET", "projects")).find(({ name }) => name.endsWith(" old"));
    for (const path of ["/projects/new", `/projects/${project.id}/rename`, `/projects/${project.id}/archive`]) {
      await page.goto(path);
      await examine(page);
    }
    await page.getByRole("button", { name: "Archive" }).click();
    await page.getByRole("status").waitFor();
    await menuOf(rowOf(page, project.name)).click();
    await examine(page);
    await page.goto("/projects/new");
    await page.getByLabel("Name", { exact: true }).fill("Development");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").waitFor();
    await examine(page);
    await page.goto("/projects?q=none");
    await examine(page);
    await createKey(page, { name: "in question, again" });
    const dialog = await choose(page, "in question, again", "Rotate");
    await dialog.getByLabel("The new key expires").selectOption("date");
    await dialog.getByRole("button", { name: "Rotate" }).click();
    await page.getByRole("alert").waitFor();
    await examine(page);
  }));
