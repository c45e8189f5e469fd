// Logging in again on the spot: what was said and what is half written stays, and goes on afterwards.

import * as api from "./api.js";
import { byId, modal, say } from "./dom.js";
import { refusedLogIn } from "./words.js";

const dialog = byId("relogin");
const password = byId("relogin-password");
let fresh = null;

export const closeRelogin = () => dialog.open && dialog.close("");

// Resolves to what the log-in service answered, to "other" for another account, or to null for not now.
export async function askToLogIn(user, words) {
  if (dialog.open) return null;
  fresh = null;
  byId("relogin-words").textContent = words;
  byId("relogin-name").value = user.name;
  password.value = "";
  say("relogin-error", null);
  const what = await modal(dialog, password);
  password.value = "";
  return what === "other" ? what : fresh;
}

byId("relogin-other").addEventListener("click", () => dialog.close("other"));
byId("relogin-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = byId("relogin-submit");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  say("relogin-error", null);
  try {
    fresh = await api.logIn(byId("relogin-name").value, password.value);
    dialog.close("done");
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    say("relogin-error", refusedLogIn(problem));
    password.focus();
    password.select();
  } finally {
    button.removeAttribute("aria-busy");
  }
});
