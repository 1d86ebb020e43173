// Titles and names with the values of variables in them.
export function replacing(variables) {
  return (text, scoped = {}) =>
    String(text ?? "").replace(/\$\{([\w.]+)(?::\w+)?\}|\$(\w+)/g, (all, inBraces, bare) => {
      const name = inBraces ?? bare;
      const of = scoped.__dataContext?.value;
      if (name.startsWith("__field.labels.")) {
        return of?.field?.labels?.[name.slice("__field.labels.".length)] ?? "";
      }
      const local = scoped[name];
      return local?.text ?? local?.value ?? variables[name]?.text ?? all;
    });
}
