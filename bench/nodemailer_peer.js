// nodemailer, a pool of ten connections, Handlebars. node nodemailer_peer.js WORKLOAD PORT MAILS FOLDER MODULES
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const [workload, port, count, folder, modules] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(modules), "here.js"));
const nodemailer = load("nodemailer");
const handlebars = load("handlebars");
const read = (name) => fs.readFileSync(path.join(folder, name));
const files = workload === "W2";
const readers = read("people.jsonl").toString().trim().split("\n").slice(0, +count).map((line) => JSON.parse(line));
const html = handlebars.compile(read(files ? "w2.html.hbs" : "w1.html.hbs").toString());
const text = handlebars.compile(read("text.txt.hbs").toString(), { noEscape: true });
const subject = handlebars.compile(read("subject.txt.hbs").toString(), { noEscape: true });
const attachments = files
  ? [
      { filename: "report.xlsx", content: read("report.xlsx") },
      { filename: "picture.png", content: read("picture.png"), cid: "picture@bench" },
    ]
  : [];

async function main() {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const transport = nodemailer.createTransport({
    host: "127.0.0.1", port: +port, secure: false, ignoreTLS: true, pool: true, maxConnections: 10, maxMessages: Infinity,
  });
  let next = 0;
  const work = async () => {
    while (next < readers.length) {
      const reader = readers[next++];
      await transport.sendMail({
        from: "reports@example.com", to: reader.email, subject: subject(reader), text: text(reader), html: html(reader),
        attachments,
      });
    }
  };
  await Promise.all(Array.from({ length: 20 }, work));
  transport.close();
  const used = process.cpuUsage(cpu);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ mails: readers.length, seconds, cpu_seconds: (used.user + used.system) / 1e6, peak_mib: peak }));
}

main();
