// The set-up by the printed link, signing in and signing out.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { goBack, signIn } from "./person.mjs";

// this uses the printed link for the first time
const dashboard = await startDashboard();

const heading = (page) => page.getByRole("heading", { level: 1, name: "API Keys" });

test("the list is empty after the set-up, and says what to do", () =>
  dashboard.asOwner(async (page) => {
    await page.goto("/keys");
    await heading(page).waitFor();
    await page.getByText("no API keys").waitFor();
    await page.getByRole("link", { name: "Create API Key" }).first().click();
    await page.getByRole("dialog", { name: "Create API Key" }).waitFor();
  }));

test("the link of the set-up is valid only once", () =>
  dashboard.asStranger(async (page) => {
    await page.goto(dashboard.setUpLink);
    await page.getByRole("heading", { name: "This set-up link is not valid" }).waitFor();
    await page.goto("/keys");
    await page.waitForURL("**/sign-in");
  }));

test("a wrong password is refused, and the right one opens the list", () =>
  dashboard.asStranger(async (page) => {
    await page.goto("/keys");
    await page.waitForURL("**/sign-in");
    await signIn(page, "another long password");
    await page.getByRole("alert").waitFor();
    assert.equal(await page.getByLabel("Password").inputValue(), "");
    await signIn(page);
    await page.waitForURL("**/keys");
    await heading(page).waitFor();
  }));

test("after a sign-out, Back does not show a page of the account", () =>
  dashboard.asStranger(async (page, context) => {
    await page.goto("/sign-in");
    await signIn(page);
    await page.waitForURL("**/keys");
    const session = (await context.cookies()).find((cookie) => cookie.name.endsWith("session"));
    assert.equal(session.httpOnly, true);
    assert.equal(session.sameSite, "Lax");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
    await goBack(page);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    assert.equal(await heading(page).count(), 0);
    // the server has ended the session, so its cookie is not valid any more
    await context.addCookies([session]);
    await page.goto("/keys");
    await page.waitForURL("**/sign-in");
  }));
