import { defineConfig } from "vitest/config";

// No test measures time: the limit is for one that hangs, on a busy machine too.
export default defineConfig({ test: { environment: "jsdom", include: ["tests/**/*.test.ts"], testTimeout: 60_000 } });
