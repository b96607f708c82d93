// Actions of a person in the dashboard. They find elements by their visible names.

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

/** Opens the form by its link, and fills in these fields. The other fields keep their defaults. */
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

/** Waits for the page at this URL and for its script, and returns its dialog. */
export async function openedDialog(page, url) {
  await page.waitForURL(url, { waitUntil: "load" });
  return page.getByRole("dialog");
}

export const projectField = (dialog) => dialog.getByLabel("Project", { exact: true });
export const newProjectField = (dialog) => dialog.getByLabel("New project");
export const scopeBox = (dialog, scope) => dialog.getByRole("checkbox", { name: scope });
export const createButton = (dialog) => dialog.getByRole("button", { name: "Create", exact: true });

/** Creates a key, and returns it. The page that shows it stays open. */
export async function createKey(page, form) {
  const dialog = await fillForm(page, form);
  await createButton(dialog).click();
  return shownKey(page);
}

/** Returns the new key that a page shows. */
export function shownKey(page) {
  return page.getByLabel("Your new API key").inputValue();
}

/** Returns the table row of the key with this name. */
export function rowOf(page, name) {
  return page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
}

/** Opens the list, clicks on Rotate, Revoke or Delete in the menu of a key's row, and returns the dialog. */
export async function choose(page, name, action) {
  await page.goto("/keys");
  return chooseIn(page, rowOf(page, name), action);
}

/** Clicks on an action in the menu of a row of the open list, and returns the dialog. */
export async function chooseIn(page, row, action) {
  await menuOf(row).click();
  await row.getByRole("link", { name: action, exact: true }).click();
  return openedDialog(page, new RegExp(`/${action.toLowerCase()}(\\?|$)`));
}

/** The element that opens the menu of a row. Playwright has no role for it. */
export const menuOf = (row) => row.locator("summary");

/** Opens the list, and returns the number of its keys. */
export async function countKeys(page) {
  await page.goto("/keys");
  await page.getByRole("heading", { level: 1, name: "API Keys" }).waitFor();
  return page.getByRole("row", { name: "ctx_" }).count();
}

/** Presses Back. It does not wait for `load`, which a page from the browser's cache does not fire again. */
export async function goBack(page) {
  await page.goBack({ waitUntil: "commit" });
}
