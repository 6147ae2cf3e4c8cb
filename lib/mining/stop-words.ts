/**
 * English function words: a phrase made of them alone names nothing. Written for text whose apostrophes are words of their own
 * (`don ' t`), so the halves of contractions are listed. Replaceable: `--stop-words FILE`.
 */
const ENGLISH = `
  a about above across after again against all almost along already also although always am among amongst an and another any anyhow
  anyone anything anyway anywhere are aren around as at be became because become becomes been before beforehand behind being below
  beside besides between beyond both but by can cannot could couldn d did didn do does doesn doing don done down due during each either
  else elsewhere enough etc even ever every everyone everything everywhere except few for former from further furthermore had hadn has
  hasn have haven having he hence her here hers herself him himself his how however i if in indeed instead into is isn it its itself
  just least less ll m many may maybe me meanwhile might mightn mine more moreover most mostly much must mustn my myself namely near
  need needn neither never nevertheless next no nobody none nor not nothing now nowhere o of off often on once one only onto or other
  others otherwise our ours ourselves out over own per perhaps please quite rather re really s same shall shan she should shouldn since
  so some somehow someone something sometime sometimes somewhere still such t than that the their theirs them themselves then there
  thereby therefore therein these they this those though through throughout thus to together too toward towards under until unless up
  upon us ve very via was wasn we well were weren what whatever when whence whenever where whereas whereby wherein wherever whether
  which while who whoever whole whom whose why will with within without won would wouldn y yet you your yours yourself yourselves
`;

export const ENGLISH_STOP_WORDS: ReadonlySet<string> = new Set(ENGLISH.trim().split(/\s+/));

/** Words of a stop word file: separated by white space, `#` begins a comment. */
export function parseStopWords(text: string): Set<string> {
  return new Set(
    text
      .replace(/#.*$/gm, '')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => word.toLowerCase()),
  );
}
