// The door: logging in and signing up.

import * as api from "./api.js";
import { byId, say } from "./dom.js";
import { refusedLogIn } from "./words.js";

const WELCOME = "Welcome back.";

let mode = "login";
let greeting = WELCOME;

function show() {
  const isNew = mode === "signup";
  byId("door-title").textContent = isNew ? "Create an account" : "Log in";
  byId("door-hint").textContent = isNew ? "Choose the name that others will see." : greeting;
  byId("enter").textContent = isNew ? "Sign up" : "Log in";
  byId("switch-text").textContent = isNew ? "Been here before?" : "New here?";
  byId("switch").textContent = isNew ? "Log in" : "Create an account";
  byId("name-rule").hidden = !isNew;
  byId("password-rule").hidden = !isNew;
  byId("password").autocomplete = isNew ? "new-password" : "current-password";
}

// `words` say what is wrong, and `hello` why somebody stands here again.
export function openDoor(words, hello = WELCOME) {
  greeting = hello;
  show();
  say("door-error", words);
  byId("name").focus();
}

// Where it can be put right.
function lookAgain({ code, message }) {
  const isAboutName = code === "name_taken" || (code === "invalid" && /\bname\b/i.test(message));
  const field = byId(isAboutName ? "name" : "password");
  if (code === "name_taken" || code === "invalid" || code === "wrong_credentials") {
    field.setAttribute("aria-invalid", "true");
  }
  field.focus();
  field.select();
}

// Calls `enter` with what the log-in service answered.
export function watchDoor(enter) {
  byId("switch").addEventListener("click", () => {
    mode = mode === "login" ? "signup" : "login";
    openDoor(null);
  });
  byId("credentials").addEventListener("submit", async (event) => {
    event.preventDefault();
    const [name, password] = [byId("name").value.trim(), byId("password").value];
    say("door-error", null);
    for (const id of ["name", "password"]) byId(id).removeAttribute("aria-invalid");
    byId("enter").disabled = true;
    try {
      const session = await (mode === "signup" ? api.signUp : api.logIn)(name, password);
      byId("credentials").reset();
      mode = "login";
      enter(session);
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      say("door-error", refusedLogIn(problem));
      lookAgain(problem);
    } finally {
      byId("enter").disabled = false;
    }
  });
}
