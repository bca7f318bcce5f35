/** Which words two texts differ in. */

/** What the base has and the text lacks, what the text has, and whether these are the same. */
export type Piece = [lost: string, found: string, same: boolean];

/** So many comparisons take some milliseconds; longer texts differ as a whole between what begins and ends alike. */
const MOST = 4_000_000;

/** The pieces of two texts, word by word. */
export function differences(base: string, text: string): Piece[] {
  const [a, b] = [words(base), words(text)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  let pieces: Piece[] = [];
  const add = (lost: string, found: string, same: boolean): void => {
    const last = pieces[pieces.length - 1];
    if (last && last[2] === same) {
      last[0] += lost;
      last[1] += found;
    } else if (lost || found) {
      pieces.push([lost, found, same]);
    }
  };
  for (const word of a.slice(0, head)) add(word, word, true);
  compare(a.slice(head, a.length - tail), b.slice(head, b.length - tail), add);
  for (const word of a.slice(a.length - tail)) add(word, word, true);
  const found = pieces;
  pieces = [];
  found.forEach(([lost, text, same], place) => {
    // Spaces that are all that two changes leave between them are no likeness.
    const between = place > 0 && place < found.length - 1;
    add(lost, text, same && !(between && !text.trim()));
  });
  return pieces;
}

/** By the longest common subsequence. */
function compare(a: string[], b: string[], add: (lost: string, found: string, same: boolean) => void): void {
  const width = b.length + 1;
  if (a.length * b.length > MOST) {
    add(a.join(""), b.join(""), false);
    return;
  }
  // The length of what the rests from i and j have in common.
  const common = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j]!;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(a[i++]!, b[j++]!, true);
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      add(a[i++]!, "", false);
    } else {
      add("", b[j++]!, false);
    }
  }
}

function words(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu) ?? [];
}
