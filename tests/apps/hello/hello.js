// Says hello.
const http = require("http");
const server = http.createServer((request, response) => response.end("hello\n"));
server.listen(process.env.PORT || 3000);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
