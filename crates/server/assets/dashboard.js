// What the pages do better with a script; they work without it.
"use strict";

// What a browser kept for Back may be over: the session too.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const find = (selector) => document.querySelector(selector);

// A real modal: the focus stays in it, and Escape closes it.
const dialog = find("dialog");
if (dialog) {
  const first = dialog.querySelector("[autofocus]");
  dialog.removeAttribute("open");
  dialog.showModal();
  first?.focus();
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    location.assign(dialog.querySelector("[data-cancel]").href);
  });
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

// A new project's name is asked for where there is to be one.
const project = find("dialog #project");
if (project) {
  const show = () => {
    find("#new-project").hidden = project.value !== "new";
  };
  project.addEventListener("change", show);
  // Back may bring another choice with it
  addEventListener("pageshow", show);
  show();
}

// A double click would show the answer to its second half, which has no key.
for (const form of document.forms) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
}

const key = find("#new-key");
if (key) {
  // neither a reload nor Back sends the form again
  history.replaceState(null, "", "/keys");
  // where that is the address, a link to a row of the list would stay on this page
  addEventListener("hashchange", () => location.reload());
  const button = find("#copy-key");
  const say = (text) => {
    find("#copied").textContent = text;
  };
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(key.value);
      say("Copied. Keep it where only your server can read it.");
    } catch {
      key.focus();
      key.select();
      say("The browser did not allow it: copy the selected text.");
    }
  });
  // a page that the browser keeps for Back doesn't keep the key
  addEventListener("pagehide", () => {
    key.value = "";
    find(".secret").textContent = "";
  });
}
