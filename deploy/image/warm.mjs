// Imports every service once, so that Node writes what it compiles into NODE_COMPILE_CACHE. Imported, a service does nothing.
import { globSync } from 'node:fs';
import { flushCompileCache, getCompileCacheDir } from 'node:module';

const services = [...globSync('services/{*,connectors/*}/src/main.ts')].sort();
if (services.length === 0) throw new Error('no services here');
for (const main of [...services, ...globSync('libs/topology/src/declare.ts'), ...globSync('libs/organization/src/index.ts')]) {
  await import(`${process.cwd()}/${main}`);
}
flushCompileCache();
if (getCompileCacheDir() === undefined) throw new Error('there is no compile cache: is NODE_COMPILE_CACHE a folder that can be written?');
process.stdout.write(`${services.length} services compiled into ${getCompileCacheDir()}\n`);
process.exit(); // whatever a module has opened on import ends here
