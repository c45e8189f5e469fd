// Keeps a connection: comes back, gets new tokens, and knows when to stop.

import { adviceOfClose, adviceOfStatus, isFinal, readClose, whyOf } from "./advice.js";
import { Line } from "./line.js";
import { Patience } from "./patience.js";
import { askDoor } from "./preflight.js";
import { LONGEST_TIMER } from "./timers.js";

const CONNECT_TIMEOUT = 15_000;
// A connection that lasted this long was a good one: everything may be tried anew after it.
const SETTLED = 10_000;
// A wait ends early no more often than this, however often a network comes and goes.
const WAKES_APART = 10_000;

export class Connection {
  #options;
  #token;
  #hooks;
  #patience = new Patience();
  #state = { name: "closed" };
  // Changes with every attempt, and ends with close(): whatever belongs to another one comes too late.
  #life = null;
  #line = null;
  #timer;
  #settleTimer;
  // Until when the server wants to be left alone, and when a wait ended early for the last time.
  #aloneUntil = 0;
  #wokeAt = -Infinity;
  // Whether the token was renewed since it was taken last: once is enough.
  #isRenewed = false;
  // Why we were sent away. The refusal that follows does not say it.
  #sentAway = null;

  // `hooks` are `hello(message)` before the state is "online", `online(token, line)` after that, `heard(message)`,
  // `state(state)`, `lost()` when everything that belongs to one connection is over, and `stopped()` and `closed()`
  // when there will be no other one until the page asks for it. Another token is all that lacks where a stop is because
  // of the token: `stopped()` is not called then.
  constructor(options, token, hooks) {
    this.#options = options;
    this.#token = token;
    this.#hooks = hooks;
  }

  get state() {
    return this.#state;
  }

  get isOnline() {
    return this.#state.name === "online";
  }

  // Whether nothing can be kept for the next connection.
  get isOver() {
    const { name, why } = this.#state;
    return name === "closed" || (name === "stopped" && why !== "unauthorized");
  }

