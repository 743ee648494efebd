/** Opinions of people on a diagnosis. */
export const FEEDBACK_VERDICTS = ['right', 'partly', 'wrong'] as const;
export type FeedbackVerdict = (typeof FEEDBACK_VERDICTS)[number];

/** Longest real cause that is stored, characters. */
export const MAX_CAUSE = 1_000;

export interface Feedback {
  verdict: FeedbackVerdict;
  /** The real cause, in a person's words. */
  cause?: string;
  by: string;
  /** ms since the epoch. */
  at: number;
}
