// Walks through the live preview as an analyst would: every view, then mistakes and their repair. One JSON object out.
// Arguments: Chromium's path, the page's address, the project's folder.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { axe, browsing } from "./browser.mjs";

const [executable, url, project] = process.argv.slice(2);
const VIEWS = ["desktop", "phone", "dark", "plain", "text", "headers", "files", "checks"];
const seen = { views: {}, axe: {}, errors: [], requests: [] };

async function save(name, change, settled, page) {
  const path = join(project, name);
  writeFileSync(path, change(readFileSync(path, "utf8")));
  await page.waitForFunction(settled, undefined, { timeout: 60_000 });
}

await browsing(executable, async (context) => {
  const page = context.pages()[0] ?? (await context.newPage());
  page.on("console", (line) => line.type() === "error" && seen.errors.push(line.text()));
  page.on("request", (request) => seen.requests.push(new URL(request.url()).protocol + new URL(request.url()).host));
  for (const view of VIEWS) {
    await page.goto(`${url}?view=${view}`);
    seen.views[view] = await page.evaluate(() => {
      const frame = document.querySelector("iframe");
      const mail = frame?.contentDocument;
      return {
        text: (mail?.body ?? document.querySelector("main")).innerText,
        width: frame?.clientWidth ?? 0,
        overflow: mail ? mail.documentElement.scrollWidth - mail.documentElement.clientWidth : 0,
        dark: mail ? frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches : false,
        pictures: mail ? [...mail.images].filter((image) => image.naturalWidth > 0).length : 0,
      };
    });
    seen.axe[view] = await axe(page);
  }
  await page.emulateMedia({ colorScheme: "dark" });
  seen.axe["checks at night"] = await axe(page);
  await page.emulateMedia({ colorScheme: null });

  await page.goto(url);
  await page.selectOption("#for", "bo@example.com");
  await page.click("button");
  seen.picked = await page.frameLocator("iframe").locator("body").innerText();
  seen.address = page.url();

  const shows = (words) => `document.querySelector("iframe")?.contentDocument?.body?.innerText.includes(${JSON.stringify(words)})`;
  const fails = `document.querySelector("[role=alert] pre")`;
  await save("templates/own.html", (text) => text.replace("Hello", "Good morning"), shows("Good morning"), page);
  await save("templates/own.html", (text) => text.replace("recipient.shop", "recipient.shpo"), fails, page);
  seen.template = await page.innerText("[role=alert] pre");
  seen.kept = await page.frameLocator("iframe").locator("body").innerText();
  seen.axe.error = await axe(page);
  await save("templates/own.html", (text) => text.replace("recipient.shpo", "recipient.shop"), `!${fails}`, page);
  await save("jobs.yaml", (text) => text.replace("each:", "eech:"), fails, page);
  seen.yaml = await page.innerText("[role=alert] pre");
  await save("jobs.yaml", (text) => text.replace("eech:", "each:"), `!${fails}`, page);
  await save("reports/people.csv", (text) => text.replace("Paris", "Lyon"), shows("Lyon"), page);
  seen.end = await page.frameLocator("iframe").locator("body").innerText();
});
console.log(JSON.stringify(seen));
