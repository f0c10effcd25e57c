// Reads mails (one a line, base64) from standard input; writes what mailparser sees of each, one JSON object a line.
import { createInterface } from "node:readline";
import { createHash } from "node:crypto";
import { simpleParser } from "mailparser";

const people = (field) => (field ? [field].flat().flatMap((one) => one.value) : []);

for await (const line of createInterface({ input: process.stdin })) {
  const mail = await simpleParser(Buffer.from(line, "base64"), { skipImageLinks: true, skipTextToHtml: true });
  console.log(
    JSON.stringify({
      keys: mail.headerLines.map((header) => header.key),
      subject: mail.subject ?? "",
      messageId: mail.messageId ?? "",
      date: mail.date ? mail.date.toISOString() : "",
      from: people(mail.from),
      to: people(mail.to),
      cc: people(mail.cc),
      text: mail.text ?? "",
      html: mail.html || "",
      parts: mail.attachments.map((part) => ({
        filename: part.filename ?? "",
        type: part.contentType,
        disposition: part.contentDisposition,
        cid: part.cid ?? "",
        related: part.related ?? false,
        sha256: createHash("sha256").update(part.content).digest("hex"),
      })),
    }),
  );
}
