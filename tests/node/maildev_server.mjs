// maildev on loopback: prints "SMTP_PORT WEB_PORT" once both answer.
import { createServer } from "node:net";
import MailDev from "maildev";

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const [smtp, web] = [await freePort(), await freePort()];
const maildev = new MailDev({ smtp, web, ip: "127.0.0.1", webIp: "127.0.0.1", silent: true, mailDirectory: process.argv[2] });
await maildev.start();
const look = () =>
  fetch(`http://127.0.0.1:${web}/api/email`).then(
    () => console.log(`${smtp} ${web}`),
    () => setTimeout(look, 50),
  );
look();