  connect() {
    if (this.#state.name === "connecting" || this.isOnline) return;
    this.#beginAnew();
    this.#open();
  }

  close() {
    this.#end();
    this.#hooks.closed();
    if (this.#state.name !== "closed") this.#setState({ name: "closed" });
  }

  // The page, the network or the machine is back from sleep.
  wake() {
    this.#line?.wake();
    if (this.#state.name !== "waiting") return;
    const { cause, until } = this.#state;
    const now = Date.now();
    // A timer that is late.
    if (until <= now) return this.#open();
    const at = Math.max(now, this.#aloneUntil, this.#wokeAt + WAKES_APART);
    if (at >= until) return;
    this.#wokeAt = at;
    this.#patience.beginAnew();
    if (at === now) this.#open();
    else this.#openIn(at - now, cause);
  }

  // Whether it was handed over.
  send(message) {
    return this.isOnline && (this.#line?.send(message) ?? false);
  }

  #open() {
    clearTimeout(this.#timer);
    const { WebSocket, url } = this.#options;
    const token = this.#token.value;
    const life = (this.#life = { token });
    this.#setState({ name: "connecting" });
    if (this.#life !== life) return;
    const hooks = {
      heard: (text) => this.#receive(text),
      closed: (code, reason, wasOpen) => {
        this.#letGo();
        if (wasOpen) this.#afterClose(code, reason, life);
        else this.#afterRefusal(token, life);
      },
      silent: (isOpen) =>
        this.#wait(isOpen ? { code: "silent", words: "" } : { status: 0, code: "unreachable", words: "" }),
    };
    try {
      this.#line = new Line({ WebSocket, url, token, timeoutMs: CONNECT_TIMEOUT }, hooks);
    } catch (error) {
      // An address or a token that no connection can be made with.
      this.#stop({ code: "unusable", words: error.message });
    }
  }

  #receive(text) {
    const line = this.#line;
    try {
      const message = JSON.parse(text);
      if (typeof message?.op !== "string") throw new TypeError("a message without op");
      if (message.op === "hello") this.#welcome(message);
      else this.#hooks.heard(message);
    } catch (error) {
      console.error("bouncer: the server sent what cannot be understood", error);
      // 1002 is the browser's own; a page may only close with others.
      if (!line.isOver) this.#wait({ code: "bad_protocol", words: "" }, 0, 4400);
    }
  }

  #welcome(hello) {
    if (this.isOnline) return;
    const line = this.#line;
    const { token } = this.#life;
    line.keepTo(hello.heartbeat_ms);
    this.#patience.keepTo(hello.reconnect);
    this.#settleTimer = setTimeout(() => this.#beginAnew(), SETTLED);
    this.#hooks.hello(hello);
    this.#setState({ name: "online" });
    if (!line.isOver) this.#hooks.online(token, line);
  }

  #beginAnew() {
    this.#patience.beginAnew();
    this.#isRenewed = false;
    this.#sentAway = null;
  }

  #afterClose(close, reason, life) {
    const { cause, after } = readClose(close, reason);
    this.#follow(adviceOfClose(close), cause, after, life);
  }

  async #afterRefusal(token, life) {
    const { url, fetch } = this.#options;
    const { after, ...cause } = await askDoor(url, token, { fetch, timeoutMs: CONNECT_TIMEOUT });
    if (this.#life === life) this.#follow(adviceOfStatus(cause.status), cause, after, life);
  }

  #follow(advice, cause, after, life) {
    if (advice === "renew") this.#renewAndOpen(cause, life);
    // A close says no end.
    else if (advice === "stop") this.#stop(cause, cause.close === undefined ? after : undefined);
    else this.#wait(cause, after);
  }

  async #renewAndOpen(cause, life) {
    if (this.#isRenewed || !this.#token.canRenew) return this.#stop(this.#sentAway ?? cause);
    // A renewal that began before the refusal may still bring a token that is refused, too.
    this.#isRenewed = !this.#token.isRenewing;
    if (cause.close) this.#sentAway = cause;
    this.#setState({ name: "connecting" });
    try {
      await this.#token.renew("refused");
    } catch (error) {
      if (this.#life !== life) return;
      const { status, code = "not_renewed", message: words, retryMs } = error ?? {};
      const failure = { status, code, words: words ?? "" };
      if (isFinal(error)) return this.#stop(failure);
      this.#isRenewed = false;
      return this.#wait(failure, retryMs);
    }
    if (this.#life === life) this.#open();
  }

  #wait(cause, after = 0, close) {
    this.#end(close);
    const delay = Math.min(Math.max(after, this.#patience.next()), LONGEST_TIMER);
    this.#aloneUntil = Date.now() + after;
    this.#openIn(delay, cause);
  }

  #openIn(delay, cause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), delay);
    this.#setState({ name: "waiting", cause, until: Date.now() + delay });
  }

  #stop(cause, after) {
    this.#end();
    const why = whyOf(cause);
    if (why !== "unauthorized") this.#hooks.stopped();
    const until = after === undefined ? {} : { until: Date.now() + after };
    const state = { name: "stopped", why, cause, ...until };
    this.#setState(state);
    if (why === "banned" && cause.close !== undefined) this.#askForTheEnd(state);
  }

  // A connection that ends with a ban does not say until when. The door does.
  async #askForTheEnd(state) {
    const { url, fetch } = this.#options;
    const { code, after } = await askDoor(url, this.#token.value, { fetch, timeoutMs: CONNECT_TIMEOUT });
    if (this.#state !== state || code !== "banned" || after === undefined) return;
    this.#setState({ ...state, until: Date.now() + after });
  }

  #end(close) {
    this.#life = null;
    this.#letGo(close);
  }

  #letGo(close) {
    clearTimeout(this.#timer);
    clearTimeout(this.#settleTimer);
    const line = this.#line;
    this.#line = null;
    line?.end(close);
    this.#hooks.lost();
  }

  #setState(state) {
    if (state.name === "connecting" && this.#state.name === "connecting") return;
    this.#state = state;
    this.#hooks.state(state);
  }
}
