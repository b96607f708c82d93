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

// A new project's name is asked for where there is to be one.
const project = find("#project");
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
