// What the pages do better with a script; they work without it.
"use strict";

// What a browser kept for Back may be over: the session too.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const find = (selector) => document.querySelector(selector);

// A real modal: the focus stays in it, and Escape closes it. A form that was filled in asks first, and once.
const dialog = find("dialog");
if (dialog) {
  const first = dialog.querySelector("[autofocus]");
  dialog.removeAttribute("open");
  dialog.showModal();
  first?.focus();
  let asks = Boolean(dialog.querySelector("#mistakes, [data-filled]"));
  dialog.addEventListener("input", () => (asks = true), { once: true });
  const leave = (event) => {
    // the browser closes the dialog on a page where nobody clicked or typed yet; the event `close` follows
    if (event.type === "cancel" && !event.cancelable) return;
    event.preventDefault();
    const leaves = !asks || confirm("Discard what you filled in?");
    asks = false;
    if (leaves) location.assign(dialog.querySelector("[data-cancel]").href);
    // the browser closes a dialog that refuses Escape twice
    else if (!dialog.open) dialog.showModal();
  };
  dialog.addEventListener("cancel", leave);
  dialog.addEventListener("close", leave);
}

// The way back from a dialog leads to the key's row. The address is the list's own again.
const target = location.hash && document.getElementById(location.hash.slice(1));
if (target) {
  addEventListener("load", () => {
    target.focus();
    history.replaceState(null, "", location.pathname + location.search);
  });
}

// Times are told in the reader's own zone.
const zoned = new Intl.DateTimeFormat(undefined, {
  ...{ year: "numeric", month: "short", day: "numeric" },
  ...{ hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
});
for (const time of document.querySelectorAll("time")) {
  time[time.title ? "title" : "textContent"] = zoned.format(new Date(time.dateTime));
}

// One menu is open, until something else has the focus.
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

// No key goes into an address.
const search = find("#q");
search?.form.addEventListener("submit", () => {
  search.value = search.value.replace(/(ctx_\w{12})\w+/g, "$1***");
});

// A password is shown where its writer wants that, and not when it is sent: browsers store what is typed in such a field.
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
  // no service that checks the spelling gets it
  input.spellcheck = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
}

// A field that belongs to one choice is shown with it.
for (const field of document.querySelectorAll("[data-with]")) {
  const select = document.getElementById(field.dataset.with);
  const show = () => {
    field.hidden = select.value !== field.dataset.value;
  };
  select.addEventListener("change", show);
  // Back may bring another choice with it
  addEventListener("pageshow", show);
  show();
}

const once = find("[data-once]");

// A double click would show the answer to its second half, which has no key. Where the key is shown, whoever wanted to sign out
// and stayed to copy it signs out later.
for (const form of once ? [] : document.forms) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
}

if (once) {
  // neither a reload nor Back sends the form again
  history.replaceState(null, "", once.dataset.once);
  // where that is the address, a link to a row of the list would stay on this page
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
  // a page that the browser keeps for Back doesn't keep the key, and warns of no loss
  addEventListener("pagehide", () => {
    isSafe();
    once.value = "";
    const line = find(".secret");
    if (line) line.textContent = "";
  });
}
