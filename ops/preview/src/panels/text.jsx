// Words: Markdown, or HTML without anything that acts.
import { renderMarkdown, textUtil } from "@grafana/data";

export function Words({ panel, width, height, replace }) {
  const { content = "", mode = "markdown" } = panel.options ?? {};
  const words = replace(content);
  const html = mode === "markdown" ? renderMarkdown(words) : textUtil.sanitize(words);
  return <div className="markdown-html" style={{ width, height, overflow: "hidden" }} dangerouslySetInnerHTML={{ __html: html }} />;
}
