// Bundles the page into dist/: one script, its style, and Grafana's icons.
import { build } from "esbuild";
import { cpSync, mkdirSync, rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist", { recursive: true });
const asText = Object.fromEntries([".ttf", ".woff", ".woff2", ".svg", ".png", ".gif"].map((ending) => [ending, "dataurl"]));
await build({
  entryPoints: ["src/app.jsx"],
  outdir: "dist",
  bundle: true,
  minify: true,
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: asText,
  logLevel: "warning",
});
cpSync("src/index.html", "dist/index.html");
cpSync("node_modules/@grafana/ui/dist/public", "dist/public/build", { recursive: true });
