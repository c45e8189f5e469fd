// A message of a room, as the page gets it.

export const messageOf = ({ room, seq, mid, ts, from, d, deleted }) => ({
  room,
  seq,
  mid,
  ts,
  from: from ?? null,
  text: deleted ? null : (d?.text ?? null),
});
