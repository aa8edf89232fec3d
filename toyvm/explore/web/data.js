// The data of the page: JSON in script elements that no browser executes. Long ones are gzip in Base64.

/** The value in the element `id`, or null if the page has no such part. */
async function embedded(id) {
  const node = $(id);
  if (!node) return null;
  if (node.type === "application/json") return JSON.parse(node.textContent);
  const bytes = Uint8Array.from(atob(node.textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}
