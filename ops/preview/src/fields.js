// How fields are shown: the defaults of a panel type, the panel's own, and its overrides, by Grafana's own code.
import {
  applyFieldOverrides,
  FieldConfigOptionsRegistry,
  getFieldDisplayName,
  identityOverrideProcessor,
} from "@grafana/data";

const STANDARD = [
  "unit",
  "min",
  "max",
  "fieldMinMax",
  "decimals",
  "displayName",
  "color",
  "noValue",
  "links",
  "mappings",
  "thresholds",
  "filterable",
];
const THRESHOLDS = { mode: "absolute", steps: [{ value: -Infinity, color: "green" }, { value: 80, color: "red" }] };

// The registry of a panel type lives in its plugin, which is not published: here it holds what this panel names.
function registry(source) {
  const custom = new Set(Object.keys(source.defaults.custom ?? {}));
  for (const rule of source.overrides) {
    for (const { id } of rule.properties) {
      if (id.startsWith("custom.")) custom.add(id.slice("custom.".length));
    }
  }
  const item = (id, path, isCustom) => ({
    ...{ id, path, name: id, isCustom },
    process: identityOverrideProcessor,
    shouldApply: () => true,
  });
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((id) => item(id, id, false)),
    ...[...custom].map((path) => item(`custom.${path}`, path, true)),
  ]);
}

function withLowest(thresholds) {
  const steps = thresholds.steps.map((step, at) => (at === 0 ? { ...step, value: -Infinity } : step));
  return { ...thresholds, steps };
}

export function fieldConfig(panel, ofType) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  return {
    defaults: {
      ...ofType,
      ...defaults,
      thresholds: withLowest(defaults.thresholds ?? THRESHOLDS),
      custom: { ...ofType.custom, ...defaults.custom },
    },
    overrides: overrides.map((rule) => ({
      ...rule,
      properties: rule.properties.map((each) =>
        each.id === "thresholds" ? { ...each, value: withLowest(each.value) } : each,
      ),
    })),
  };
}

export function shownFields(frames, source, theme, replace) {
  const shown = applyFieldOverrides({
    data: frames,
    fieldConfig: source,
    fieldConfigRegistry: registry(source),
    replaceVariables: replace,
    theme,
    timeZone: "utc",
  });
  for (const frame of shown) {
    for (const field of frame.fields) {
      field.state.displayName = getFieldDisplayName(field, frame, shown);
    }
  }
  return shown;
}
