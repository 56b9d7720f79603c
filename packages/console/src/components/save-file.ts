/** Has the browser keep what was fetched as a file. */
export function saveFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by then; what it holds of the memory is given back.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
