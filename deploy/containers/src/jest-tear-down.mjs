export default async function stop() {
  await globalThis.mailrailEngine?.close();
}
