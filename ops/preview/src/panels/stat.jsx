// One number per field, large, with its recent past behind it.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from "@grafana/data";
import { BigValue, VizRepeater } from "@grafana/ui";

export function Stat({ panel, frames, width, height, span, theme, replace, source }) {
  const { colorMode = "value", graphMode = "area", justifyMode = "auto", textMode = "auto", orientation = "auto" } = panel.options ?? {};
  const values = () =>
    getFieldDisplayValues({
      data: frames,
      fieldConfig: source,
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false, ...panel.options?.reduceOptions },
      replaceVariables: replace,
      sparkline: graphMode !== "none",
      theme,
      timeZone: "utc",
    });
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
