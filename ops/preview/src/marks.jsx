// Annotations across a curve: a line at a moment, a tinted span between two lines.
import { colorManipulator } from "@grafana/data";
import { useLayoutEffect } from "react";

export function Marks({ config, marks, theme }) {
  useLayoutEffect(() => {
    config.addHook("draw", (plot) => {
      const { ctx, bbox } = plot;
      const at = (moment) => Math.min(Math.max(plot.valToPos(moment, "x", true), bbox.left), bbox.left + bbox.width);
      ctx.save();
      for (const mark of marks) {
        if (mark.to < plot.scales.x.min || mark.from > plot.scales.x.max) continue;
        const colour = theme.visualization.getColorByName(mark.colour);
        const [left, right] = [at(mark.from), at(mark.to)];
        ctx.fillStyle = colorManipulator.alpha(colour, 0.1);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.strokeStyle = colour;
        ctx.lineWidth = 2;
        ctx.setLineDash([5, 5]);
        for (const [moment, x] of [[mark.from, left], [mark.to, right]]) {
          if (moment < plot.scales.x.min || moment > plot.scales.x.max) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
      }
      ctx.restore();
    });
  }, [config]);
  return null;
}
