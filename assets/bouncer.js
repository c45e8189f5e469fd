// A client of `bouncer.v1`, for browsers and for node. bouncer.d.ts says what it offers, docs/protocol.md
// what it speaks.

const CONNECT_TIMEOUT = 15_000;
const RENEW_TIMEOUT = 30_000;
// A connection that lasted this long was a good one: everything may be tried anew after it.
const SETTLED = 10_000;
// A failed renewal is tried again after this time, at the earliest.
const RENEW_AGAIN = 5_000;
// Two renewals by our own clock are this far apart. A clock that is wrong makes every token look as if
// it were about to end; then it is the server who says so, with `auth.expiring`.
const RENEW_APART = 60_000;
// Timers of more than 31 bits fire at once.
const LONGEST_TIMER = 2 ** 31 - 1;
// Rooms that are asked for at once. Each answer can be long, and a slow line has to take them all.
const JOINING = 2;
const TYPING_APART = 2_000;
// Messages of a room that wait for missing ones before them.
const HELD = 1_000;
// Messages of a room that are recognised when they come again.
const SEEN = 1_000;

/** The server said no, or there was no answer. */
export class Refused extends Error {
  constructor(code, retryMs) {
    super(code);
    this.name = "Refused";
    this.code = code;
    if (retryMs !== undefined) this.retryMs = retryMs;
  }
}

const messageOf = ({ room, seq, mid, ts, from, d, deleted }) => ({
  room,
  seq,
  mid,
  ts,
  from: from ?? null,
  text: deleted ? null : (d?.text ?? null),
});

// Brings the messages of one room into their order, each once, and asks for those that are missing.
class Room {
  name;
  epoch;
  isLive = false;
  isAsking = false;
  isOver = false;
  members = new Map();
  typedAt = 0;
  // Callers of join() who have no answer yet.
  waiting = [];
  #emit;
  #ask;
  // The last number that was shown, or given up.
  #last = 0;
  #lastMid;
  // The room's last number when it was joined: messages up to it are old.
  #joinedAt = 0;
  // Messages that came before the answer to room.join, which says where they belong.
  #early = [];
  // By number: messages that came after a missing one.
  #held = new Map();
  // By mid: whether it is known to be deleted.
  #seen = new Map();
  #isFilling = false;

  constructor(name, emit, ask) {
    this.name = name;
    this.#emit = (event, detail) => this.isOver || emit(event, { room: name, ...detail });
    this.#ask = ask;
  }

  joined({ epoch, seq, rules, count, members, messages = [] }) {
    const page = messages.map(messageOf);
    const early = this.#early.splice(0);
    if (epoch !== this.epoch) this.#countAnew(epoch, page, seq);
    this.#joinedAt = seq;
    this.isLive = true;
    this.members = new Map(members.map((user) => [user.id, user]));
    this.#emit("rules", { rules });
    this.#emit("presence", { members, joined: [], left: [] });
    for (const message of [...page, ...early]) this.#hold(message);
    this.#advance();
    return { room: this.name, rules, count, members, messages: page };
  }

  // The room was opened again, or is on another server. If it has what was shown last, nothing is missing.
  #countAnew(epoch, page, seq) {
    this.giveUp();
    const hasLast = page.some((message) => message.mid === this.#lastMid);
    if (this.epoch !== undefined && !hasLast) this.#emit("gap");
    this.#last = (page[0]?.seq ?? seq + 1) - 1;
    this.#lastMid = undefined;
    this.epoch = epoch;
  }

  // The connection is lost. What is held stays: the server may not remember it when we are back.
  interrupted() {
    this.isLive = this.isAsking = this.#isFilling = false;
    this.#early = [];
  }

