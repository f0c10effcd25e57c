// How mails fit a narrow screen. Arguments: Chromium's path, the width in px, then pages. One JSON object a page out.
import { pathToFileURL } from "node:url";
import { browsing } from "./browser.mjs";

const [executable, width, ...pages] = process.argv.slice(2);

function measure() {
  const lines = (node, start, end) => {
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, end);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
  };
  const broken = [];
  for (const cell of document.querySelectorAll("table.data td, table.data th")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/\S+/g)) {
        if (lines(texts.currentNode, word.index, word.index + word[0].length) > 1) broken.push(word[0]);
      }
    }
  }
  return {
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    scrolls: [...document.querySelectorAll(".scroll")].map((box) => box.scrollWidth - box.clientWidth),
    broken: [...new Set(broken)],
  };
}

await browsing(executable, async (context) => {
  const page = context.pages()[0] ?? (await context.newPage());
  await page.setViewportSize({ width: Number(width), height: 640 });
  for (const path of pages) {
    await page.goto(pathToFileURL(path).href);
    console.log(JSON.stringify(await page.evaluate(measure)));
  }
});
