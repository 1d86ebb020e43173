// One bar per field, or per row where the panel asks for all values.
import { getDisplayValueAlignmentFactors } from "@grafana/data";
import { BarGauge, VizRepeater } from "@grafana/ui";
import { fieldValues } from "./values.js";

export function BarGauges({ panel, frames, width, height, theme, replace, source }) {
  const { displayMode = "gradient", orientation = "auto", showUnfilled = true, text, valueMode, namePlacement } = panel.options ?? {};
  const values = () => fieldValues({ panel, frames, theme, replace, source });
  return (
    <VizRepeater
      {...{ width, height, orientation }}
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      renderCounter={1}
      itemSpacing={displayMode === "lcd" ? 2 : 10}
      minVizHeight={panel.options?.minVizHeight ?? 16}
      minVizWidth={panel.options?.minVizWidth ?? 8}
      maxVizHeight={panel.options?.maxVizHeight ?? 300}
      renderValue={({ value, width, height, orientation, alignmentFactors }) => (
        <BarGauge
          {...{ width, height, orientation, alignmentFactors, displayMode, showUnfilled, text, theme, namePlacement }}
          field={value.field}
          value={value.display}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          valueDisplayMode={valueMode}
          itemSpacing={displayMode === "lcd" ? 2 : 10}
          lcdCellWidth={12}
        />
      )}
    />
  );
}

BarGauges.defaults = { color: { mode: "thresholds" } };
