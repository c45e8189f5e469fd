// What somebody can do about their own account.

import * as api from "./api.js";
import { byId, modal, say } from "./dom.js";
import { current } from "./session.js";

const dialog = byId("account");

// Calls `left` when all log-ins have ended.
export function watchAccount(left) {
  byId("my-name").addEventListener("click", () => {
    say("account-error", null);
    modal(dialog);
  });
  byId("log-out-everywhere").addEventListener("click", async () => {
    try {
      await api.logOutEverywhere(current()?.token);
      left();
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      say("account-error", problem.message);
    }
  });
}
