// The search field of a page: what is pasted keeps its lines apart, which a field of one line would join.
const field = document.getElementById("q");

field.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text") ?? "";
  if (!/[\r\n]/.test(text)) return;
  event.preventDefault();
  field.setRangeText(text.replace(/[\r\n]+/g, " "), field.selectionStart, field.selectionEnd, "end");
});
