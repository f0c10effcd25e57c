// Reads mails (one a line, base64) from standard input; writes what mailauth makes of each one's DKIM signatures.
// node verify_dkim.mjs '{"sel._domainkey.example.com": "v=DKIM1; …"}'
import { createInterface } from "node:readline";
import dkim from "mailauth/lib/dkim/verify.js";

const records = JSON.parse(process.argv[2]);
const resolver = async (name, type) => {
  if (type === "TXT" && records[name]) return [[records[name]]];
  throw Object.assign(new Error("not found"), { code: "ENOTFOUND" });
};

for await (const line of createInterface({ input: process.stdin })) {
  const { results } = await dkim.dkimVerify(Buffer.from(line, "base64"), { resolver });
  console.log(
    JSON.stringify(
      results.map((one) => ({
        domain: one.signingDomain,
        selector: one.selector,
        algorithm: one.algo,
        result: one.status.result,
        aligned: one.status.aligned || "",
        comment: one.status.comment || "",
      })),
    ),
  );
}
