// Lines of JSON objects that carry a checksum as their last member: a line that is not what was written is no line.

const SUM = /,"sum":"([0-9a-f]{8})"\}$/;
const SUM_LENGTH = ',"sum":"01234567"}'.length;

/** The text of a non-empty JSON object, with its checksum; `of` is what the line belongs to, such as its key. */
export const withSum = (json: string, of = ''): string => `${json.slice(0, -1)},"sum":"${sumOf(json, of)}"}`;

/** The object's text without its checksum; `undefined` where it is not the one that was written. */
export function checkedLine(line: string, of = ''): string | undefined {
  const sum = SUM.exec(line.slice(-SUM_LENGTH))?.[1];
  if (sum === undefined) return undefined;
  const json = `${line.slice(0, -SUM_LENGTH)}}`;
  return sumOf(json, of) === sum ? json : undefined;
}

/** FNV-1a over UTF-16 code units, 32 bits: against damage, not against people, at a tenth of the cost of a digest. */
function sumOf(json: string, of: string): string {
  let sum = 0x811c9dc5;
  for (const text of [of, '\t', json]) {
    for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  }
  return (sum >>> 0).toString(16).padStart(8, '0');
}
