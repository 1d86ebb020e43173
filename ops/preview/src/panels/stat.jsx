// One number per field, large, with its recent past behind it.
import { getDisplayValueAlignmentFactors } from "@grafana/data";
import { BigValue, VizRepeater } from "@grafana/ui";
import { fieldValues } from "./values.js";

export function Stat({ panel, frames, width, height, span, theme, replace, source }) {
  const { colorMode = "value", graphMode = "area", justifyMode = "auto", textMode = "auto", orientation = "auto" } = panel.options ?? {};
  const values = () => fieldValues({ panel, frames, theme, replace, source, sparkline: graphMode !== "none" });
  return (
    <VizRepeater
      {...{ width, height, orientation }}
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      renderCounter={1}
      itemSpacing={3}
      autoGrid
      renderValue={({ value, width, height, count, alignmentFactors }) => (
        <BigValue
          {...{ width, height, count, alignmentFactors, colorMode, graphMode, justifyMode, textMode, theme }}
          value={value.display}
          sparkline={value.sparkline && { ...value.sparkline, timeRange: span }}
          text={panel.options?.text}
        />
      )}
    />
  );
}

Stat.defaults = { color: { mode: "thresholds" } };
