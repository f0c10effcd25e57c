// Draws pages as pictures. Arguments: Chromium's path, then for each picture: page, width, light|dark, target.
import { pathToFileURL } from "node:url";
import { browsing } from "./browser.mjs";

const [executable, ...rest] = process.argv.slice(2);
await browsing(executable, async (context) => {
  const page = context.pages()[0] ?? (await context.newPage());
  for (let at = 0; at < rest.length; at += 4) {
    const [source, width, colorScheme, target] = rest.slice(at, at + 4);
    await page.setViewportSize({ width: Number(width), height: 400 });
    await page.emulateMedia({ colorScheme });
    await page.goto(pathToFileURL(source).href);
    await page.screenshot({ path: target, fullPage: true });
  }
});
