// What a close code or a status of the door asks of a client: "wait", "renew" or "stop".

export function adviceOfClose(close) {
  if (close >= 4100 && close < 4200) return "renew";
  if (close >= 4400 && close < 4500) return "stop";
  return [1002, 1003, 1007, 1009, 1010].includes(close) ? "stop" : "wait";
}

export function adviceOfStatus(status) {
  if (status === 401) return "renew";
  // 409: the server may not know yet that the connection before this one was lost.
  const mayPass = status < 400 || [408, 409, 429].includes(status) || status >= 500;
  return mayPass ? "wait" : "stop";
}

// A renewal that was refused like this is not tried again.
export const isFinal = (error) => error?.status === 401 || error?.status === 403;

// What there is to do after a stop: "unauthorized" asks for another token, the rest is for the player to read.
export function whyOf({ close, status, code }) {
  if (status === 401 || (close !== undefined && adviceOfClose(close) === "renew")) return "unauthorized";
  return code === "banned" ? "banned" : "refused";
}

// Why a connection ended, and how long the server wants to be left alone.
export function readClose(close, reason) {
  const [, code, said = ""] = /^(\w+)(?:: (.*))?$/s.exec(reason) ?? [null, "connection_lost"];
  const comeBack = /^come back in (\d+) ms$/.exec(said);
  const cause = { close, code, words: comeBack ? "" : said };
  return { cause, after: comeBack ? Number(comeBack[1]) : 0 };
}
