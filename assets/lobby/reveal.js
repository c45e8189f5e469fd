// A password can be looked at while it is written.

import { byId } from "./dom.js";

for (const button of document.querySelectorAll("[data-reveals]")) {
  const field = byId(button.dataset.reveals);
  const show = (isShown) => {
    field.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", String(isShown));
  };
  button.addEventListener("click", () => show(field.type === "password"));
  // Before it is sent or gone, so that nobody reads it later, and browsers know what it is.
  field.form.addEventListener("submit", () => show(false));
  field.closest("dialog")?.addEventListener("close", () => show(false));
}
