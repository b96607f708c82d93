// Improvements of the pages. They also work without this script.
"use strict";

// Reload a page that the browser kept for Back: it may be out of date, and its session may have ended.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const find = (selector) => document.querySelector(selector);

const dialog = find("dialog");
if (dialog) {
  const first = dialog.querySelector("[autofocus]");
  dialog.removeAttribute("open");
  dialog.showModal();
  first?.focus();
  let asks = Boolean(dialog.querySelector("#mistakes, [data-filled]"));
  dialog.addEventListener("input", () => (asks = true));
  const leave = (event) => {
    // on a page without a click or a key yet, the browser closes the dialog anyway, and the event `close` follows
    if (event.type === "cancel" && !event.cancelable) return;
    event.preventDefault();
    const leaves = !asks || confirm("Discard what you filled in?");
    asks = false;
    if (leaves) location.assign(dialog.querySelector("[data-cancel]").href);
    // the browser has closed a dialog that refused Escape twice
    else if (!dialog.open) dialog.showModal();
  };
  dialog.addEventListener("cancel", leave);
  dialog.addEventListener("close", leave);
}

// A dialog leads back to the row of its key. Focus the row, and remove the fragment from the address.
const target = location.hash && document.getElementById(location.hash.slice(1));
if (target) {
  addEventListener("load", () => {
    target.focus();
    history.replaceState(null, "", location.pathname + location.search);
  });
}

// Show times in the reader's time zone.
const zoned = new Intl.DateTimeFormat(undefined, {
  ...{ year: "numeric", month: "short", day: "numeric" },
  ...{ hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
});
for (const time of document.querySelectorAll("time")) {
  time[time.title ? "title" : "textContent"] = zoned.format(new Date(time.dateTime));
}

// Close an open menu when something else gets the focus.
const openMenu = () => find(".menu[open]");
for (const event of ["click", "focusin"]) {
  addEventListener(event, ({ target }) => {
    const menu = openMenu();
    if (menu && !menu.contains(target)) menu.open = false;
  });
}
addEventListener("keydown", ({ key }) => {
  const menu = openMenu();
  if (menu && key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Mask keys in the search field, so that none gets into an address.
const search = find("#q");
search?.form.addEventListener("submit", () => {
  search.value = search.value.replace(/(ctx_[0-9A-Za-z]{12})[0-9A-Za-z]{18,}/g, "$1***");
});

for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  const span = (textContent, className) => Object.assign(document.createElement("span"), { textContent, className });
  const word = span("Show", "");
  button.type = "button";
  button.className = "text show";
  button.append(word, span(` ${input.labels[0].textContent.toLowerCase()}`, "unseen"));
  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    word.textContent = isShown ? "Hide" : "Show";
  };
  // so that the password is not sent to a service that checks the spelling
  input.spellcheck = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
}

// Show a field that belongs to one choice only with this choice.
for (const field of document.querySelectorAll("[data-with]")) {
  const select = document.getElementById(field.dataset.with);
  const show = () => {
    field.hidden = select.value !== field.dataset.value;
  };
  select.addEventListener("change", show);
  // Back may restore another choice
  addEventListener("pageshow", show);
  show();
}

const once = find("[data-once]");

for (const form of once ? [] : document.forms) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
}

if (once) {
  // so that neither a reload nor Back sends the form again
  history.replaceState(null, "", once.dataset.once);
  // with this address, a link to a row of the list would change only the fragment, so load the page
  addEventListener("hashchange", () => location.reload());
  const say = (text) => {
    find("#copied").textContent = text;
  };
  const warn = (event) => event.preventDefault();
  addEventListener("beforeunload", warn);
  const isSafe = () => removeEventListener("beforeunload", warn);
  addEventListener("copy", isSafe);
  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const label = button.firstElementChild;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent.trimEnd());
        if (source.id !== "command") isSafe();
        label.textContent = "Copied";
        setTimeout(() => (label.textContent = "Copy"), 3000);
        say("Copied. Keep it where only your server can read it.");
      } catch {
        source.focus();
        if (source.select) source.select();
        else getSelection().selectAllChildren(source);
        say("The browser did not allow it: copy the selected text.");
      }
    });
  }
  // remove the key from a page that the browser keeps for Back, and don't warn
  addEventListener("pagehide", () => {
    isSafe();
    once.value = "";
    once.defaultValue = "";
    const line = find(".secret");
    if (line) line.textContent = "";
  });
}
