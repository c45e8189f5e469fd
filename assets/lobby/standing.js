// How the connection stands, in words that are always true.

import { announce, byId, say, write } from "./dom.js";
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
  const words = cause ? causeWords(cause, lastRefusal()) : null;
  byId("state").dataset.state = name;
  write(byId("state-text"), STATES[name]);
  byId("lobby").classList.toggle("offline", name !== "online");
  byId("out").hidden = name !== "stopped";
  write(byId("out-title"), cause?.code === "banned" ? "You are banned" : "You are not in the lobby");
  write(byId("out-words"), name === "stopped" ? words : "");
  byId("waiting").hidden = name !== "waiting";
  if (name === "waiting") say("waiting-words", `${words} Trying again in ${secondsUntil(until)}\u00a0s.`);
  // Once for each change, and not with each second.
  const news = name === "waiting" ? `${words} Trying again.` : STATES[name];
  if (news !== announced) announce(news);
  announced = news;
}
