/** Which words two texts differ in. */

import { diffArrays } from "diff";

/** What the base has and the text lacks, what the text has, and whether these are the same. */
export type Piece = [lost: string, found: string, same: boolean];

/** Texts that differ in more words than this differ as a whole: finding out takes quadratic time. */
const MOST_EDITS = 500;

/** The pieces of two texts, word by word. */
export function differences(base: string, text: string): Piece[] {
  const changes = diffArrays(words(base), words(text), { maxEditLength: MOST_EDITS });
  if (!changes) return [[base, text, false]];
  const pieces: Piece[] = [];
  changes.forEach(({ value, added, removed }, place) => {
    const part = value.join("");
    // Spaces that are all that two changes leave between them are no likeness.
    const between = place > 0 && place < changes.length - 1;
    const same = !added && !removed && !(between && !part.trim());
    const last = pieces[pieces.length - 1];
    const piece: Piece = last?.[2] === same ? last : ["", "", same];
    if (piece !== last) pieces.push(piece);
    if (!added) piece[0] += part;
    if (!removed) piece[1] += part;
  });
  return pieces;
}

function words(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu) ?? [];
}
