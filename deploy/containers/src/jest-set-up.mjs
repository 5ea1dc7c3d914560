// Jest's global set-up of the project `containers`: an engine that answers, and the image of the line built on it. Both cost minutes
// the first time, so they are made once for all test files.
import { openEngine } from './engine.ts';
import { prepareImages } from './images.ts';

export default async function start() {
  const engine = await openEngine();
  globalThis.mailrailEngine = engine;
  if (engine.host !== undefined) process.env.DOCKER_HOST = engine.host;
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'; // its helper's image may not be had; what we start we stop
  try {
    process.env.MAILRAIL_TEST_IMAGES = JSON.stringify(await prepareImages());
  } catch (error) {
    await engine.close();
    throw error;
  }
}
