export default async function stop() {
  await globalThis.mailrailBrokers?.close();
}
