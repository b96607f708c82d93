// Fields: a password can be shown, the first wrong field has the focus, and forced colours lose no information.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startDashboard } from "./fixture.mjs";
import { PASSWORD, choose, createButton, createKey, fillForm, rowOf, scopeBox, signIn } from "./person.mjs";

const dashboard = await startDashboard();

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

test("a password can be shown and hidden, and is sent from a password field", () =>
  dashboard.asStranger(async (page) => {
    await page.goto("/sign-in");
    const field = page.getByLabel("Password");
    await field.fill("another long password");
    await page.getByRole("button", { name: "Show password" }).click();
    assert.equal(await field.getAttribute("type"), "text");
    await page.getByRole("button", { name: "Hide password" }).click();
    assert.equal(await field.getAttribute("type"), "password");
    await page.getByRole("button", { name: "Show password" }).press("Enter");
    assert.equal(await field.getAttribute("type"), "text");
    assert.equal(await field.inputValue(), "another long password");
    // a browser decides by the type at the time of sending whether it stores the value
    await page.evaluate(() => {
      document.addEventListener("submit", () => sessionStorage.setItem("type", document.querySelector("#password").type));
    });
    await page.getByLabel("Email").fill("ada@example.com");
    await field.press("Enter");
    await page.getByRole("alert").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem("type")), "password");
    assert.ok(await isFocused(field));
    assert.equal(await field.getAttribute("aria-describedby"), "password-error");
    await page.locator("#password-error").getByText("The e-mail address or the password is wrong.").waitFor();
  }));

test("each page with a password has the button to show it, except without a script", async () => {
  for (const javaScriptEnabled of [true, false]) {
    await dashboard.asStranger(
      async (page) => {
        await page.goto("/sign-in");
        assert.equal(await page.getByRole("button", { name: "Show" }).count(), javaScriptEnabled ? 1 : 0);
        assert.ok(await isFocused(page.getByLabel("Email")));
      },
      { javaScriptEnabled },
    );
    await dashboard.asOwner(
      async (page) => {
        await page.goto("/account/password");
        assert.equal(await page.getByRole("button", { name: "Show" }).count(), javaScriptEnabled ? 2 : 0);
        const [current, next] = [page.getByLabel("Current password"), page.getByLabel("New password")];
        assert.ok(await isFocused(current));
        await current.fill(PASSWORD);
        await next.fill("too short");
        if (javaScriptEnabled) {
          await page.getByRole("button", { name: "Show new password" }).click();
          assert.deepEqual([await current.getAttribute("type"), await next.getAttribute("type")], ["password", "text"]);
        }
        await page.getByRole("button", { name: "Change password" }).click();
        await page.getByRole("alert").waitFor();
        assert.ok(await isFocused(next));
        assert.equal(await next.getAttribute("aria-describedby"), "new_password-error new-password-hint");
        assert.equal(await next.getAttribute("type"), "password");
      },
      { javaScriptEnabled },
    );
  }
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without a script";

  test(`the changes of a key survive the end of the session${how}`, () =>
    dashboard.asStranger(
      async (page, context) => {
        await page.goto("/sign-in");
        await signIn(page);
        await page.waitForURL("**/keys");
        const key = await createKey(page, { name: `before${how}` });
        const address = `/keys/${key.slice(4, 16)}`;
        await page.goto(address);
        const name = page.getByLabel("Name", { exact: true });
        await name.fill(`東京; "typed"${how}`);
        await scopeBox(page, "memories:read").uncheck();
        await scopeBox(page, "users:write").check();
        await context.clearCookies();
        await page.getByRole("button", { name: "Save" }).click();
        await page.waitForURL("**/sign-in");
        await signIn(page);
        await page.waitForURL(`**${address}`);
        assert.equal(await name.inputValue(), `東京; "typed"${how}`);
        assert.deepEqual(
          await Promise.all(["memories:read", "users:write"].map((scope) => scopeBox(page, scope).isChecked())),
          [false, true],
        );
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByRole("status").getByText("saved").waitFor();
        assert.deepEqual((await dashboard.present(key)).body.scopes, ["users:write"]);
      },
      { javaScriptEnabled },
    ));

  test(`a rotation with a day in the past shows its form again${how}`, () =>
    dashboard.asOwner(
      async (page) => {
        const name = `rotated${how}`;
        await createKey(page, { name });
        const dialog = await choose(page, name, "Rotate");
        await dialog.getByLabel("1 hour").check();
        await dialog.getByLabel("The new key expires").selectOption("date");
        const day = dialog.getByLabel("Last day");
        await day.fill("2020-01-31");
        await dialog.getByRole("button", { name: "Rotate" }).click();
        await page.getByRole("alert").getByText("Choose a day from today on").waitFor();
        assert.ok(await isFocused(day));
        assert.equal(await day.inputValue(), "2020-01-31");
        assert.ok(await dialog.getByLabel("1 hour").isChecked());
        await page.locator("#expires_on-error").waitFor();
        await day.fill("2999-01-31");
        await dialog.getByRole("button", { name: "Rotate" }).click();
        await page.getByText("It expires on").waitFor();
      },
      { javaScriptEnabled },
    ));
}

test("forced colours lose no information", () =>
  dashboard.asOwner(
    async (page) => {
      const style = (locator, property) => locator.evaluate((element, name) => getComputedStyle(element)[name], property);
      await createKey(page, { name: "valid" });
      await createKey(page, { name: "ended" });
      const question = await choose(page, "ended", "Revoke");
      assert.notEqual(await style(question, "borderTopStyle"), "none", "a dialog has an edge");
      await question.getByRole("button", { name: "Revoke" }).click();
      await page.getByRole("status").waitFor();
      assert.equal(await style(page.getByRole("status"), "borderTopStyle"), "solid");
      const states = [];
      for (const name of ["valid", "ended"]) {
        const state = rowOf(page, name).locator(".state");
        states.push([await state.innerText(), await style(state, "borderTopStyle")]);
      }
      assert.deepEqual(states, [
        ["Active", "solid"],
        ["Revoked", "dashed"],
      ]);
      const links = page.getByRole("navigation", { name: "Dashboard" }).getByRole("link");
      assert.deepEqual(await Promise.all((await links.all()).map((link) => style(link, "outlineStyle"))), ["solid", "none", "none", "none"]);
      for (const locator of [links.last(), page.getByRole("button", { name: "Filter" }), page.getByRole("searchbox")]) {
        await page.keyboard.press("Tab");
        await locator.focus();
        assert.deepEqual([await style(locator, "outlineStyle"), await style(locator, "outlineWidth")], ["solid", "3px"]);
      }
      const dialog = await fillForm(page, { scopes: ["users:read"] });
      const edge = (scope) => dialog.locator(".choice").filter({ has: scopeBox(page, scope) }).evaluate((element) => getComputedStyle(element).borderTopColor);
      assert.notEqual(await edge("users:read"), await edge("users:write"));
      await createButton(dialog).click();
      await page.getByRole("alert").waitFor();
      const name = dialog.getByLabel("Name", { exact: true });
      assert.deepEqual([await style(name, "borderTopWidth"), await style(projectOf(dialog), "borderTopWidth")], ["3px", "1px"]);
    },
    { forcedColors: "active" },
  ));

const projectOf = (dialog) => dialog.getByLabel("Project", { exact: true });
