// The owner of an account changes its password. This is a file of its own, because an account has only five attempts to sign in.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { EMAIL, PASSWORD, changePassword, signIn } from "./person.mjs";

const CHANGED = "five green boats at noon";

const dashboard = await startDashboard();

const heading = (page, name) => page.getByRole("heading", { level: 1, name });

test("a change of the password signs out other browsers, but not this one", () =>
  dashboard.asStranger(async (other) => {
    await other.goto("/sign-in");
    await signIn(other);
    await other.waitForURL("**/keys");
    await dashboard.asOwner(async (page) => {
      await page.goto("/keys");
      await page.getByRole("link", { name: "Password" }).click();
      await heading(page, "Password").waitFor();
      assert.equal(await page.getByLabel("Email").inputValue(), EMAIL);
      const current = page.getByLabel("Current password");
      await changePassword(page, "another long password", CHANGED);
      await page.getByRole("alert").getByRole("link", { name: "The current password is wrong." }).click();
      assert.equal(await current.evaluate((field) => field === document.activeElement), true);
      await changePassword(page, PASSWORD, "passwordpassword");
      await page.getByRole("alert").getByText("The password is one of the commonest").waitFor();
      await changePassword(page, PASSWORD, CHANGED);
      await page.getByRole("status").getByText("Your password is changed.").waitFor();
      for (const field of [current, page.getByLabel("New password")]) assert.equal(await field.inputValue(), "");
      await page.goto("/keys");
      await heading(page, "API Keys").waitFor();
    });
    await other.goto("/keys");
    await other.waitForURL("**/sign-in");
  }));

test("the new password signs in, and can be changed without a script", () =>
  dashboard.asStranger(
    async (page) => {
      await page.goto("/sign-in");
      await signIn(page, CHANGED);
      await page.waitForURL("**/keys");
      await page.getByRole("link", { name: "Password" }).click();
      await changePassword(page, CHANGED, PASSWORD);
      await page.getByRole("status").getByText("Your password is changed.").waitFor();
      await page.goto("/keys");
      await heading(page, "API Keys").waitFor();
    },
    { javaScriptEnabled: false },
  ));
