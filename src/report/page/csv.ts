// CSV (RFC 4180) → rows of fields. Lenient: what is no CSV gives odd rows, never an error.

/** Quotes may hold commas, line breaks and doubled quotes. A last line break makes no row. */
export function parseCsv(text: string, delimiter = ','): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let isQuoted = false;
  const endField = (): void => {
    row.push(field);
    field = '';
  };
  const endRow = (): void => {
    endField();
    rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at);
    if (isQuoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') field += text.charAt(++at);
      else isQuoted = false;
    } else if (letter === '"' && field === '') isQuoted = true;
    else if (letter === delimiter) endField();
    else if (letter === '\n') endRow();
    else if (letter !== '\r' || text[at + 1] !== '\n') field += letter;
  }
  if (field !== '' || row.length > 0) endRow();
  return rows;
}
