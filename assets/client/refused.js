/** The server said no, or there was no answer. */
export class Refused extends Error {
  constructor(code, retryMs) {
    super(code);
    this.name = "Refused";
    this.code = code;
    if (retryMs !== undefined) this.retryMs = retryMs;
  }
}
