// What both services are: a server that tells its health and its version, and ends when it is asked to.
import { createServer } from "node:http";

const DRAIN_MS = 3000; // requests still come for a moment after SIGTERM

export function version(environment) {
  return { commit: environment.APP_VERSION ?? null, digest: environment.IMAGE_DIGEST ?? null };
}

export function server(routes) {
  return createServer((request, response) => {
    const [path] = request.url.split("?");
    const answer = routes[path];
    response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ? answer() : { error: "not found" }));
  });
}

export function serve(routes) {
  const made = server(routes);
  made.keepAliveTimeout = 75_000; // above the load balancer's idle timeout, else it may use a connection just closed
  made.listen(Number(process.env.PORT), "0.0.0.0");
  const end = () => {
    made.close(() => process.exit(0));
    made.closeIdleConnections();
  };
  process.on("SIGTERM", () => setTimeout(end, DRAIN_MS));
}
