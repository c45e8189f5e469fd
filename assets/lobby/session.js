// Who is logged in on this page: { token, expires_in, user, ws_url }.

import * as api from "./api.js";
import * as storage from "./storage.js";

const STORED = "lobby-session";
const ROOMS = "lobby-rooms";

let session = storage.read(STORED);
// What the log-in service said when it last gave no token.
let refusal = null;

export const current = () => session;
export const lastRefusal = () => refusal;

export function keep(fresh) {
  session = fresh;
  refusal = null;
  storage.keep(STORED, fresh);
}

export function forget() {
  session = null;
  refusal = null;
  storage.drop(STORED);
  storage.drop(ROOMS);
}

// A new token, or the Problem why there is none. True when the door is at another address now.
export async function refresh() {
  const before = session;
  try {
    const fresh = await api.renewToken(before.token);
    if (session !== before) throw new api.Problem(401, "unauthorized", "You logged out.");
    keep(fresh);
    return fresh.ws_url !== before.ws_url;
  } catch (problem) {
    if (session === before && (problem.status === 401 || problem.status === 403)) refusal = problem;
    throw problem;
  }
}

// For the connection. The page may only connect to where the server was when it was loaded.
export async function renew() {
  try {
    if (await refresh()) location.reload();
  } catch (problem) {
    problem.retryMs = problem.retryAfter;
    throw problem;
  }
  return session.token;
}

// The rooms to come back to after a reload: { joined: [], open }.
export const rememberedRooms = () => storage.read(ROOMS);
export const rememberRooms = (rooms) => storage.keep(ROOMS, rooms);
