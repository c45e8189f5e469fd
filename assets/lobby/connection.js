// One WebSocket that comes back by itself, as long as the server's close codes allow it.

import { Problem } from "./api.js";
import { afterClose, afterRefusal } from "./verdict.js";

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
const CONNECT_TIMEOUT = 15_000;
// A connection that lasted this long was a good one: the next wait is short again.
const SETTLED = 10_000;

export class Connection {
  #socket = null;
  #timer = 0;
  #silence = 0;
  #attempt = 0;
  #renewed = false;
  #lastWords = "";

  // session() gives { token, ws_url }. renew() brings both up to date or throws a Problem.
  // onState gets { name: "connecting" | "online" | "waiting" | "stopped" | "closed", words?, until? }.
  constructor({ session, renew, onState, onMessage }) {
    this.session = session;
    this.renew = renew;
    this.onState = onState;
    this.onMessage = onMessage;
  }

  // Connects now, whatever was waited for.
  connect() {
    this.#drop();
    const { token, ws_url } = this.session();
    const socket = new WebSocket(ws_url, ["lobby.v1", `bearer.${token}`]);
    let opened = 0;
    this.#socket = socket;
    this.onState({ name: "connecting" });
    this.#timer = setTimeout(() => this.#lost("The server does not answer."), CONNECT_TIMEOUT);
    socket.onopen = () => {
      opened = performance.now();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = async ({ code, reason }) => {
      if (this.#socket !== socket) return;
      clearTimeout(this.#timer);
      clearTimeout(this.#silence);
      if (opened && performance.now() - opened > SETTLED) this.#attempt = 0;
      const verdict = opened
        ? afterClose(code, reason)
        : await afterRefusal(ws_url, token);
      if (this.#socket === socket) await this.#follow(verdict, socket);
    };
  }

  // After the user acted: everything may be tried once more.
  retry() {
    this.#renewed = false;
    this.#attempt = 0;
    this.connect();
  }

  close() {
    this.#drop();
    this.#renewed = false;
    this.#attempt = 0;
    this.#lastWords = "";
    this.onState({ name: "closed" });
  }

  // Whether it was handed over.
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #receive(data) {
    const message = JSON.parse(data);
    if (message.op === "hello") {
      clearTimeout(this.#timer);
      this.#renewed = false;
      this.#lastWords = "";
      this.beat = message.beat_ms;
      this.onState({ name: "online" });
    }
    clearTimeout(this.#silence);
    if (this.beat) {
      const limit = this.beat * 2.5;
      this.#silence = setTimeout(() => this.#lost("The server went silent."), limit);
    }
    this.onMessage(message);
  }

  // The line is dead, although the browser has not noticed.
  #lost(words) {
    this.#drop();
    this.#wait(words);
  }

  async #follow({ next, words, after, moved }, socket) {
    if (next === "reconnect") {
      if (moved) await this.renew().catch(() => {});
      return this.#socket === socket && this.#wait(words, after);
    }
    if (next === "stop") return this.#stop(words);
    // A removal says why in its Close frame; the refusal that follows does not.
    if (this.#renewed) return this.#stop(this.#lastWords || words);
    this.#renewed = true;
    this.#lastWords = words;
    this.onState({ name: "connecting" });
    try {
      await this.renew();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (this.#socket !== socket) return;
      if (problem.status === 401 || problem.status === 403) return this.#stop(problem.message);
      this.#renewed = false;
      return this.#wait(problem.message, problem.retryAfter);
    }
    if (this.#socket === socket) this.connect();
  }

  #stop(words) {
    this.#drop();
    this.onState({ name: "stopped", words });
  }

  #wait(words, after = 0) {
    this.#drop();
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempt);
    this.#attempt += 1;
    const delay = Math.max(after, longest * (0.5 + Math.random() / 2));
    this.#timer = setTimeout(() => this.connect(), delay);
    this.onState({ name: "waiting", words, until: Date.now() + delay });
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
