// What a person does in the dashboard, finding things by what they are called.

export const EMAIL = "ada@example.com";
export const PASSWORD = "a long enough password";
export const KEY = /ctx_[0-9A-Za-z]{48}/;

export async function setUp(page, link) {
  await page.goto(link);
  await page.getByLabel("Email").fill(EMAIL);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByLabel("Company").fill("Example, Inc.");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/keys");
}

export async function signIn(page, password = PASSWORD) {
  await page.getByLabel("Email").fill(EMAIL);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Fills in the page of the password, and sends it. */
export async function changePassword(page, current, next) {
  await page.getByLabel("Current password").fill(current);
  await page.getByLabel("New password").fill(next);
  await page.getByRole("button", { name: "Change password" }).click();
}

/** Opens the form by its link, and fills it in; the rest is as it stands. */
export async function fillForm(page, { name, scopes = ["memories:read"], project, newProject, expires }) {
  await page.goto("/keys");
  await page.getByRole("link", { name: "Create API Key" }).first().click();
  const dialog = await openedDialog(page, "**/keys/new");
  if (name) await dialog.getByLabel("Name", { exact: true }).fill(name);
  if (project) await projectField(dialog).selectOption({ label: project });
  if (newProject) {
    await projectField(dialog).selectOption("new");
    await newProjectField(dialog).fill(newProject);
  }
  for (const scope of scopes) await scopeBox(dialog, scope).check();
  if (expires) await dialog.getByLabel("Expires").selectOption(expires);
  return dialog;
}

/** The dialog of the page at this address, once its script has run. */
export async function openedDialog(page, url) {
  await page.waitForURL(url, { waitUntil: "load" });
  return page.getByRole("dialog");
}

export const projectField = (dialog) => dialog.getByLabel("Project", { exact: true });
export const newProjectField = (dialog) => dialog.getByLabel("New project");
export const scopeBox = (dialog, scope) => dialog.getByRole("checkbox", { name: scope });
export const createButton = (dialog) => dialog.getByRole("button", { name: "Create", exact: true });

/** Makes a key; the page that shows it stays open. */
export async function createKey(page, form) {
  const dialog = await fillForm(page, form);
  await createButton(dialog).click();
  return shownKey(page);
}

/** The key that a page shows this once. */
export function shownKey(page) {
  return page.getByLabel("Your new API key").inputValue();
}

/** The table's row of the key with this name. */
export function rowOf(page, name) {
  return page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
}

/** Clicks on what the menu of a key's row offers: Rotate, Revoke or Delete. */
export async function choose(page, name, action) {
  await page.goto("/keys");
  return chooseIn(page, rowOf(page, name), action);
}

/** The same with the row of a list that is shown. */
export async function chooseIn(page, row, action) {
  await menuOf(row).click();
  await row.getByRole("link", { name: action, exact: true }).click();
  return openedDialog(page, new RegExp(`/${action.toLowerCase()}(\\?|$)`));
}

/** What opens the menu of a row. Playwright knows no role of it. */
export const menuOf = (row) => row.locator("summary");

/** How many keys the list has. */
export async function countKeys(page) {
  await page.goto("/keys");
  await page.getByRole("heading", { level: 1, name: "API Keys" }).waitFor();
  return page.getByRole("row", { name: "ctx_" }).count();
}

/** Presses Back. The event `load` does not come again to a page that the browser has kept. */
export async function goBack(page) {
  await page.goBack({ waitUntil: "commit" });
}
