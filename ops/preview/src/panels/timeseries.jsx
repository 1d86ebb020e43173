// Curves over time, with a legend below or to the right.
import { EventBusSrv } from "@grafana/data";
import { PanelContextProvider, TimeSeries } from "@grafana/ui";
import { Marks } from "../marks.jsx";

const bus = new EventBusSrv();

export function Curves({ panel, frames, width, height, span, theme, marks }) {
  const legend = { calcs: [], displayMode: "list", placement: "bottom", showLegend: true, ...panel.options?.legend };
  const drawn = frames.filter((frame) => frame.fields.some((field) => field.type === "time"));
  return (
    <PanelContextProvider value={{ eventsScope: "preview", eventBus: bus }}>
      <TimeSeries {...{ width, height, legend }} frames={drawn} timeRange={span} timeZone="utc" options={panel.options ?? {}}>
        {(config) => <Marks {...{ config, marks, theme }} />}
      </TimeSeries>
    </PanelContextProvider>
  );
}

Curves.defaults = {
  color: { mode: "palette-classic" },
  custom: {
    axisPlacement: "auto",
    drawStyle: "line",
    fillOpacity: 0,
    gradientMode: "none",
    lineInterpolation: "linear",
    lineWidth: 1,
    pointSize: 5,
    showPoints: "auto",
    spanNulls: false,
    stacking: { mode: "none", group: "A" },
    thresholdsStyle: { mode: "off" },
  },
};
