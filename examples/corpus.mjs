/**
 * A sample corpus of maintenance tickets whose label depends on a two-word term and on nothing else.
 *
 * Terms come in blocks of four modifiers and four parts; the team of "modifier i, part j" is (i + j) mod 4. Every ticket
 * holds two modifiers and two parts of one block whose four pairings belong to four different teams; one pairing stands
 * side by side and names the team, the other two words stand apart. So every single word, and the bag of words as a whole,
 * occurs equally often with every team: shuffle the words, and nothing is left to learn.
 */
const TEAMS = ['cooling', 'hydraulics', 'controls', 'power'];
const BLOCKS = [
  [
    ['primary', 'auxiliary', 'return', 'bypass'],
    ['valve', 'manifold', 'strainer', 'gasket'],
  ],
  [
    ['rotary', 'linear', 'tandem', 'geared'],
    ['actuator', 'coupling', 'spindle', 'bearing'],
  ],
  [
    ['thermal', 'optical', 'inductive', 'acoustic'],
    ['sensor', 'relay', 'encoder', 'probe'],
  ],
  [
    ['buffered', 'isolated', 'floating', 'grounded'],
    ['inverter', 'busbar', 'contactor', 'rectifier'],
  ],
];
const OPENINGS = [
  'during the morning round',
  'after the last restart',
  'while the line was idle',
  'shortly before handover',
  'on the night shift',
  'following the weekly check',
];
const REPORTS = [
  'the operator reported',
  'we noticed',
  'the log shows',
  'somebody wrote down',
  'the supervisor mentioned',
  'the display listed',
];
const SIGNS = [
  'a steady noise',
  'an unusual smell',
  'slow response',
  'a small leak',
  'repeated alarms',
  'traces of wear',
];
const PLACES = [
  'in hall two',
  'near gate five',
  'beside the press',
  'under the platform',
  'at station nine',
  'along the conveyor',
];
const ENDINGS = [
  'please look into it',
  'no action taken so far',
  'parts are in stock',
  'needs a visit this week',
  'photos are attached',
  'production goes on',
];

/** mulberry32: 32-bit state, uniform in [0, 1). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @returns {{text: string, label: string}[]} `count` tickets, teams in equal parts. */
export function tickets(count, seed) {
  const random = generator(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  return Array.from({ length: count }, (_, n) => {
    const team = n % 4;
    const [modifiers, parts] = pick(BLOCKS);
    const i = Math.floor(random() * 4);
    const j = (team - i + 4) % 4;
    // The other modifier and part: differences (1, 2), (2, 1), (3, 2) or (2, 3) make the four pairings four teams.
    const [di, dj] = pick([
      [1, 2],
      [2, 1],
      [3, 2],
      [2, 3],
    ]);
    const loose = [`the ${modifiers[(i + di) % 4]} unit`, `the spare ${parts[(j + dj) % 4]}`];
    if (random() < 0.5) loose.reverse();
    const term = `${modifiers[i]} ${parts[j]}`;
    const spots = [`${pick(SIGNS)} from ${term}`, `close to ${loose[0]}`, `and checked ${loose[1]}`];
    const text = [pick(OPENINGS), pick(REPORTS), ...spots, pick(PLACES), pick(ENDINGS)].join(' ');
    return { text, label: TEAMS[team] };
  });
}

/** The same tickets with the words of each in random order. */
export function shuffled(rows, seed) {
  const random = generator(seed);
  return rows.map(({ text, label }) => {
    const words = text.split(' ');
    for (let k = words.length - 1; k > 0; k--) {
      const at = Math.floor(random() * (k + 1));
      [words[k], words[at]] = [words[at], words[k]];
    }
    return { text: words.join(' '), label };
  });
}
