// The embedded data set: UCI's handwritten digits, so that a study runs where no host can be reached.

import {gunzipSync} from 'node:zlib';
import embedded from '../../data/digits/digits.json' with {type: 'json'};

/** The CSV: 1,797 rows of 64 pixels in 0..16 and the class. */
export const readDigits = (): Buffer => gunzipSync(Buffer.from(embedded.gzip_base64.join(''), 'base64'));

/** Who made the data and under which licence they are passed on. */
export const digitsAttribution = {
  title: embedded.title,
  authors: embedded.authors,
  year: embedded.year,
  source: embedded.source,
  licence: embedded.licence,
  sha256: embedded.sha256,
};
