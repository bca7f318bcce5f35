/** The part that is loaded when the first formula appears. */
import katex from "katex";

export default katex;
