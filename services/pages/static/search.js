// The search field of a page: "/" goes to it, and what is pasted keeps its lines apart, which a field of one line would join.
const field = document.getElementById("q");

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
  field.select();
});

field.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text") ?? "";
  if (!/[\r\n]/.test(text)) return;
  event.preventDefault();
  field.setRangeText(text.replace(/[\r\n]+/g, " "), field.selectionStart, field.selectionEnd, "end");
});
