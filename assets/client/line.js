// One WebSocket, from the attempt to its end. After `end` it tells nothing any more.

// Something comes at least every heartbeat; a line that is silent for so many of them is dead.
const SILENT = 2.5;

export class Line {
  #socket;
  #timer;
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

  end(close) {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket.close(close);
  }

  #receive(data) {
    // Content that is not text is not of this protocol.
    if (this.#isOver || typeof data !== "string") return;
    this.#hooks.heard(data);
    if (!this.#isOver && this.#heartbeatMs > 0) this.#expect(this.#heartbeatMs * SILENT);
  }

  #expect(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hooks.silent(this.#isOpen), ms);
  }
}
