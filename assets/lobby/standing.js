// How the connection stands, in words that are always true.

import { announce, byId, say, write } from "./dom.js";
import { endingOf } from "./endings.js";
import { lastRefusal } from "./session.js";
import { causeWords, secondsUntil } from "./words.js";

const STATES = {
  connecting: "Connecting…",
  online: "Connected",
  waiting: "Trying again",
  stopped: "Not connected",
  closed: "Not connected",
};

let announced = "";

export function drawStanding(state) {
  const { name, cause, until } = state;
  byId("state").dataset.state = name;
  write(byId("state-text"), STATES[name]);
  byId("lobby").classList.toggle("offline", name !== "online");
  byId("out").hidden = name !== "stopped";
  if (name === "stopped") drawEnding(endingOf(state, lastRefusal()));
  byId("waiting").hidden = name !== "waiting";
  const words = name === "waiting" ? causeWords(cause, lastRefusal()) : null;
  if (words) say("waiting-words", `${words} Trying again in ${secondsUntil(until)}\u00a0s.`);
  // Once for each change, and not with each second.
  const news = words ? `${words} Trying again.` : STATES[name];
  if (news !== announced) announce(news);
  announced = news;
}

function drawEnding({ title, words, end, left, action }) {
  write(byId("out-title"), title);
  write(byId("out-words"), words);
  byId("out-ban").hidden = !end;
  write(byId("out-end"), end);
  write(byId("out-left"), left);
  write(byId("out-retry"), action);
}
