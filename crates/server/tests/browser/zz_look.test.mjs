import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { startDashboard } from "./fixture.mjs";
import { createKey, signIn } from "./person.mjs";
const folder = "/tmp/acct-png";
mkdirSync(folder, { recursive: true });
const dashboard = await startDashboard();
test("look", () => dashboard.asOwner(async (page) => {
  const name = async (n) => dashboard.manage("POST", "tokens", n);
  await name({ name: "Deployment of the web app, staging and production, which is long" });
  await name({ name: "ключ развёртывания приложения", expires_at: "2027-06-01T00:00:00Z" });
  await name({ name: "デプロイ用トークン", expires_at: "2026-12-01T00:00:00Z" });
  await createKey(page, { name: "Production Backend" });
  await dashboard.asStranger(async (p) => { await p.goto("/keys"); await signIn(p, "wrong wrong wrong wrong"); await p.getByRole("alert").waitFor(); await signIn(p); await p.waitForURL("**/keys"); },
    { userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1" });
  for (const width of [360, 900, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    for (const p of ["account/sessions", "tokens", "tokens/new", "audit", "audit?q=x&group=keys"]) {
      await page.goto("/" + p);
      await page.screenshot({ path: `${folder}/${p.replace(/[\/?=&]/g, "_")}-${width}.png`, fullPage: width === 360 });
    }
  }
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/account/sessions");
  await page.screenshot({ path: `${folder}/dark.png` });
}));
