// What a report page can do more where scripts run: find and sort instances, open what a link leads to. Written for
// browsers as they are; the page is whole without it.

export const SCRIPT = `
const all = selector => [...document.querySelectorAll(selector)];
const reveal = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  let wasFolded = false;
  for (let at = target; at; at = at.parentElement) {
    if (at.tagName === 'DETAILS' && !at.open) wasFolded = at.open = true;
  }
  if (wasFolded) target.scrollIntoView();
};
addEventListener('hashchange', reveal);
reveal();

const cards = all('#instances .card');
// What an instance took and what it printed name other instances.
const ownText = card =>
  [...card.querySelectorAll('summary h4, .badge, .id, .block:not(.inputs)')].map(part => part.textContent).join(' ').toLowerCase();
const texts = new Map(cards.map(card => [card, ownText(card)]));
const rowOf = new Map(
  all('#instances table.sortable tbody tr').map(row => [row.querySelector('a')?.getAttribute('href'), row]),
);
const tools = document.querySelector('.tools');
const find = document.getElementById('find');
if (tools && find) {
  tools.hidden = cards.length < 4;
  find.addEventListener('input', () => {
    const words = find.value.toLowerCase().split(/[\\s,]+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const fits = words.every(word => texts.get(card).includes(word));
      card.hidden = !fits;
      if (fits) shown++;
      const row = rowOf.get('#' + card.id.slice(3));
      if (row) row.hidden = !fits;
    }
    for (const stage of all('#instances .stage')) stage.hidden = !stage.querySelector('.card:not([hidden])');
    document.getElementById('found').value = words.length ? shown + ' of ' + cards.length : '';
  });
  const setOpen = open => {
    if (open) for (const outer of all('.many-cards')) outer.open = true;
    for (const card of cards) if (!card.hidden) card.open = open;
  };
  document.getElementById('unfold').addEventListener('click', () => setOpen(true));
  document.getElementById('fold').addEventListener('click', () => setOpen(false));
}

const MS = {ms: 1, s: 1000, min: 60000, h: 3600000};
const keyOf = text => {
  const time = [...text.matchAll(/([\\d.]+) (ms|s|min|h)\\b/g)];
  if (time.length) return time.reduce((sum, [, value, unit]) => sum + value * MS[unit], 0);
  const number = parseFloat(text.replace('\\u2212', '-'));
  return Number.isNaN(number) ? text : number;
};
const compare = (a, b) =>
  typeof a === 'number' && typeof b === 'number' ? a - b : typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1;
for (const table of all('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const direction = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', direction === 1 ? 'ascending' : 'descending');
      const body = table.tBodies[0];
      const rows = [...body.rows].map(row => [keyOf(row.cells[column].textContent), row]);
      rows.sort((a, b) => direction * compare(a[0], b[0]));
      body.append(...rows.map(([, row]) => row));
    });
  });
}
`;
