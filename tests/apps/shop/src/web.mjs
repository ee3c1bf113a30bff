import { serve, version } from "./server.mjs";

serve({
  "/": () => ({ shop: "open" }),
  "/ready": () => ({ ready: true }),
  "/version": () => version(process.env),
});