  said(message) {
    if (!this.isLive) {
      this.#early.push(message);
      // Those that are dropped here are asked for later.
      if (this.#early.length > HELD) this.#early.shift();
      return;
    }
    this.#hold(message);
    if (this.#held.size > HELD) this.#skip();
    this.#advance();
  }

  deleted(seq, mid) {
    const held = [...this.#early, ...this.#held.values()].find((message) => message.mid === mid);
    if (held) held.text = null;
    else {
      if (this.#seen.has(mid)) this.#seen.set(mid, true);
      this.#emit("deleted", { seq, mid });
    }
  }

  present({ joined, left }) {
    // The answer to room.join has the members of a later time than what comes before it.
    if (!this.isLive) return;
    const came = joined.filter((user) => !this.members.has(user.id));
    const gone = left.map((id) => this.members.get(id)).filter(Boolean);
    for (const id of left) this.members.delete(id);
    for (const user of joined) this.members.set(user.id, user);
    this.#emit("presence", { members: [...this.members.values()], joined: came, left: gone });
  }

  // Shows what is held, whatever is missing between.
  giveUp() {
    while (this.#held.size > 0 && !this.isOver) {
      this.#skip();
      this.#drain();
    }
  }

  #hold(message) {
    const { seq, mid } = message;
    if (seq > this.#last) {
      if (!this.#held.has(seq)) this.#held.set(seq, message);
    } else if (message.text === null && this.#seen.get(mid) === false) {
      // It was deleted while the connection was lost.
      this.deleted(seq, mid);
    }
  }

  #drain() {
    for (;;) {
      const message = this.#held.get(this.#last + 1);
      if (!message || this.isOver) return;
      this.#held.delete(message.seq);
      this.#last = message.seq;
      this.#lastMid = message.mid;
      this.#show(message);
    }
  }

  #show(message) {
    const isDeleted = message.text === null;
    if (this.#seen.has(message.mid)) {
      if (isDeleted && !this.#seen.get(message.mid)) this.deleted(message.seq, message.mid);
      return;
    }
    this.#seen.set(message.mid, isDeleted);
    if (this.#seen.size > SEEN) this.#seen.delete(this.#seen.keys().next().value);
    this.#emit("message", { ...message, isOld: message.seq <= this.#joinedAt });
  }

  // Goes on without those that are missing.
  #skip() {
    this.#last = this.#firstHeld() - 1;
    this.#lastMid = undefined;
    this.#emit("gap");
  }

  // Without any that are held, the one after the last that was said before we joined is the next to come.
  #firstHeld() {
    if (this.#held.size === 0) return Math.max(this.#joinedAt, this.#last) + 1;
    return [...this.#held.keys()].reduce((first, seq) => Math.min(first, seq));
  }

  #advance() {
    this.#drain();
    const before = this.#firstHeld();
    if (this.#isFilling || !this.isLive || this.isOver || before === this.#last + 1) return;
    this.#isFilling = true;
    const fields = { room: this.name, after: this.#last, before };
    const goOn = (messages) => {
      this.#isFilling = false;
      for (const message of messages) this.#hold(messageOf(message));
      // The server does not have them. (When too many were held, they were given up meanwhile.)
      if (this.#last === fields.after && !this.#held.has(this.#last + 1)) this.#skip();
      this.#advance();
    };
    const done = (ack) => goOn(ack.epoch === this.epoch ? ack.messages : []);
    const failed = (error) => error.code === "closed" || goOn([]);
    this.#ask("chat.history", fields, done, failed);
  }
}

/** See bouncer.d.ts. */
export class Bouncer {
  #options;
  #token;
  #user = null;
  #state = { name: "closed" };
  #listeners = new Map();
  #rooms = new Map();

  // Changes with every attempt, and ends with close(): whatever belongs to another one comes too late.
  #life = null;
  #socket = null;
  #timer;
  #settleTimer;
  #silenceTimer;
  #renewTimer;
  #heartbeatMs = 0;
  #firstMs = 1_000;
  #longestMs = 30_000;
  #attempt = 0;

  #renewal = null;
  #isRefreshing = false;
  // Whether the token was renewed since it was taken last: once is enough.
  #isRenewed = false;
  // Why we were sent away. The refusal that follows does not say it.
  #sentAway = null;
  #exp;

  // Ids are remembered for the user, in all tabs and after the page was loaded again. (randomUUID is
  // only there on pages that came through TLS.)
  #prefix = [...crypto.getRandomValues(new Uint32Array(3))].map((part) => part.toString(36)).join("");
  #count = 0;
  // Rooms that wait until they are asked for, and how many are.
  #joins = [];
  #joining = 0;
  // By id: requests that end with the connection.
  #asked = new Map();
  // By id, in order: what is said until it is answered.
  #kept = new Map();
  #isReady = false;
  #limits = {};
  #credit = 0;
  #paceTimer = null;

  constructor(options) {
    this.#options = {
      unanswered: 100,
      WebSocket: globalThis.WebSocket,
      fetch: (...request) => globalThis.fetch(...request),
      ...options,
    };
    this.#token = options.token;
  }

  get state() {
    return this.#state;
  }

  get user() {
    return this.#user;
  }

  get token() {
    return this.#token;
  }

  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    // Its own object, so that the same function may listen twice.
    const entry = { listener };
    this.#listeners.get(event).add(entry);
    return () => this.#listeners.get(event).delete(entry);
  }

  connect() {
    if (this.#state.name === "connecting" || this.#state.name === "online") return;
    this.#attempt = 0;
    this.#isRenewed = false;
    this.#sentAway = null;
    this.#open();
  }

  close() {
    this.#life = null;
    this.#end();
    this.#rejectAll();
    for (const room of this.#rooms.values()) room.isOver = true;
    this.#rooms.clear();
    this.#user = null;
    if (this.#state.name !== "closed") this.#setState({ name: "closed" });
  }

  // ---- What the page asks for

  join(name) {
    if (this.#isOut()) return Promise.reject(new Refused("closed"));
    let room = this.#rooms.get(name);
    if (!room) {
      const ask = (...request) => this.#askPatiently(...request);
      room = new Room(name, (event, detail) => this.#emit(event, detail), ask);
      this.#rooms.set(name, room);
    }
    return new Promise((resolve, reject) => {
      room.waiting.push({ resolve, reject });
      this.#askToJoin(room);
    });
  }

  async leave(name) {
    const room = this.#rooms.get(name);
    if (room) this.#forget(room, "closed");
    try {
      await this.request("room.leave", { room: name });
    } catch (error) {
      // A lost connection is in no room, and does not come back to this one.
      if (error.code !== "closed") throw error;
    }
  }

  async rooms() {
    return (await this.request("room.list")).rooms;
  }

  say(room, text) {
    return this.#keep("chat.send", { room, d: { text } });
  }

  whisper(user, text) {
    return this.#keep("chat.whisper", { to: user, d: { text } });
  }

  async history(room, { before, after } = {}) {
    const { messages, more } = await this.request("chat.history", { room, before, after });
    return { messages: messages.map(messageOf), more };
  }

  async remove(room, mid) {
    await this.request("chat.delete", { room, mid });
  }

  typing(name) {
    const room = this.#rooms.get(name);
    if (!room?.isLive || Date.now() - room.typedAt < TYPING_APART) return;
    room.typedAt = Date.now();
    this.#transmit({ op: "chat.typing", room: name });
  }

  send(op, d) {
    return this.#transmit({ op, d });
  }

  request(op, fields) {
    return new Promise((resolve, reject) => this.#ask(op, fields, resolve, reject));
  }

  // ---- Requests and their answers

  // Answers are handled at once, and not in a promise's own time: what the server says next may come first.
  #ask(op, fields, done, failed) {
    const id = this.#nextId();
    if (!this.#transmit({ ...fields, op, id })) return failed(new Refused("closed"));
    this.#asked.set(id, { done, failed });
  }

  // Asks again when the server has time for the answer, unless the connection has ended by then.
  #askPatiently(op, fields, done, failed) {
    const life = this.#life;
    const again = () => this.#life === life && this.#askPatiently(op, fields, done, failed);
    this.#ask(op, fields, done, (error) => {
      if (error.code === "rate_limited" && error.retryMs > 0) setTimeout(again, error.retryMs);
      else failed(error);
    });
  }

  #keep(op, fields) {
    if (this.#isOut()) return Promise.reject(new Refused("closed"));
    if (this.#kept.size >= this.#options.unanswered) {
      return Promise.reject(new Refused("too_many_unanswered"));
    }
    return new Promise((done, failed) => {
      const id = this.#nextId();
      const isLate = !this.#isReady || this.#paceTimer !== null;
      this.#kept.set(id, { request: { ...fields, op, id }, done, failed, isSent: false, isLate });
      this.#flush();
    });
  }

  #nextId() {
    this.#count += 1;
    return `${this.#prefix}-${this.#count}`;
  }

  // Whether it was handed over.
  #transmit(message) {
    if (this.#state.name !== "online" || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  // What waited for a connection goes out no faster than the server lets a player speak: all at once, it
  // would be refused, and too many refusals end the connection.
  #flush() {
    if (!this.#isReady || this.#paceTimer !== null) return;
    for (const kept of this.#kept.values()) {
      if (kept.isSent) continue;
      if (kept.isLate && this.#credit <= 0) {
        // A little longer than it has to be, as the network is never even.
        return this.#pause(1_100 / (this.#limits.messages_per_second ?? 1));
      }
      if (kept.isLate) this.#credit -= 1;
      kept.isSent = true;
      this.#transmit(kept.request);
    }
  }

  #pause(ms) {
    clearTimeout(this.#paceTimer);
    this.#paceTimer = setTimeout(() => {
      this.#paceTimer = null;
      this.#credit = 1;
      this.#flush();
    }, ms);
  }

  #answered({ op, re, code, retry_ms, ...members }) {
    const waiting = this.#asked.get(re) ?? this.#kept.get(re);
    this.#asked.delete(re);
    this.#kept.delete(re);
    if (op === "ack") return waiting?.done({ ...members });
    if (code === "rate_limited" && retry_ms && this.#paceTimer !== null) this.#pause(retry_ms);
    if (waiting) waiting.failed(new Refused(code, retry_ms));
    else if (re === undefined) this.#emit("refused", { code, retryMs: retry_ms });
  }

  #askToJoin(room) {
    if (room.isAsking || this.#state.name !== "online") return;
    room.isAsking = true;
    this.#joins.push(room);
    this.#joinNext();
  }

  #joinNext() {
    while (this.#joining < JOINING && this.#joins.length > 0) {
      const room = this.#joins.shift();
      if (!room.isOver) this.#joinNow(room);
    }
  }

  #joinNow(room) {
    this.#joining += 1;
    const done = (ack) => {
      this.#joining -= 1;
      room.isAsking = false;
      if (!room.isOver) {
        const joined = { ...room.joined(ack), more: ack.more ?? false };
        for (const { resolve } of room.waiting.splice(0)) resolve(joined);
      }
      this.#joinNext();
      this.#getReady();
    };
    const failed = (error) => {
      if (error.code === "closed") return;
      this.#joining -= 1;
      room.isAsking = false;
      // Whoever asks for the first time learns it from the promise.
      const wasIn = room.epoch !== undefined && !room.isOver;
      if (wasIn) room.giveUp();
      this.#forget(room, error.code, error.retryMs);
      if (wasIn) this.#emit("closed", { room: room.name });
      this.#joinNext();
      this.#getReady();
    };
    this.#askPatiently("room.join", { room: room.name }, done, failed);
  }

  #forget(room, code, retryMs) {
    room.isOver = true;
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
    for (const { reject } of room.waiting.splice(0)) reject(new Refused(code, retryMs));
  }

  // After a new connection, what was said is sent again when all rooms have answered.
  #getReady() {
    if (this.#isReady || this.#state.name !== "online") return;
    for (const room of this.#rooms.values()) if (room.isAsking) return;
    this.#isReady = true;
    this.#credit = this.#limits.burst ?? 1;
    this.#flush();
  }

  // ---- What the server says

  #receive(data, life) {
    // Content that is not text is not of this protocol.
    if (typeof data !== "string") return;
    try {
      const message = JSON.parse(data);
      if (typeof message?.op !== "string") throw new TypeError("a message without op");
      this.#handle(message, life);
    } catch (error) {
      console.error("bouncer: the server sent what cannot be understood", error);
      // 1002 is the browser's own; a page may only close with others.
      if (this.#life === life) this.#wait({ code: "bad_protocol", words: "" }, 0, 4400);
      return;
    }
    if (this.#life === life && this.#heartbeatMs > 0) {
      clearTimeout(this.#silenceTimer);
      const silent = () => this.#wait({ code: "silent", words: "" });
      this.#silenceTimer = setTimeout(silent, this.#heartbeatMs * 2.5);
    }
  }

  #handle(message, life) {
    const room = this.#rooms.get(message.room);
    switch (message.op) {
      case "hello":
        return this.#welcome(message, life);
      case "beat":
        return;
      case "ack":
      case "err":
        return this.#answered(message);
      case "chat.msg":
        return room?.said(messageOf(message));
      case "chat.deleted":
        return room?.deleted(message.seq, message.mid);
      case "presence":
        return room?.present(message);
      case "chat.whisper": {
        const { mid, ts, from, to, d } = message;
        return this.#emit("whisper", { mid, ts, from, to, text: d.text });
      }
      case "chat.typing":
        return this.#emit("typing", { room: message.room, from: message.from });
      case "room.rules":
        return this.#emit("rules", { room: message.room, rules: message.rules });
      case "room.closed":
        room?.giveUp();
        if (room) this.#forget(room, "unknown_room");
        return this.#emit("closed", { room: message.room });
      case "muted": {
        const { room, left_ms, reason } = message;
        return this.#emit("muted", { room, until: Date.now() + left_ms, reason });
      }
      case "unmuted":
        return this.#emit("unmuted", { room: message.room });
      case "auth.expiring":
        this.#exp = message.ends_at;
        this.#refresh();
        return;
      default:
        this.#emit("game", { op: message.op, d: message.d });
    }
  }

  #welcome({ user, rank, exp, heartbeat_ms, reconnect, limits }, life) {
    if (this.#state.name === "online") return;
    clearTimeout(this.#timer);
    this.#user = user;
    this.#heartbeatMs = heartbeat_ms;
    this.#firstMs = reconnect?.first_ms ?? this.#firstMs;
    this.#longestMs = reconnect?.longest_ms ?? this.#longestMs;
    this.#limits = limits ?? {};
    this.#settleTimer = setTimeout(() => {
      this.#attempt = 0;
      this.#isRenewed = false;
      this.#sentAway = null;
    }, SETTLED);
    this.#exp = exp;
    this.#renewBeforeEnd();
    this.#setState({ name: "online" });
    if (this.#life === life) this.#emit("hello", { user, rank, limits: this.#limits });
    if (this.#life !== life) return;
    // A renewal ended while we were connecting with the token before.
    if (life.token !== this.#token) this.#sendToken();
    for (const room of this.#rooms.values()) this.#askToJoin(room);
    this.#getReady();
  }

  // ---- The token

  // One at a time: whoever needs a token while another one is on its way gets that.
  #renew(why) {
    const ask = async () => {
      let timer;
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("no new token in time")), RENEW_TIMEOUT);
      });
      try {
        const token = await Promise.race([this.#options.renew(why), late]);
        if (typeof token !== "string" || token === "") throw new TypeError("renew gave no token");
        this.#token = token;
      } finally {
        clearTimeout(timer);
      }
    };
    this.#renewal ??= ask().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  #renewBeforeEnd(least = 0) {
    const left = this.#exp * 1_000 - Date.now();
    if (left > 0) this.#renewIn(Math.max(left * 0.8, least));
  }

  #renewIn(ms) {
    const due = Date.now() + ms;
    const wait = () => {
      const left = due - Date.now();
      if (left <= 0) return void this.#refresh();
      this.#renewTimer = setTimeout(wait, Math.min(left, LONGEST_TIMER));
    };
    clearTimeout(this.#renewTimer);
    wait();
  }

  async #refresh() {
    if (!this.#options.renew || this.#isRefreshing) return;
    this.#isRefreshing = true;
    clearTimeout(this.#renewTimer);
    try {
      await this.#renew("expiring");
      this.#sendToken();
    } catch (error) {
      // The session lasts until the token ends; then the server says so, and it is tried once more.
      const left = this.#exp * 1_000 - Date.now();
      const isOnline = this.#state.name === "online";
      if (isOnline && !isFinal(error)) this.#renewIn(Math.max(left * 0.8, RENEW_AGAIN));
    } finally {
      this.#isRefreshing = false;
    }
  }

  #sendToken() {
    const done = ({ exp }) => {
      this.#exp = exp;
      this.#renewBeforeEnd(RENEW_APART);
    };
    const failed = ({ code, retryMs }) => {
      if (code === "closed" || retryMs === undefined) return;
      clearTimeout(this.#renewTimer);
      this.#renewTimer = setTimeout(() => this.#sendToken(), retryMs);
    };
    this.#ask("auth.refresh", { token: this.#token }, done, failed);
  }

  // ---- The connection

  #open() {
    clearTimeout(this.#timer);
    const token = this.#token;
    const life = (this.#life = { token });
    this.#setState({ name: "connecting" });
    if (this.#life !== life) return;
    let socket;
    try {
      socket = new this.#options.WebSocket(this.#options.url, ["bouncer.v1", `bearer.${token}`]);
    } catch (error) {
      // An address or a token that no connection can be made with.
      return this.#stop({ code: "unusable", words: error.message });
    }
    this.#socket = socket;
    let isOpen = false;
    this.#timer = setTimeout(() => {
      this.#wait(isOpen ? { code: "silent", words: "" } : { status: 0, code: "unreachable", words: "" });
    }, CONNECT_TIMEOUT);
    socket.onopen = () => {
      isOpen = true;
    };
    socket.onerror = () => {};
    socket.onmessage = ({ data }) => {
      if (this.#life === life) this.#receive(data, life);
    };
    socket.onclose = ({ code, reason }) => {
      if (this.#life !== life) return;
      this.#end();
      if (isOpen) this.#afterClose(code, reason, life);
      else this.#afterRefusal(token, life);
    };
  }

  #afterClose(close, reason, life) {
    const [, code, said = ""] = /^(\w+)(?:: (.*))?$/s.exec(reason) ?? [null, "connection_lost"];
    const comeBack = /^come back in (\d+) ms$/.exec(said);
    const cause = { close, code, words: comeBack ? "" : said };
    if (close >= 4100 && close < 4200) return this.#renewAndOpen(cause, life);
    if (close >= 4400 && close < 4500) return this.#stop(cause);
    if ([1002, 1003, 1007, 1009, 1010].includes(close)) return this.#stop(cause);
    this.#wait(cause, comeBack ? Number(comeBack[1]) : 0);
  }

  // The browser does not say why an upgrade was refused, so the door is asked again in plain HTTP.
  async #afterRefusal(token, life) {
    const { after, ...cause } = await this.#preflight(token);
    if (this.#life !== life) return;
    const { status } = cause;
    if (status === 401) return this.#renewAndOpen(cause, life);
    // 409: the server may not know yet that the connection before this one was lost.
    const mayPass = status < 400 || [408, 409, 429].includes(status) || status >= 500;
    if (mayPass) this.#wait(cause, after);
    else this.#stop(cause);
  }

  async #preflight(token) {
    try {
      const url = new URL(this.#options.url);
      url.protocol = url.protocol === "wss:" ? "https:" : "http:";
      url.pathname = `${url.pathname.replace(/\/+$/, "")}/preflight`;
      const response = await this.#options.fetch(url.href, {
        headers: { Authorization: `Bearer ${token}` },
        cache: "no-store",
        signal: AbortSignal.timeout(CONNECT_TIMEOUT),
      });
      const { status } = response;
      // The door would let us in, and the connection still cannot be made: a proxy, or just then.
      if (response.ok) return { status, code: "not_connected", words: "" };
      const body = (await response.json().catch(() => null)) ?? {};
      const { error: code = "refused", message: words = "", retry_after_ms: after } = body;
      return { status, code, words, after };
    } catch {
      return { status: 0, code: "unreachable", words: "" };
    }
  }

  async #renewAndOpen(cause, life) {
    if (this.#isRenewed || !this.#options.renew) return this.#stop(this.#sentAway ?? cause);
    // A renewal that began before the refusal may still bring a token that is refused, too.
    this.#isRenewed = this.#renewal === null;
    if (cause.close) this.#sentAway = cause;
    this.#setState({ name: "connecting" });
    try {
      await this.#renew("refused");
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
    this.#life = null;
    this.#end(close);
    const longest = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#attempt);
    this.#attempt += 1;
    // Not all at the same time: whoever lost the connection with us comes back, too.
    const wait = Math.max(after, longest * (0.5 + Math.random() / 2));
    const delay = Math.min(wait, LONGEST_TIMER);
    this.#timer = setTimeout(() => this.#open(), delay);
    this.#setState({ name: "waiting", cause, until: Date.now() + delay });
  }

  #stop(cause) {
    this.#life = null;
    this.#end();
    this.#rejectAll();
    this.#setState({ name: "stopped", cause });
  }

  // Everything that belongs to one connection.
  #end(close) {
    for (const timer of [this.#timer, this.#settleTimer, this.#silenceTimer]) clearTimeout(timer);
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#paceTimer);
    this.#paceTimer = null;
    this.#heartbeatMs = 0;
    this.#isReady = false;
    this.#joins = [];
    this.#joining = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(close);
    for (const room of this.#rooms.values()) room.interrupted();
    for (const kept of this.#kept.values()) {
      kept.isSent = false;
      kept.isLate = true;
    }
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { failed } of asked) failed(new Refused("closed"));
  }

  // Nothing is sent again after the page has left or was sent away.
  #rejectAll() {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    for (const { failed } of kept) failed(new Refused("closed"));
    for (const room of [...this.#rooms.values()]) {
      if (room.epoch === undefined) this.#forget(room, "closed");
      for (const { reject } of room.waiting.splice(0)) reject(new Refused("closed"));
    }
  }

  #isOut() {
    return this.#state.name === "closed" || this.#state.name === "stopped";
  }

  #setState(state) {
    if (state.name === "connecting" && this.#state.name === "connecting") return;
    this.#state = state;
    this.#emit("state", state);
  }

  #emit(event, detail) {
    for (const entry of [...(this.#listeners.get(event) ?? [])]) {
      try {
        entry.listener(detail);
      } catch (error) {
        // The page's own mistake must not end the connection.
        console.error(`bouncer: a listener of "${event}" failed`, error);
      }
    }
  }
}

const isFinal = (error) => error?.status === 401 || error?.status === 403;
