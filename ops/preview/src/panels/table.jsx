// Rows and columns.
import { TableNG } from "@grafana/ui/unstable";

export function Rows({ panel, frames, width, height, span, source }) {
  const { cellHeight = "sm", showHeader = true, sortBy } = panel.options ?? {};
  return (
    <TableNG
      {...{ width, height, cellHeight, sortBy }}
      data={frames.find((frame) => frame.length > 0)}
      noHeader={!showHeader}
      timeRange={span}
      fieldConfig={source}
      enableVirtualization={false}
      structureRev={1}
    />
  );
}

Rows.defaults = { color: { mode: "thresholds" }, custom: { align: "auto", cellOptions: { type: "auto" } } };
