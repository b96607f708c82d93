// The fixture of every test file: a server with a first account, a browser, and pages whose errors and warnings fail a test.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after } from "node:test";
import { chromium } from "playwright-core";

import { EMAIL, PASSWORD, setUp } from "./person.mjs";
import { startServer } from "./server.mjs";

/** Starts the server and the browser for a test file. They are stopped after the tests of the file. */
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
    // as root, Chromium refuses to run with its sandbox
    chromiumSandbox: process.getuid() !== 0,
    // keeps the back/forward cache on, as in the browsers of users: it could show a page with a key again
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

  /** Calls `work` with a new page, signed in as the owner of the account. */
  asOwner(work, options = {}) {
    return this.asStranger(work, { storageState: this.session, ...options });
  }

  /**
   * Calls `work` with a new page that has no cookies. It is an error if the browser logs an error or a warning, except with
   * `mayComplain`.
   */
  async asStranger(work, { mayComplain = false, ...options } = {}) {
    const context = await this.browser.newContext({ baseURL: this.url, ...options });
    // far longer than any step takes, so that a test fails instead of waiting for ever
    context.setDefaultTimeout(60_000);
    const complaints = listen(context);
    try {
      await work(await context.newPage(), context);
      if (!mayComplain) assert.deepEqual(complaints(), [], "the browser complained");
    } finally {
      await context.close();
    }
  }

  /** Sends a request of one of the owner's programs to a path below the company in the API. */
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

  /** Returns the answer of the API to a program with this key. */
  async present(key) {
    const response = await fetch(`${this.url}/v1/key`, { headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, body: await response.json() };
  }
}

const withoutFragment = (url) => url.split("#")[0];

/** Collects the errors and warnings of a context's pages, which include refusals by the content security policy. */
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
  // a page with the status of an error is an answer, so the browser's message about it does not count
  const isAnswer = ({ text, url }) => text.startsWith("Failed to load resource") && refusedPages.has(withoutFragment(url));
  return () => complaints.filter((complaint) => !isAnswer(complaint));
}
