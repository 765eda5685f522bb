// Moments on a page: in UTC, so that a page reads the same wherever it is made and read.

import {type Html, html} from './html.ts';

/** `2026-08-01 14:05 UTC`. `at`: milliseconds since the epoch. */
export function renderTime(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;
}
