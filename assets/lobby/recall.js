// The arrow up in an empty field brings back what was said last, and then what was said before.

// `said` gives one's own texts, the newest first; `change` puts one into the field.
export function watchRecall(field, said, change) {
  let place = -1;
  let shown = null;

  field.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const isRecalled = field.value !== "" && field.value === shown;
    if (!isRecalled) place = -1;
    if (!step || (!isRecalled && field.value !== "") || (!isRecalled && step < 0)) return;
    const texts = said();
    const next = place + step;
    if (next >= texts.length) return;
    event.preventDefault();
    place = next;
    shown = next < 0 ? "" : texts[next];
    change(shown);
  });
}
