// Opens the dashboard that the server holds, draws it, and tells the server what every panel showed.
import "@fontsource-variable/inter";
import { createTheme, standardTransformers, standardTransformersRegistry, ThemeContext } from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { GlobalStyles, PortalContainer } from "@grafana/ui";
import { createRoot } from "react-dom/client";
import { Board } from "./board.jsx";

const theme = createTheme({
  colors: { mode: "dark" },
  typography: { fontFamily: "'Inter Variable', sans-serif" },
});

standardTransformersRegistry.setInit(() =>
  Object.values(standardTransformers).map((each) => ({ id: each.id, name: each.name, transformation: each })),
);

async function report(panels) {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  await fetch("report", { method: "POST", body: JSON.stringify({ panels }) });
}

async function open() {
  await initPluginTranslations("grafana-ui");
  await document.fonts.load("14px 'Inter Variable'");
  const opened = await (await fetch("dashboard")).json();
  createRoot(document.getElementById("root")).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Board opened={opened} theme={theme} onDrawn={report} />
      <PortalContainer />
    </ThemeContext.Provider>,
  );
}

open();
