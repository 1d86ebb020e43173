// What a panel shows of each field: reduced to its last value where the panel says nothing else.
import { getFieldDisplayValues } from "@grafana/data";

export function fieldValues({ panel, frames, theme, replace, source, ...more }) {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: source,
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false, ...panel.options?.reduceOptions },
    replaceVariables: replace,
    theme,
    timeZone: "utc",
    ...more,
  });
}
