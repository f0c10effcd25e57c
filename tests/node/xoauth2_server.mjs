// An SMTP server that takes one access token by XOAUTH2: node xoauth2_server.mjs KEY CERT TOKEN
// Prints its port, then a line of JSON for each login and each mail.
import { readFileSync } from "node:fs";
import { SMTPServer } from "smtp-server";

const [key, cert, token] = process.argv.slice(2);
const server = new SMTPServer({
  key: readFileSync(key),
  cert: readFileSync(cert),
  authMethods: ["XOAUTH2"],
  onAuth(auth, session, callback) {
    console.log(JSON.stringify({ method: auth.method, user: auth.username, token: auth.accessToken }));
    if (auth.accessToken === token) return callback(null, { user: auth.username });
    return callback(null, { data: { status: "401", schemes: "bearer mac", scope: "https://mail.example.com/" } });
  },
  onData(stream, session, callback) {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      console.log(JSON.stringify({ mail: Buffer.concat(chunks).toString("base64"), user: session.user }));
      callback();
    });
  },
});
server.listen(0, "127.0.0.1", () => console.log(server.server.address().port));
