// The dialog with what a moderator can do about somebody.

import { announce, byId, element, modal, say } from "./dom.js";
import { refusalWords, roomTitle } from "./words.js";

const MUTE_TIMES = [[60, "1 minute"], [600, "10 minutes"], [3_600, "1 hour"], [86_400, "1 day"]];
const BAN_TIMES = [[3_600, "1 hour"], [86_400, "1 day"], [604_800, "1 week"], ["", "Until let back in"]];
const NAMES = { mute: "Mute", unmute: "Unmute", kick: "Kick", ban: "Ban", logout: "Log out", revoke: "Lock" };
const DONE = {
  mute: "is muted",
  unmute: "may write again",
  kick: "was kicked",
  ban: "is banned",
  logout: "is logged out everywhere",
  revoke: "is locked out",
};

// As the server counts.
const REASON_BYTES = 100;

const dialog = byId("measure");
const form = byId("measure-form");
// Which time somebody is asked: an answer that comes after the dialog was closed belongs to an earlier one.
let asking = 0;
const chosen = () => new FormData(form).get("measure");

function options(select, choices) {
  byId(select).replaceChildren(...choices.map(([value, text]) => element("option", { value, text })));
}

function draw() {
  const measure = chosen();
  byId("measure-where-field").hidden = measure !== "mute" && measure !== "unmute";
  byId("mute-time-field").hidden = measure !== "mute";
  byId("ban-time-field").hidden = measure !== "ban";
  byId("reason-field").hidden = measure === "unmute";
  byId("measure-submit").textContent = NAMES[measure];
  byId("measure-submit").className = measure === "unmute" ? "main" : "danger";
}

// The button lost the focus while it could not be used.
function fail(problem) {
  say("measure-error", problem);
  byId("measure-submit").focus();
}

// What to ask the server for.
function wanted(user) {
  const measure = chosen();
  const fields = { user: user.id };
  const room = byId("measure-where").value;
  const seconds = byId(measure === "ban" ? "ban-time" : "mute-time").value;
  const reason = byId("reason").value.trim();
  if ((measure === "mute" || measure === "unmute") && room) fields.room = room;
  if ((measure === "mute" || measure === "ban") && seconds) fields.seconds = Number(seconds);
  if (measure !== "unmute" && reason) fields.reason = reason;
  return { op: `mod.${measure}`, fields };
}

// Resolves to what was done, in words, or to "" when the moderator thinks better of it. `request` asks
// the server; what it refuses is said in the dialog.
export async function askForMeasure(user, { room, isMuted, request }) {
  asking += 1;
  const now = asking;
  byId("measure-submit").disabled = false;
  form.reset();
  byId("measure-title").textContent = `Moderate ${user.name}`;
  options("measure-where", [...(room ? [[room, `Only in ${roomTitle(room)}`]] : []), ["", "Everywhere"]]);
  say("measure-error", null);
  byId("unmute-choice").hidden = !isMuted;
  draw();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const { op, fields } = wanted(user);
    const done = `${user.name} ${DONE[chosen()]}.`;
    if (new TextEncoder().encode(fields.reason ?? "").length > REASON_BYTES) {
      byId("reason").focus();
      return say("measure-error", "The reason is too long.");
    }
    byId("measure-submit").disabled = true;
    const problem = await request(op, fields).then(() => null, refusalWords);
    // The dialog may be about somebody else by now.
    if (asking !== now) return problem === null && announce(done);
    byId("measure-submit").disabled = false;
    if (problem === null) dialog.close(done);
    else fail(problem);
  };
  const done = await modal(dialog, form.querySelector("[name=measure]:checked"));
  asking += 1;
  return done;
}

form.addEventListener("change", draw);
options("mute-time", MUTE_TIMES);
options("ban-time", BAN_TIMES);
