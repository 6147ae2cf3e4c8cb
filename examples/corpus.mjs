/**
 * A sample corpus of maintenance tickets in telegram style, whose label depends on a two-word term and on nothing else.
 *
 * Terms come in blocks of four modifiers and four parts; the team of "modifier i, part j" is (i + j) mod 4. Every ticket
 * holds two modifiers and two parts of one block whose four pairings belong to four different teams; one pairing stands
 * side by side and names the team, the other two words stand apart. So every single word, and the bag of words as a whole,
 * occurs equally often with every team: shuffle the words, and nothing is left to learn.
 */
const TEAMS = ['cooling', 'hydraulics', 'controls', 'power'];
const BLOCKS = [
  ['primary auxiliary return bypass', 'valve manifold strainer gasket'],
  ['rotary linear tandem geared', 'actuator coupling spindle bearing'],
  ['thermal optical inductive acoustic', 'sensor relay encoder probe'],
  ['buffered isolated floating grounded', 'inverter busbar contactor rectifier'],
].map((block) => block.map((words) => words.split(' ')));
/** What the blocks are about. */
const SYSTEMS = ['fluid', 'drive', 'sensing', 'electric'];
/** Remarks are pairs of these: frequent words, but no pair of them is telling. */
const REMARKS = [
  [
    'again barely briefly clearly constantly daily finally hardly hourly lately loudly mostly nearly often only partly rarely recently repeatedly seldom shortly slightly slowly sometimes soon still suddenly today twice weekly',
    'adjusted checked cleaned climbed dropped failed faded halted hummed inspected jammed leaked logged measured moved observed paused rattled replaced reported reset restarted rose slipped stalled stopped swapped tested tripped vibrated',
  ],
  [
    'abrupt bright brief coarse damp dark dull dusty faint greasy harsh heavy hollow loose mild minor narrow noisy odd patchy rough sharp shiny slack slow small steady sticky uneven warm',
    'alarm crack dent drift dust echo film flicker gap glare grease heat knock leak noise pitting play pulse residue rust scratch shake smell smoke spike stain stop tremor wear whistle',
  ],
].map((kind) => kind.map((words) => words.split(' ')));
const REMARKS_OF_A_KIND = 4;

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

function shuffle(list, random) {
  for (let k = list.length - 1; k > 0; k--) {
    const at = Math.floor(random() * (k + 1));
    [list[k], list[at]] = [list[at], list[k]];
  }
  return list;
}

function generate(count, seed) {
  const random = generator(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  return Array.from({ length: count }, (_, n) => {
    const team = n % TEAMS.length;
    const block = pick(BLOCKS);
    const [modifiers, parts] = block;
    const i = Math.floor(random() * 4);
    const j = (team - i + 4) % 4;
    // The other modifier and part: with these differences the four pairings name four teams.
    const [di, dj] = pick([
      [1, 2],
      [2, 1],
      [3, 2],
      [2, 3],
    ]);
    const clauses = REMARKS.flatMap(([first, second]) =>
      Array.from({ length: REMARKS_OF_A_KIND }, () => `${pick(first)} ${pick(second)}`),
    );
    const special = [`${modifiers[i]} ${parts[j]}`, modifiers[(i + di) % 4], parts[(j + dj) % 4]];
    // Three different gaps between remarks, so that the loose words touch neither each other nor the term.
    const gaps = shuffle([...clauses.keys()], random)
      .slice(0, special.length)
      .sort((a, b) => b - a);
    shuffle(special, random).forEach((words, k) => clauses.splice(gaps[k], 0, words));
    return { text: clauses.join(' '), team: TEAMS[team], system: SYSTEMS[BLOCKS.indexOf(block)] };
  });
}

/** @returns {{text: string, label: string}[]} `count` tickets, teams in equal parts. */
export const tickets = (count, seed) => generate(count, seed).map(({ text, team }) => ({ text, label: team }));

/** The same tickets by what they are about: each of the term's words gives this label away, so that seconds are enough to learn it. */
export const systems = (count, seed) => generate(count, seed).map(({ text, system }) => ({ text, label: system }));

/** The same tickets with the words of each in random order. */
export function shuffled(rows, seed) {
  const random = generator(seed);
  return rows.map(({ text, label }) => ({ text: shuffle(text.split(' '), random).join(' '), label }));
}
