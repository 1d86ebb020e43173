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

async function report(panels, errors) {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  await fetch("report", { method: "POST", body: JSON.stringify({ panels, errors }) });
}

async function open() {
  await initPluginTranslations("grafana-ui");
  await document.fonts.load("14px 'Inter Variable'");
  const [opened, marked] = await Promise.all(["dashboard", "marks"].map(async (what) => (await fetch(what)).json()));
  createRoot(document.getElementById("root")).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Board opened={opened} marks={marked.marks} theme={theme} onDrawn={(panels) => report(panels, marked.errors)} />
      <PortalContainer />
    </ThemeContext.Provider>,
  );
}

open();
