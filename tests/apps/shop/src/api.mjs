import { serve, version } from "./server.mjs";
import { total } from "./prices.mjs";

serve({
  "/api/total": () => ({ total: total([250, 250, 99]) }),
  "/ready": () => ({ ready: true }),
  "/api/version": () => version(process.env),
});
