// What every test file begins with: a server whose first account is made, a browser, and pages that may not complain.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after } from "node:test";
import { chromium } from "playwright-core";

import { EMAIL, PASSWORD, setUp } from "./person.mjs";
import { startServer } from "./server.mjs";

/** Each test file has one of these; it is stopped when the file's tests are over. */
export async function startDashboard() {
  const server = await startServer();
  const browser = await startBrowser();
  const dashboard = new Dashboard(server, browser);
  after(() => dashboard.stop());
  await dashboard.asStranger(async (page, context) => {
    await setUp(page, server.setUpLink);
    dashboard.session = await context.storageState();
  });
  return dashboard;
}

function startBrowser() {
  const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
  return chromium.launch({
    executablePath,
    // Chromium refuses to run as root with its sandbox
    chromiumSandbox: process.getuid() !== 0,
    // people's browsers have this cache, and a page in it could come back with a key
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
}

class Dashboard {
  constructor(server, browser) {
    this.server = server;
    this.browser = browser;
    this.url = server.url;
    this.setUpLink = server.setUpLink;
  }

  async stop() {
    await this.browser.close();
    await this.server.stop();
  }

  /** Does `work` with a new page of somebody who is signed in. */
  asOwner(work, options = {}) {
    return this.asStranger(work, { storageState: this.session, ...options });
  }

  /** The same with a page that has no cookies. */
  async asStranger(work, { mayComplain = false, ...options } = {}) {
    const context = await this.browser.newContext({ baseURL: this.url, ...options });
    // far longer than anything takes: a test fails, instead of hanging
    context.setDefaultTimeout(60_000);
    const complaints = listen(context);
    try {
      await work(await context.newPage(), context);
      if (!mayComplain) assert.deepEqual(complaints(), [], "the browser complained");
    } finally {
      await context.close();
    }
  }

  /** Does what the owner's programs do, below the company in the API. */
  async manage(method, path, body) {
    const send = async (method, path, token, body) => {
      const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
      const response = await fetch(`${this.url}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
      assert.ok(response.ok, `${method} ${path}: ${response.status}`);
      return response.status === 204 ? undefined : response.json();
    };
    this.login ??= await send("POST", "auth/login", undefined, { email: EMAIL, password: PASSWORD });
    return send(method, `companies/${this.login.companies[0].id}/${path}`, this.login.access_token, body);
  }

  /** What the API answers to a program with this key. */
  async present(key) {
    const response = await fetch(`${this.url}/v1/key`, { headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, body: await response.json() };
  }
}

const withoutFragment = (url) => url.split("#")[0];

/** Collects the errors and warnings of a context's pages, among them what the content security policy has refused. */
function listen(context) {
  const complaints = [];
  const refusedPages = new Set();
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      complaints.push({ text: message.text(), url: message.location().url });
    }
  });
  context.on("weberror", (error) => complaints.push({ text: String(error.error()) }));
  context.on("response", (response) => {
    if (response.status() >= 400 && response.request().isNavigationRequest()) refusedPages.add(withoutFragment(response.url()));
  });
  // a page with an error's status is an answer, and not a failure
  const isAnswer = ({ text, url }) => text.startsWith("Failed to load resource") && refusedPages.has(withoutFragment(url));
  return () => complaints.filter((complaint) => !isAnswer(complaint));
}
