// One panel: asks its queries, transforms what they found, and hands it to the adapter of its type.
import { toDataFrame, transformDataFrame } from "@grafana/data";
import { ErrorBoundary, PanelChrome } from "@grafana/ui";
import { useEffect, useState } from "react";
import { firstValueFrom } from "rxjs";
import { fieldConfig, shownFields } from "./fields.js";
import { BarGauges } from "./panels/bargauge.jsx";
import { Stat } from "./panels/stat.jsx";
import { Rows } from "./panels/table.jsx";
import { Words } from "./panels/text.jsx";
import { Curves } from "./panels/timeseries.jsx";

const TYPES = { bargauge: BarGauges, stat: Stat, table: Rows, text: Words, timeseries: Curves };

async function found(panel, points) {
  const answer = await fetch("query", { method: "POST", body: JSON.stringify({ panel: panel.id, points }) });
  const { frames = [], errors = [], error } = await answer.json();
  const wanted = (panel.transformations ?? []).filter((each) => !each.disabled);
  const shown = await firstValueFrom(transformDataFrame(wanted, frames.map(toDataFrame)));
  return { frames: shown, errors: error ? [error] : errors };
}

function Inside({ panel, frames, marks, width, height, span, theme, replace }) {
  const Type = TYPES[panel.type];
  if (!frames.some((frame) => frame.length > 0) && panel.type !== "text") {
    return (
      <div style={{ alignItems: "center", display: "flex", height, justifyContent: "center", width }}>
        {panel.fieldConfig?.defaults?.noValue || "No data"}
      </div>
    );
  }
  const source = fieldConfig(panel, Type.defaults ?? {});
  const shown = shownFields(frames, source, theme, replace);
  return <Type {...{ panel, marks, width, height, span, theme, replace, source }} frames={shown} />;
}

function told(panel, { frames, errors }, broken) {
  const rows = Math.max(0, ...frames.map((frame) => frame.length));
  const fields = frames.reduce((sum, frame) => sum + frame.fields.length, 0);
  return { errors: broken ? [...errors, String(broken)] : errors, rows, fields, empty: rows === 0 && panel.type !== "text" };
}

export function Panel({ panel, marks, width, height, span, theme, replace, onDrawn }) {
  const [data, setData] = useState(null);
  const isRow = panel.type === "row";
  useEffect(() => {
    if (isRow) {
      onDrawn({ errors: [], rows: 0, fields: 0, empty: false });
    } else if (!TYPES[panel.type]) {
      setData({ frames: [], errors: [`a panel of the type ${panel.type} cannot be drawn here`] });
    } else {
      found(panel, Math.max(Math.round(width), 1)).then(setData, (problem) =>
        setData({ frames: [], errors: [String(problem)] }),
      );
    }
  }, []);
  useEffect(() => {
    if (data) onDrawn(told(panel, data));
  }, [data]);
  if (isRow) {
    return <div style={{ ...theme.typography.h6, lineHeight: `${height}px` }}>{replace(panel.title)}</div>;
  }
  const broken = data?.errors.length > 0 && data.frames.length === 0;
  return (
    <PanelChrome
      width={width}
      height={height}
      title={replace(panel.title)}
      description={panel.description}
      displayMode={panel.transparent ? "transparent" : "default"}
      statusMessage={data?.errors.join("; ")}
    >
      {(inner, innerHeight) =>
        broken ? (
          <div style={{ color: theme.colors.error.text, fontSize: 12 }}>{data.errors.join("; ")}</div>
        ) : (
          data && (
            <ErrorBoundary onError={(problem) => onDrawn(told(panel, data, problem))}>
              {({ error }) =>
                error ? (
                  <div style={{ color: theme.colors.error.text }}>{String(error)}</div>
                ) : (
                  <Inside {...{ panel, marks, span, theme, replace }} frames={data.frames} width={inner} height={innerHeight} />
                )
              }
            </ErrorBoundary>
          )
        )
      }
    </PanelChrome>
  );
}
