// One WebSocket, from the attempt to its end. After `end` it tells nothing any more.

// Something comes at least every heartbeat; a line that is silent for so many of them is dead.
const SILENT = 2.5;
// After a sleep less will do.
const SILENT_AWAKE = 1.5;
// What has arrived during a sleep is read after it, which may take a moment.
const LAST_CHANCE = 250;

export class Line {
  #socket;
  #timer;
  // By the clock, which goes on during a sleep as timers do not.
  #deadline;
  #patienceMs;
  #heardAt;
  #heartbeatMs = 0;
  #isOpen = false;
  #isOver = false;
  #hooks;

  // `hooks` are `heard(text)`, `closed(code, reason, wasOpen)` and `silent(wasOpen)`. Throws when there can be no
  // such connection.
  constructor({ WebSocket, url, token, timeoutMs }, hooks) {
    this.#hooks = hooks;
    const socket = new WebSocket(url, ["bouncer.v1", `bearer.${token}`]);
    this.#socket = socket;
    this.#expect(timeoutMs);
    socket.onopen = () => {
      this.#isOpen = true;
    };
    socket.onerror = () => {};
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => {
      if (!this.#isOver) hooks.closed(code, reason, this.#isOpen);
    };
  }

  get isOver() {
    return this.#isOver;
  }

  // From now on something comes at least so often.
  keepTo(heartbeatMs) {
    this.#heartbeatMs = heartbeatMs;
    clearTimeout(this.#timer);
  }

  // Whether it was handed over.
  send(message) {
    if (this.#socket.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  // After a sleep: has it died meanwhile?
  wake() {
    const now = Date.now();
    const soonest = now + LAST_CHANCE;
    const limit = this.#heartbeatMs > 0 ? this.#heardAt + this.#heartbeatMs * SILENT_AWAKE : Infinity;
    const isLate = this.#deadline <= now;
    const deadline = isLate ? soonest : Math.min(this.#deadline, Math.max(limit, soonest));
    // The clock may have been set back.
    this.#expect(Math.min(deadline - now, this.#patienceMs));
  }

  end(close) {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket.close(close);
  }

  #receive(data) {
    // Content that is not text is not of this protocol.
    if (this.#isOver || typeof data !== "string") return;
    this.#heardAt = Date.now();
    this.#hooks.heard(data);
    if (!this.#isOver && this.#heartbeatMs > 0) this.#expect(this.#heartbeatMs * SILENT);
  }

  #expect(ms) {
    clearTimeout(this.#timer);
    this.#patienceMs = ms;
    this.#deadline = Date.now() + ms;
    this.#timer = setTimeout(() => this.#hooks.silent(this.#isOpen), ms);
  }
}
