// A dashboard: its head with what is chosen, and its panels in Grafana's grid of 24 columns.
import { dateTime, dateTimeFormat } from "@grafana/data";
import { useRef } from "react";
import { Panel } from "./panel.jsx";
import { replacing } from "./words.js";

const COLUMNS = 24;
const ROW = 30;
const GAP = 8;
const HEAD = 56;

function Head({ opened, theme }) {
  const { dashboard, range, variables } = opened;
  const time = (at) => dateTimeFormat(at, { timeZone: "utc", format: "YYYY-MM-DD HH:mm" });
  const shown = (dashboard.templating?.list ?? []).filter((each) => !each.hide && variables[each.name]);
  const pill = {
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: 2,
    marginLeft: 8,
    padding: "4px 8px",
  };
  return (
    <div style={{ height: HEAD, display: "flex", alignItems: "center", padding: `0 ${GAP}px` }}>
      <span style={{ ...theme.typography.h4, flex: "none" }}>{dashboard.title}</span>
      <span style={{ color: theme.colors.text.secondary, flex: 1, fontSize: 12, padding: "0 12px" }}>
        a preview, drawn by lianyun with Grafana's components
      </span>
      {shown.map((each) => (
        <span key={each.name} style={pill}>
          <span style={{ color: theme.colors.text.secondary }}>{each.label || each.name}</span>{" "}
          {variables[each.name].text}
        </span>
      ))}
      <span style={pill}>
        {time(range.from)} to {time(range.to)} UTC
      </span>
    </div>
  );
}

export function Board({ opened, marks, theme, onDrawn }) {
  const { dashboard, range } = opened;
  // A folded row keeps its panels to itself, as in Grafana.
  const panels = dashboard.panels;
  const drawn = useRef(new Map());
  const width = document.documentElement.clientWidth;
  const column = (width - GAP) / COLUMNS;
  const done = (panel, what) => {
    drawn.current.set(panel.id, { id: panel.id, title: panel.title ?? "", type: panel.type, ...what });
    if (drawn.current.size === panels.length) {
      onDrawn([...drawn.current.values()]);
    }
  };
  const place = ({ x, y, w, h }) => ({
    position: "absolute",
    left: GAP + x * column,
    top: HEAD + y * (ROW + GAP),
    width: w * column - GAP,
    height: h * (ROW + GAP) - GAP,
  });
  const span = { from: dateTime(range.from), to: dateTime(range.to), raw: range };
  const replace = replacing(opened.variables);
  return (
    <div style={{ position: "relative" }}>
      <Head opened={opened} theme={theme} />
      {panels.map((panel) => {
        const at = place(panel.gridPos);
        return (
          <div key={panel.id} style={at}>
            <Panel
              {...{ panel, marks, theme, replace }}
              width={at.width}
              height={at.height}
              span={span}
              onDrawn={(what) => done(panel, what)}
            />
          </div>
        );
      })}
    </div>
  );
}
