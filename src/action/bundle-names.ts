// Canonical names for the chunks of a bundle. esbuild's own carry a hash of paths, which would make the digest depend
// on where the project lies; ours count in the order in which the text mentions them. Names keep their length, so that
// the source maps stay right.

export interface BundleFile {
  /** `stage.js`, `chunk-00000001.js`. */
  readonly name: string;
  /** Ends in the comment that names its source map. */
  readonly text: string;
  /** The source map as JSON. */
  readonly map: string;
}

const chunkName = /\bchunk-[0-9A-Z]{8}\.js\b/g;

/**
 * `files`: text and source map by esbuild's name; `entry`: the name to begin with; `mapOf` sees each map before it is
 * kept. In order of first mention.
 */
export function nameChunks(
  files: ReadonlyMap<string, {readonly text: string; readonly map: string}>,
  entry: string,
  mapOf: (map: string) => string,
): readonly BundleFile[] {
  const order = [entry];
  for (const name of order) {
    for (const [mentioned] of files.get(name)?.text.matchAll(chunkName) ?? []) {
      if (files.has(mentioned) && !order.includes(mentioned)) order.push(mentioned);
    }
  }
  const names = new Map(order.map((name, index) => [name, index === 0 ? name : canonical(index)]));
  return order.flatMap(name => {
    const file = files.get(name);
    if (file === undefined) return [];
    const text = file.text.replace(chunkName, mentioned => names.get(mentioned) ?? mentioned);
    const given = names.get(name) ?? name;
    return [{name: given, text: `${text}//# sourceMappingURL=${given}.map\n`, map: mapOf(file.map)}];
  });
}

const canonical = (index: number): string => `chunk-${String(index).padStart(8, '0')}.js`;
